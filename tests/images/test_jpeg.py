import io
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from helpers.pictures import exif, exif_of, picture, picture8, refused
from PIL import Image

from colourise import images
from colourise.images import jpeg

WHOLE = "its end marker is missing, but all of the picture is there"


def encoded(pixels: np.ndarray, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **options)
    return buffer.getvalue()


VARIANTS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "optimised": {"optimize": True},
    "subsampled": {"subsampling": "4:2:0"},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("channels", [1, 3])
def test_end_marker(variant: str, channels: int) -> None:
    data = encoded(picture8(96, 128, channels).squeeze(), **VARIANTS[variant])
    whole = images.read(data)
    assert whole.notes == []
    for cut in (1, 2):
        photo = images.read(data[:-cut])
        assert photo.notes == [WHOLE]
        assert (photo.pixels == whole.pixels).all()
    for cut in (20, len(data) // 3):
        assert refused(data[:-cut]).startswith("truncated")
        assert refused(data[:-cut] + bytes(500)).startswith("truncated")  # never written to the disk


@pytest.mark.parametrize("variant", ["baseline", "restarts", "subsampled"])
@pytest.mark.parametrize("end", [b"\xff\xd9", b"\xff\xd9 and a trailer"])
def test_an_end_marker_too_early(variant: str, end: bytes) -> None:
    data = encoded(picture8(96, 128), **VARIANTS[variant])
    for share in (0.5, 0.7, 0.9):
        assert refused(data[: int(len(data) * share)] + end).startswith("truncated")


def test_flat_corners_are_sound() -> None:
    for level in (0, 127, 255):
        for options in VARIANTS.values():
            pixels = picture8(96, 128)
            pixels[40:] = level
            assert images.read(encoded(pixels, **options)).notes == []


def test_end_marker_of_the_main_picture_alone() -> None:
    buffer = io.BytesIO()
    main, other = Image.fromarray(picture8()), Image.fromarray(np.full((48, 64, 3), 9, np.uint8))
    main.save(buffer, "MPO", save_all=True, append_images=[other])
    header = jpeg.read_header(buffer.getvalue())
    assert header.end is not None
    assert header.end < len(buffer.getvalue()) - 300
    assert (header.width, header.height, len(header.sampling)) == (64, 48, 3)


@pytest.mark.parametrize(("bits", "lossless"), [(12, False), (12, True), (16, True)])
@pytest.mark.parametrize("channels", [1, 3])
def test_more_than_8_bits(bits: int, lossless: bool, channels: int) -> None:
    pixels = (picture(96, 128, channels) >> (16 - bits)).squeeze()
    data = bytes(imagecodecs.jpeg8_encode(pixels, level=98, bitspersample=bits, lossless=lossless))
    like = encoded(picture8(8, 8, 1).squeeze(), exif=exif(6).tobytes(), dpi=(300, 300))
    data = like[: like.index(b"\xff\xdb")] + data[2:]  # with the segments of another file
    photo = images.read(data)
    assert photo.pixels.dtype == np.uint16
    expected = np.rot90(pixels * (65535 / (2**bits - 1)), -1)
    assert np.abs(photo.pixels - expected).mean() < (1 if lossless else 300)
    assert exif_of(photo)[315] == "A. Sander"
    assert images.read(data[:-2]).notes == [WHOLE]
    assert refused(data[: len(data) // 2]).startswith("truncated")


def test_jpeg_ls(tmp_path: Path) -> None:
    pixels = picture()[..., 2].copy()
    (tmp_path / "a.jpg").write_bytes(imagecodecs.jpegls_encode(pixels))
    assert (images.read(tmp_path / "a.jpg").pixels == pixels).all()


def test_scans_that_never_came() -> None:
    data = encoded(picture8(96, 128), progressive=True)
    assert images.read(data).notes == []
    scans = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    before = data.rfind(b"\xff\xc4", 0, scans[-1])  # its table of codes
    coarse = data[: before if before > scans[-2] else scans[-1]]
    photo = images.read(coarse + b"\xff\xd9")
    assert photo.notes == ["its finest details are missing: not all of its scans are there"]
    assert refused(coarse).startswith("truncated")
