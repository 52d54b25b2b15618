import struct
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
from helpers.pictures import picture, refused

from colourise import images
from colourise.images.icc import of_chunks
from colourise.images.png_checks import ADAM7


def chunks(*parts: tuple[bytes, bytes]) -> bytes:
    """A PNG of chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def rows(pixels: np.ndarray, *, interlaced: bool) -> bytes:
    """All rows of (H, W, C), unfiltered."""

    def passes() -> Iterator[np.ndarray]:
        for x, y, across, down in ADAM7 if interlaced else [(0, 0, 1, 1)]:
            yield pixels[y::down, x::across]

    big_endian = pixels.dtype.newbyteorder(">")
    return b"".join(b"\0" + row.astype(big_endian).tobytes() for part in passes() for row in part if row.size)


def png(pixels: np.ndarray, *extra: tuple[bytes, bytes], interlaced: bool = False, keep: float = 1) -> bytes:
    """A PNG that has the first of its pixels, in a stream that is whole."""
    height, width, channels = pixels.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, pixels.itemsize * 8, colour, 0, 0, interlaced)
    data = rows(pixels, interlaced=interlaced)
    packed = zlib.compress(data[: round(keep * len(data))])
    return chunks((b"IHDR", header), *extra, (b"IDAT", packed), (b"IEND", b""))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_rows_are_counted(interlaced: bool, dtype: type, channels: int) -> None:
    for size in ((33, 21), (3, 1), (1, 9)):
        pixels = (picture(*size, channels) >> (0 if dtype == np.uint16 else 8)).astype(dtype)
        photo = images.read(png(pixels, interlaced=interlaced))
        colours = 1 if channels < 3 else 3
        assert (photo.pixels.reshape(*size, colours) == pixels[..., :colours]).all()
        assert (photo.alpha is None) == (channels in (1, 3))
        for keep in (0, 0.1, 0.5, 0.98):
            length = len(rows(pixels, interlaced=interlaced))
            if round(keep * length) < length:
                assert "truncated" in refused(png(pixels, interlaced=interlaced, keep=keep))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4])
def test_rows_of_less_than_a_byte_a_pixel_are_counted(interlaced: bool, bits: int) -> None:
    size = width, height = 21, 13
    lengths = [
        (-(-width_ * bits // 8) + 1) * height_
        for x, y, across, down in (ADAM7 if interlaced else [(0, 0, 1, 1)])
        if (width_ := len(range(x, width, across))) and (height_ := len(range(y, height, down)))
    ]
    header = struct.pack(">IIBBBBB", *size, bits, 0, 0, 0, interlaced)
    for missing in (0, 1):
        data = zlib.compress(bytes(sum(lengths) - missing))
        file = chunks((b"IHDR", header), (b"IDAT", data), (b"IEND", b""))
        if missing:
            assert "truncated" in refused(file)
        else:
            assert images.read(file).pixels.shape == (height, width)


@pytest.mark.parametrize("interlaced", [False, True])
def test_libpng_keeps_quiet_about_pixels(interlaced: bool, capfd: pytest.CaptureFixture[str]) -> None:
    pixels = picture(20, 30, 3)
    packed = zlib.compress(rows(pixels, interlaced=interlaced))
    header = struct.pack(">IIBBBBB", 30, 20, 16, 2, 0, 0, interlaced)
    for data in (packed[:-4] + b"abcd", packed + b"more", packed[:-4]):
        photo = images.read(chunks((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")))
        assert (photo.pixels == pixels).all()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("gamma", [0.35, 0.55556, 1.0, 2.5])
@pytest.mark.parametrize("channels", [1, 3])
def test_gamma(dtype: type, gamma: float, channels: int) -> None:
    """ISO/IEC 15948, 13.13, then IEC 61966-2-1."""
    full = np.iinfo(dtype).max
    stored = np.repeat(np.linspace(0, full, 256).round().astype(dtype).reshape(16, 16, 1), channels, axis=2)
    light = (stored / full) ** (1 / gamma)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    photo = images.read(png(stored, (b"gAMA", struct.pack(">I", round(gamma * 1e5)))))
    assert photo.notes == []
    expected = (srgb * full).reshape(photo.pixels.shape) if channels == 3 else (srgb * full)[..., 0]
    assert np.abs(photo.pixels - expected).max() < (1 if dtype == np.uint8 else 20)
    assert photo.metadata.icc is not None


@pytest.mark.parametrize(
    "extra",
    [
        [(b"gAMA", struct.pack(">I", 45455))],
        [(b"gAMA", struct.pack(">I", 100_000)), (b"sRGB", b"\0")],
        [(b"gAMA", struct.pack(">I", 0))],
        [(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))],
        [(b"gAMA", struct.pack(">I", 100_000)), (b"cICP", b"\1\x0d\0\1")],
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_what_is_srgb_stays(extra: list[tuple[bytes, bytes]], dtype: type) -> None:
    pixels = (picture(9, 12) >> (0 if dtype == np.uint16 else 8)).astype(dtype)
    photo = images.read(png(pixels, *extra))
    assert (photo.pixels == pixels).all()
    assert photo.metadata.icc is None


def test_primaries() -> None:
    wide = (b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000))  # Adobe RGB
    pixels = np.full((4, 4, 3), (0, 200, 0), np.uint8)
    photo = images.read(png(pixels, wide))
    assert (photo.pixels[..., 1] > 195).all()
    grey = np.full((4, 4, 3), 100, np.uint8)
    assert np.abs(images.read(png(grey, wide)).pixels.astype(int) - 100).max() <= 4
    nonsense = (b"cHRM", struct.pack(">8I", *[0] * 8))
    assert "ignored" in images.read(png(pixels, nonsense)).notes[0]
    assert "ignored" in images.read(png(pixels, (b"gAMA", struct.pack(">I", 1)))).notes[0]
    assert of_chunks(0.45, None, grey=False) is None


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_zeros_in_place_of_pixels(interlaced: bool, bits: int) -> None:
    """What a download or a disk has not written: zeros can be unpacked, and fill the rows that lack."""
    pixels = (picture(64, 64, 3) >> (16 - bits)).astype(f"u{bits // 8}")
    data = png(pixels, interlaced=interlaced)
    for at in range(len(data) // 3, len(data) - 200, len(data) // 6):
        for zeros in (100, len(data) - at):
            zeroed = data[:at] + bytes(zeros) + data[at + zeros :]
            assert refused(zeroed).startswith(("damaged (", "truncated"))


def test_a_wrong_checksum_of_right_pixels_is_passed_over() -> None:
    pixels = (picture(64, 64, 3) >> 8).astype(np.uint8)
    data = png(pixels)
    at = data.index(b"IEND") - 8
    assert (images.read(data[:at] + bytes(4) + data[at + 4 :]).pixels == pixels).all()
