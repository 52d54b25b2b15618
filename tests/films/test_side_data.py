"""What lies beside the pixels of decoded pictures is read without harm."""

import subprocess
import sys
from pathlib import Path

from helpers.clips import pan
from helpers.films import Colourise
from PIL import Image, ImageCms

LOOK_AND_COLLECT = """
import gc, sys
from pathlib import Path
from colourise.films.losses import traits_of
from colourise.films.opening import open_film
with open_film(Path(sys.argv[1])) as container:
    for picture in container.decode(video=0):
        print(traits_of(picture), traits_of(picture))
        del picture
        gc.collect()
"""


def animation(folder: Path) -> Path:
    """An animated PNG with the name of an ICC profile in it."""
    first, *others = map(Image.fromarray, pan("coffee.jpg", 3))
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    first.save(folder / "a.apng", "PNG", save_all=True, append_images=others, icc_profile=icc)
    return folder / "a.apng"


def test_the_names_of_icc_profiles_are_not_freed_twice(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOOK_AND_COLLECT, str(animation(tmp_path))]
    looked = subprocess.run(command, capture_output=True, check=False)
    assert (looked.returncode, looked.stderr) == (0, b"")
    assert looked.stdout.startswith(b"{'ICC_PROFILE'} {'ICC_PROFILE'}\n")


def test_an_icc_profile_that_is_left_out_is_told(colourise: Colourise, tmp_path: Path) -> None:
    result = colourise(animation(tmp_path), "-o", tmp_path / "b.mp4")
    assert result.exit_code == 0
    assert "left out: its ICC profile" in result.stderr
