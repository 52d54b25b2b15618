import io
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from helpers.pictures import CAPTION, IPTC, SRGB, XMP, exif, exif_of, picture, picture8, refused
from PIL import Image

from colourise import images

ADOBE = bytes(imagecodecs.cms_profile("adobergb"))
DULL = bytes(imagecodecs.cms_profile("gray", gamma=1.4))


def box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


def jp2(pixels: np.ndarray, bits: int, *, profile: bytes = b"", extra: bytes = b"", method: int = 2) -> bytes:
    """A JP2 file of OpenJPEG's codestream, with the boxes that are asked for."""
    codestream = bytes(imagecodecs.jpeg2k_encode(pixels, bitspersample=bits, level=0, codecformat="j2k"))
    height, width = pixels.shape[:2]
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    header = box(b"ihdr", struct.pack(">IIHBBBB", height, width, channels, bits - 1, 7, 0, 0))
    space = (
        bytes([method, 0, 0]) + profile
        if profile
        else b"\1\0\0" + struct.pack(">I", 17 if channels == 1 else 16)
    )
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"jp2h", header + box(b"colr", space)) + extra + box(b"jp2c", codestream)


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


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize(("channels", "profile"), [(1, DULL), (3, ADOBE)])
@pytest.mark.parametrize("method", [2, 3])
def test_profiles(bits: int, channels: int, profile: bytes, method: int) -> None:
    """The light is that of a TIFF with the same pixels and the same profile."""
    pixels = (picture(channels=channels) >> (16 - bits)).squeeze().astype(np.uint16 if bits > 8 else np.uint8)
    photo = images.read(jp2(pixels, bits, profile=profile, method=method))
    full = 255 if bits == 8 else 65535
    same = (pixels * (full / (2**bits - 1))).round().astype(pixels.dtype)
    buffer = io.BytesIO()
    plain = images.Photo(same, None, "TIFF", images.Metadata(icc=profile))
    images.write(images.Photo(same, None, "TIFF"), buffer) if channels == 1 else images.write(plain, buffer)
    if channels == 1:
        import tifffile

        buffer = io.BytesIO()
        tifffile.imwrite(buffer, same, iccprofile=profile)
    expected = images.read(buffer.getvalue())
    assert photo.notes == []
    assert (photo.pixels == expected.pixels).all()
    assert (photo.pixels != same).mean() > 0.5
    assert photo.metadata.icc == expected.metadata.icc


@pytest.mark.parametrize("bits", [8, 16])
def test_what_the_boxes_say(bits: int) -> None:
    pixels = picture8() if bits == 8 else picture()
    uuids = {
        "be7acfcb97a942e89c71999491e3afac": XMP,
        "4a706754696666457869662d3e4a5032": exif(3).tobytes()[6:],
        "33c7a4d2b81d4723a0baf1a3e097ad38": IPTC,
    }
    extra = b"".join(box(b"uuid", bytes.fromhex(uuid) + data) for uuid, data in uuids.items())
    photo = images.read(jp2(pixels, bits, profile=SRGB, extra=extra))
    assert (photo.pixels == pixels[::-1, ::-1]).all()
    assert photo.metadata.icc == SRGB
    assert photo.metadata.iptc == IPTC
    assert photo.metadata.xmp is not None
    assert exif_of(photo)[270].encode("latin-1").decode() == CAPTION


def test_numbers_with_a_sign() -> None:
    pixels = picture()[..., 0] >> 4
    data = bytearray(imagecodecs.jpeg2k_encode(pixels, bitspersample=12, level=0, codecformat="j2k"))
    data[42] |= 0x80  # in SIZ
    photo = images.read(bytes(data))
    assert np.abs(photo.pixels.astype(int) - (pixels * (65535 / 4095))).max() <= 17


def tiles() -> tuple[bytes, list[tuple[int, int]]]:
    """A codestream of six tiles, and where each lies."""
    buffer = io.BytesIO()
    Image.fromarray(picture8()).save(buffer, "JPEG2000", tile_size=(24, 24), no_jp2=True)
    data, found = buffer.getvalue(), []
    at = data.index(b"\xff\x90")
    while data[at : at + 2] == b"\xff\x90":
        length = int.from_bytes(data[at + 6 : at + 10])
        found.append((at, at + length))
        at += length
    return data, found


def test_missing_tiles() -> None:
    data, places = tiles()
    assert images.read(data).pixels.shape == (48, 64, 3)
    assert len(places) == 6
    for start, end in places:
        assert "1 of its 6 tiles are missing" in refused(data[:start] + data[end:])
    assert "3 of its 6 tiles are missing" in refused(data[: places[3][0]] + b"\xff\xd9")
    for cut in (10, len(data) // 2):
        assert refused(data[:-cut]).startswith("truncated")
    at = places[0][0]
    parts = bytearray(data)
    parts[at + 11] = 2  # the first tile has two parts
    assert "1 of its 6 tiles are missing" in refused(bytes(parts))


def test_no_end_of_codestream() -> None:
    data, _ = tiles()
    assert (images.read(data[:-2]).pixels == images.read(data).pixels).all()
