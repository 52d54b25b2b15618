from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from helpers.pictures import SRGB, picture, picture8, refused
from PIL import Image

from colourise import images

SMALL = picture8(12, 16)[..., 2]
LARGE = picture8()[..., 2]


def pages(path: Path, *parts: tuple[np.ndarray, int], **options: Any) -> Path:
    """A TIFF of pages with their NewSubfileType."""
    with tifffile.TiffWriter(path, **options) as tiff:
        for pixels, _ in parts:
            tiff.write(pixels, subfiletype=2, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path, mode="r+") as opened:
        for page, (_, kind) in zip(list(opened.pages), parts, strict=True):
            page.tags[254].overwrite(kind)
    return path


@pytest.mark.parametrize(
    "options", [{}, {"bigtiff": True}, {"byteorder": ">"}, {"bigtiff": True, "byteorder": ">"}]
)
def test_a_thumbnail_comes_first(tmp_path: Path, options: dict[str, Any]) -> None:
    photo = images.read(pages(tmp_path / "a.tif", (SMALL, 1), (SMALL // 2, 1), (LARGE, 0), **options))
    assert (photo.pixels == LARGE).all()
    assert photo.notes == []


def test_pages_behind_a_thumbnail_are_counted(tmp_path: Path) -> None:
    photo = images.read(pages(tmp_path / "a.tif", (SMALL, 1), (LARGE, 0), (LARGE // 2, 0)))
    assert (photo.pixels == LARGE).all()
    assert photo.notes == ["2 pages: only the first is taken"]


def test_a_larger_page_is_named(tmp_path: Path) -> None:
    photo = images.read(pages(tmp_path / "a.tif", (SMALL, 0), (LARGE, 0)))
    assert (photo.pixels == SMALL).all()
    assert photo.notes == ["2 pages: only the first is taken, though there is one of 64 x 48 pixels"]


@pytest.mark.parametrize("order", [(1, 0), (0, 1)])
def test_a_mask_is_no_picture(tmp_path: Path, order: tuple[int, int]) -> None:
    parts = [(LARGE, 0), (LARGE // 128 * 255, 4)]
    photo = images.read(pages(tmp_path / "a.tif", *(parts[at] for at in order)))
    assert (photo.pixels == LARGE).all()
    assert photo.notes == ["left out: a mask beside the picture"]


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
@pytest.mark.parametrize("kind", [1, 0])
def test_the_picture_lies_under_its_thumbnail(tmp_path: Path, options: dict[str, Any], kind: int) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif", **options) as tiff:
        tiff.write(SMALL, subfiletype=kind, subifds=2, description="Hafen", metadata=None, iccprofile=SRGB)
        tiff.write(LARGE, subfiletype=0, metadata=None)
        tiff.write(SMALL // 2, subfiletype=1, metadata=None)
    photo = images.read(tmp_path / "a.tif")
    assert (photo.pixels == LARGE).all()
    assert photo.notes == []
    tags = Image.Exif()
    tags.load(photo.metadata.exif)
    assert tags[270] == "Hafen"


def test_reductions_under_the_picture_are_none(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(LARGE, subifds=2, metadata=None)
        tiff.write(LARGE[::2, ::2], subfiletype=1, metadata=None)
        tiff.write(LARGE[::4, ::4], subfiletype=0, metadata=None)
    photo = images.read(tmp_path / "a.tif")
    assert (photo.pixels == LARGE).all()


def test_thumbnails_alone(tmp_path: Path) -> None:
    assert (images.read(pages(tmp_path / "a.tif", (SMALL, 1), (LARGE, 1))).pixels == LARGE).all()


def test_what_a_sensor_saw_under_a_thumbnail(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(SMALL, subfiletype=1, subifds=1, metadata=None)
        tiff.write(
            picture()[..., 0], photometric="cfa", metadata=None, extratags=[(33421, 3, 2, (2, 2), True)]
        )
    assert "raw camera file" in refused(tmp_path / "a.tif")


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}])
def test_a_thumbnail_before_a_page_that_pillow_reads(tmp_path: Path, options: dict[str, Any]) -> None:
    """YCbCr without JPEG."""
    colour = Image.fromarray(picture8()).convert("YCbCr")
    with tifffile.TiffWriter(tmp_path / "a.tif", **options) as tiff:
        tiff.write(SMALL, subfiletype=1, photometric="minisblack", metadata=None)
        tiff.write(np.asarray(colour), photometric="ycbcr", subsampling=(1, 1), metadata=None)
    photo = images.read(tmp_path / "a.tif")
    assert np.abs(photo.pixels.astype(int) - np.asarray(colour.convert("RGB"))).max() <= 1
