"""Every kind of picture keeps what is its own: L, depth, transparency, which way is up."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from helpers.photos import PHOTOS, pixels
from PIL import Image
from skimage.color import rgb2lab
from typer.testing import Result

Colourise = Callable[..., Result]


def L_of(picture: np.ndarray) -> np.ndarray:
    """CIE L by scikit-image, of grey or RGB at 8 or 16 bits."""
    scaled = picture / np.iinfo(picture.dtype).max
    return rgb2lab(scaled if picture.ndim == 3 else np.stack([scaled] * 3, -1))[..., 0]


@pytest.mark.parametrize("name", ["camera.png", "coffee.jpg", "rocket.jpg"])
def test_L_of_the_output_is_L_of_the_input(colourise: Colourise, tmp_path: Path, name: str) -> None:
    assert colourise(PHOTOS / name, "-o", tmp_path / "out.png").exit_code == 0
    coloured = pixels(tmp_path / "out.png")
    assert coloured.shape == (*pixels(PHOTOS / name).shape[:2], 3)
    assert np.abs(L_of(coloured) - L_of(pixels(PHOTOS / name))).max() < 0.35  # one level is up to 0.45


def test_a_rotated_jpeg_comes_out_upright(colourise: Colourise, tmp_path: Path) -> None:
    upright = Image.open(PHOTOS / "rocket.jpg").convert("L")
    tags = Image.Exif()
    tags[274], tags[315] = 6, "A. Sander"
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=tags, quality=98)
    assert colourise(tmp_path / "turned.jpg", "-o", tmp_path / "out.jpg", "--quality", "98").exit_code == 0
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.getexif().get(274, 1) == 1
        assert image.getexif()[315] == "A. Sander"
        coloured = np.asarray(image)
    assert np.abs(L_of(coloured) - L_of(np.asarray(upright))).mean() < 1


@pytest.mark.parametrize("channels", [1, 3])
def test_a_16_bit_tiff_keeps_its_depth(colourise: Colourise, tmp_path: Path, channels: int) -> None:
    small = np.linspace(2000, 60000, 40 * 60 * channels).round().astype(np.uint16)
    scan = small.reshape((40, 60, channels) if channels == 3 else (40, 60))
    tifffile.imwrite(tmp_path / "scan.tif", scan, photometric="rgb" if channels == 3 else "minisblack")
    assert colourise(tmp_path / "scan.tif").exit_code == 0
    coloured = tifffile.imread(tmp_path / "scan.colourised.tif")
    assert (coloured.dtype, coloured.shape) == (np.uint16, (40, 60, 3))
    assert np.abs(L_of(coloured) - L_of(scan)).max() < 0.01


def test_transparency_stays(colourise: Colourise, tmp_path: Path) -> None:
    photo = np.asarray(Image.open(PHOTOS / "chelsea.jpg"))
    alpha = np.tile(np.linspace(0, 255, photo.shape[1]).astype(np.uint8), (photo.shape[0], 1))
    Image.fromarray(np.dstack([photo, alpha])).save(tmp_path / "cut out.png")
    assert colourise(tmp_path / "cut out.png").exit_code == 0
    coloured = pixels(tmp_path / "cut out.colourised.png")
    assert (coloured[..., 3] == alpha).all()
    assert np.abs(L_of(coloured[..., :3]) - L_of(photo)).max() < 0.35


def test_heic(colourise: Colourise, tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    Image.open(PHOTOS / "chelsea.jpg").convert("L").save(tmp_path / "phone.HEIC", quality=95)
    assert colourise(tmp_path / "phone.HEIC").exit_code == 0
    before, coloured = pixels(tmp_path / "phone.HEIC"), pixels(tmp_path / "phone.colourised.HEIC")
    assert coloured.shape == (300, 451, 3)
    assert np.abs(L_of(coloured) - L_of(before)).mean() < 1
