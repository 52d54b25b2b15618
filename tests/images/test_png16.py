import struct
import zlib
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from helpers.pictures import encoded, picture, picture8, refused, save
from PIL import Image

from colourise import images


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits(tmp_path: Path, channels: int) -> None:
    pixels = picture(channels=channels)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels.squeeze()))
    photo = images.read(tmp_path / "a.png")
    colours = 3 if channels > 2 else 1
    assert (photo.pixels.reshape(48, 64, colours) == pixels[..., :colours]).all()
    assert photo.pixels.dtype == np.uint16
    if channels in (2, 4):
        assert photo.alpha is not None
        assert (photo.alpha == pixels[..., -1]).all()
    else:
        assert photo.alpha is None
    coloured = replace(photo, pixels=picture())
    for suffix in (".png", ".tif"):
        assert images.write(coloured, tmp_path / f"b{suffix}") == []
        again = images.read(tmp_path / f"b{suffix}")
        assert (again.pixels == picture()).all()
        assert (again.alpha is None) == (photo.alpha is None)
        assert photo.alpha is None or (again.alpha == photo.alpha).all()


def test_transparent_colour(tmp_path: Path) -> None:
    grey = picture8()[..., 2]
    photo = images.read(save(tmp_path / "a.png", Image.fromarray(grey), transparency=int(grey[5, 5])))
    assert (photo.pixels == grey).all()
    assert ((photo.alpha == 0) == (grey == grey[5, 5])).all()
    deep = picture()
    data = imagecodecs.png_encode(deep)
    key = struct.pack(">3H", *deep[5, 5])
    chunk = struct.pack(">I", 6) + b"tRNS" + key + struct.pack(">I", zlib.crc32(b"tRNS" + key))
    photo = images.read(data[:33] + chunk + data[33:])
    assert (photo.pixels == deep).all()
    assert photo.alpha is not None
    assert photo.alpha[5, 5] == 0
    assert photo.alpha[0, 0] == 65535


def test_libpng_keeps_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    data = encoded(".png", deep=True)
    for place in (12, 20, 30, len(data) - 6):  # IHDR's name, data and checksum; IEND's name
        broken = bytearray(data)
        broken[place] ^= 1
        refused(bytes(broken))
    odd = b"gAMA" + bytes(4)  # a gamma of zero, rightly summed
    chunk = struct.pack(">I", 4) + odd + struct.pack(">I", zlib.crc32(odd))
    assert images.read(data[:33] + chunk + data[33:]).pixels.dtype == np.uint16
    assert capfd.readouterr() == ("", "")
