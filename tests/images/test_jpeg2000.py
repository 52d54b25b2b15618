from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from helpers.pictures import picture

from colourise import images


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg2000(tmp_path: Path, bits: int, channels: int) -> None:
    pixels = (picture(channels=channels) >> (16 - bits)).squeeze().astype(np.uint16 if bits > 8 else np.uint8)
    data = imagecodecs.jpeg2k_encode(pixels, bitspersample=bits, level=0)
    (tmp_path / "a.jp2").write_bytes(data)
    photo = images.read(tmp_path / "a.jp2")
    full = 255 if bits == 8 else 65535
    assert photo.pixels.dtype == pixels.dtype
    assert (photo.pixels == (pixels * (full / (2**bits - 1))).round()).all()
