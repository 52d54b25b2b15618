"""Make examples.jpg, the picture in README.md: every colour photo of tests/photos, grey | coloured | truth.

python docs/examples.py
"""

from pathlib import Path

from colourise import images, load_model
from colourise.data.crops import square
from colourise.data.photos import find_photos, place_of, read_rgb
from colourise.evaluation.contact_sheets import contact_sheet, grey_of

HERE = Path(__file__).parent
photos = [path for path in find_photos(HERE.parent / "tests" / "photos") if place_of(path).suffix == ".jpg"]
truths = [square(read_rgb(path), 256) for path in photos]
rows = [
    [grey_of(truth), coloured, truth] for truth, coloured in zip(truths, load_model()(truths), strict=True)
]
sheet = contact_sheet(rows, columns=2)
images.write(images.Photo(sheet, None, "JPEG"), HERE / "examples.jpg", quality=90, overwrite=True)
