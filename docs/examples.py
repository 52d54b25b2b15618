"""Make examples.jpg, the picture in README.md: every colour photo of tests/photos, grey | coloured | truth.

python docs/examples.py
"""

from pathlib import Path

from colourise import images, load_model
from colourise.data import find_photos, read_rgb, square
from colourise.evaluate import contact_sheet

HERE = Path(__file__).parent
photos = [path for path in find_photos(HERE.parent / "tests" / "photos") if path.suffix == ".jpg"]
truths = [square(read_rgb(path), 256) for path in photos]
sheet = contact_sheet(list(zip(load_model()(truths), truths, strict=True)))
images.write(images.Photo(sheet, None, "JPEG"), HERE / "examples.jpg", quality=90, overwrite=True)
