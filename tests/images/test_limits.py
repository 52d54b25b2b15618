import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.pictures import refused, save
from PIL import Image

from colourise import images
from colourise.errors import PhotoError


def png_header(width: int, height: int, bits: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data, b"IEND")
    )


def bmp_header(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("bits", [8, 16])
def test_no_pixels(bits: int) -> None:
    assert "no pixels (1 x 0)" in refused(png_header(1, 0, bits))
    with pytest.raises(PhotoError, match="no pixels"):
        images.write(images.Photo(np.empty((0, 4, 3), np.uint8), None, "PNG"), io.BytesIO(), format="png")


@pytest.mark.parametrize(
    "data", [png_header(30000, 20000, 8), png_header(30000, 20000, 16), bmp_header(30000, 20000)]
)
def test_bomb(data: bytes) -> None:
    message = refused(data)
    assert "30000 x 20000" in message
    assert "600 megapixels" in message
    assert "limit of 500" in message


def test_bomb_beyond_pillows_own_limit() -> None:
    assert "500 megapixels" in refused(bmp_header(60000, 60000))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bomb_in_tiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((100, 100), dtype))
    monkeypatch.setattr("colourise.images.limits.MAX_PIXELS", 9999)
    assert "decompression bomb" in refused(tmp_path / "a.tif")


def test_large_photos_are_no_bombs(tmp_path: Path) -> None:
    """Pillow on its own warns above 89 megapixels, and warnings are errors here."""
    source = save(tmp_path / "a.png", Image.new("1", (10_000, 9_100)))
    assert images.read(source).pixels.shape == (9_100, 10_000)


def test_too_large_for_the_format(tmp_path: Path) -> None:
    photo = images.Photo(np.zeros((2, 16_384), np.uint8), None, "PNG")
    with pytest.raises(PhotoError, match="more than WEBP can hold"):
        images.write(photo, tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []
