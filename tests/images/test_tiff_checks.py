import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from helpers.pictures import picture, picture8, refused
from PIL import Image

from colourise import images

LAYOUTS = {"strips": {"rowsperstrip": 16}, "tiles": {"tile": (16, 32)}, "one": {"rowsperstrip": 48}}
CODECS = ["none", "lzw", "zlib", "packbits", "zstd", "lzma", "jpeg", "jpeg2000"]


def tiff(path: Path, codec: str, layout: str, pixels: np.ndarray, **options: Any) -> Path:
    compression = {} if codec == "none" else {"compression": codec}
    tifffile.imwrite(
        path, pixels, photometric="rgb", metadata=None, **compression, **LAYOUTS[layout], **options
    )
    return path


def edit(path: Path, *, lengths: Any = None, offsets: Any = None) -> None:
    """Change the lengths and the offsets of all strips or tiles, by a function of each."""
    with tifffile.TiffFile(path, mode="r+") as opened:
        page = opened.pages.first
        codes = (325, 324) if page.is_tiled else (279, 273)
        for code, change in zip(codes, (lengths, offsets), strict=True):
            if change is not None:
                values = np.atleast_1d(page.tags[code].value).tolist()
                values = [change(index, value) for index, value in enumerate(values)]
                page.tags[code].overwrite(values if len(values) > 1 else values[0])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("codec", CODECS)
def test_lengths_of_zero(tmp_path: Path, codec: str, layout: str) -> None:
    whole = images.read(tiff(tmp_path / "a.tif", codec, layout, picture8())).pixels
    edit(tmp_path / "a.tif", lengths=lambda index, value: 0)
    assert (images.read(tmp_path / "a.tif").pixels == whole).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("options", [{}, {"planarconfig": "separate"}])
def test_lengths_that_are_too_short(tmp_path: Path, layout: str, options: dict[str, Any]) -> None:
    """Of what is not compressed."""
    pixels = np.moveaxis(picture(), -1, 0) if options else picture()
    tiff(tmp_path / "a.tif", "none", layout, pixels, **options)
    edit(tmp_path / "a.tif", lengths=lambda index, value: value // 3)
    assert (images.read(tmp_path / "a.tif").pixels == picture()).all()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("codec", CODECS)
def test_what_was_left_out(tmp_path: Path, codec: str, layout: str) -> None:
    tiff(tmp_path / "a.tif", codec, layout, picture8())
    count = {"strips": 3, "tiles": 6, "one": 1}[layout]
    what = "tiles" if layout == "tiles" else "strips"
    edit(tmp_path / "a.tif", offsets=lambda index, value: 0 if index == 0 else value)
    assert refused(tmp_path / "a.tif").startswith(f"1 of its {count} {what} are missing")
    edit(tmp_path / "a.tif", lengths=lambda index, value: 0 if index == 0 else value)
    assert refused(tmp_path / "a.tif").startswith(f"1 of its {count} {what} are missing")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("codec", CODECS[1:])
def test_what_breaks_off(tmp_path: Path, codec: str, layout: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    tiff(tmp_path / "a.tif", codec, layout, noise)
    edit(tmp_path / "a.tif", lengths=lambda index, value: value // 2 if index == 0 else value)
    assert "copy it again" in refused(tmp_path / "a.tif")


def scan(height: int = 400) -> Image.Image:
    """A page of writing, with a blank foot."""
    dots = np.random.default_rng(0).random((height, 300)) < 0.2
    dots[:, :40] = dots[height * 3 // 4 :] = False
    return Image.fromarray(~dots)


@pytest.mark.parametrize("codec", ["tiff_ccitt", "group3", "group4"])
@pytest.mark.parametrize("white", [0, 1])
@pytest.mark.parametrize("strip", [2**20, 5000])
def test_fax(tmp_path: Path, codec: str, white: int, strip: int) -> None:
    scan().save(tmp_path / "a.tif", compression=codec, tiffinfo={262: white}, strip_size=strip)
    whole = images.read(tmp_path / "a.tif").pixels
    assert (whole == 255).mean() > 0.5
    for share in (0.3, 0.6):
        scan().save(tmp_path / "a.tif", compression=codec, tiffinfo={262: white}, strip_size=strip)
        edit(
            tmp_path / "a.tif",
            lengths=lambda index, value, share=share: int(value * share) if index == 0 else value,
        )
        assert refused(tmp_path / "a.tif").startswith("truncated")


def test_fax_without_an_end_of_block(tmp_path: Path) -> None:
    scan().save(tmp_path / "a.tif", compression="group4", strip_size=2**20)
    whole = images.read(tmp_path / "a.tif").pixels
    edit(tmp_path / "a.tif", lengths=lambda index, value: value - 3)
    assert (images.read(tmp_path / "a.tif").pixels == whole).all()


def test_flat_tiles_of_jpeg_are_whole(tmp_path: Path) -> None:
    pixels = picture8(96, 128)
    pixels[20:, 10:] = 255
    for layout in LAYOUTS:
        tiff(tmp_path / "a.tif", "jpeg", layout, pixels)
        assert images.read(tmp_path / "a.tif").pixels.shape == (96, 128, 3)


def test_a_bomb_in_a_few_bytes(tmp_path: Path) -> None:
    for codec in ("zlib", "lzw", "packbits"):
        tiff(tmp_path / "a.tif", codec, "one", picture8(), software="")
        with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as opened:
            for tag in (256, 257, 278):
                opened.pages.first.tags[tag].overwrite(20_000)
        assert refused(tmp_path / "a.tif").startswith("truncated")


def test_missing_tiles_of_a_codestream(tmp_path: Path) -> None:
    """JPEG 2000 in a strip, with tiles of its own."""
    buffer = io.BytesIO()
    Image.fromarray(picture8()).save(buffer, "JPEG2000", tile_size=(24, 24), no_jp2=True)
    data = buffer.getvalue()
    at = data.index(b"\xff\x90")
    at += int.from_bytes(data[at + 6 : at + 10])
    for codestream, reason in ((data, ""), (data[:at] + b"\xff\xd9", "5 of its 6 tiles are missing")):
        tifffile.imwrite(
            tmp_path / "a.tif",
            iter([codestream]),
            shape=(48, 64, 3),
            dtype=np.uint8,
            photometric="rgb",
            compression=33005,
            rowsperstrip=48,
            metadata=None,
        )
        if reason:
            assert refused(tmp_path / "a.tif").startswith(reason)
        else:
            assert np.abs(images.read(tmp_path / "a.tif").pixels.astype(int) - picture8()).max() < 30


def test_bits_in_another_order(tmp_path: Path) -> None:
    scan().save(tmp_path / "a.tif", compression="group4", strip_size=2**20)
    whole = images.read(tmp_path / "a.tif").pixels
    scan().save(tmp_path / "b.tif", compression="group4", strip_size=2**20, tiffinfo={266: 2})
    assert (images.read(tmp_path / "b.tif").pixels == whole).all()
    edit(tmp_path / "b.tif", lengths=lambda index, value: value // 2)
    assert refused(tmp_path / "b.tif").startswith("truncated")
