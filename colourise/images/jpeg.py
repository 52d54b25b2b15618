"""Read JPEG: prove that all of its data are there, and decode more than 8 bits a channel.

libjpeg makes grey what a file lacks before its end marker, and Pillow refuses a file that lacks nothing but
that marker. In both cases the picture is decoded once more with noise behind its data. A decoder that has all
it needs never looks at the noise; one that has not makes another picture of it.
"""

import io
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from PIL import UnidentifiedImageError

from colourise.errors import PhotoError
from colourise.images import limits, pillow
from colourise.images.channels import full_range
from colourise.images.stored import Stored

END = b"\xff\xd9"

_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}  # start of frame; the last: of JPEG-LS
_ONE_SCAN = (0xC0, 0xC1, 0xC3)  # kinds that may come in one scan, as Huffman codes
_LOSSLESS, _ARITHMETIC, _LS = 0xC3, range(0xC9, 0xD0), 0xF7
_EXTENDED = b"\xc1"
_PROGRESSIVE = (0xC2, 0xCA)
_COEFFICIENTS, _BITS = 64, 16  # of a block; more than a coefficient has
_SCAN, _END, _RESTART_INTERVAL = 0xDA, 0xD9, 0xDD
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # a marker, other than those within a scan
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_NOISE = bytes(number for number in range(1, 255) for _ in range(2)) * 2  # no marker, and no flat picture
_ZEROS = 64  # bytes; more at the end were never written to the disk
_BLOCK = 8  # pixels


@dataclass
class Header:
    """What the markers say (ISO/IEC 10918-1, B.2)."""

    marker: int
    """Kind of compression."""
    at: int
    """Where its marker is."""
    bits: int
    """A sample."""
    height: int
    """In pixels."""
    width: int
    """In pixels."""
    sampling: list[tuple[int, int]]
    """Of each channel: samples across and down in the smallest unit."""
    scans: list[tuple[int, ...]] = field(default_factory=list)
    """Of each scan what its header says: how many channels, which, and which bits of which coefficients."""
    scan: int = 0
    """Where the marker of the first scan is."""
    end: int | None = None
    """Where the end marker is; None: there is none."""
    interval: int = 0
    """Units between restart markers; 0: there are no such markers."""


def decode(file: BinaryIO) -> Stored:
    """Decode the main picture of a file.

    Raises:
        EOFError: data are missing.
        PhotoError: it is of a kind that is not supported, or has too many pixels.
        Exception: whatever else a damaged file makes libjpeg raise.
    """
    data = file.read()
    header = read_header(data)
    limits.check_size(header.width, header.height)
    read = _decode_deep if header.bits > 8 or header.marker == _LS else _decode_plain
    if header.end is None and header.marker != _LS:
        written = data.rstrip(b"\0")
        data = written if len(data) - len(written) > _ZEROS else data
        if len(data) < header.scan or lacks_restarts(data, header) or lacks_scans(header):
            raise EOFError
        stored = read(data + END, header)
        if breaks_off(stored.pixels, lambda: read(with_noise(data), header)):
            raise EOFError
        stored.notes.append("its end marker is missing, but all of the picture is there")
        return stored
    stored = read(data, header)
    if lacks_scans(header):
        stored.notes.append("its finest details are missing: not all of its scans are there")
    if header.end is not None and flat_corner(stored.pixels) and header.marker not in _ARITHMETIC:
        before, after = data[: header.end], data[header.end :]
        if lacks_restarts(before, header) or breaks_off(
            stored.pixels, lambda: read(with_noise(before) + after[2:], header)
        ):
            raise EOFError
    return stored


def read_header(data: bytes) -> Header:
    """Read the markers up to the end of the main picture.

    Raises:
        UnidentifiedImageError: there is no frame.
        EOFError: there is no scan.
    """
    found, interval, at = None, 0, 2
    while 0 <= at < len(data) - 3:
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (0, 0xFF) or 0xD0 <= marker < 0xD8:
            at = data.find(b"\xff", at + 1)
            continue
        if marker == _END:
            break
        if marker in _FRAMES and found is None:
            bits, height, width, channels = struct.unpack(">BHHB", data[at + 4 : at + 10].ljust(6, b"\0"))
            factors = data[at + 11 : at + 10 + 3 * channels : 3]
            found = Header(marker, at, bits, height, width, [(f >> 4, f & 15) for f in factors])
        elif marker == _RESTART_INTERVAL:
            interval = int.from_bytes(data[at + 4 : at + 6])
        start, at = at, at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if marker == _SCAN:
            if found is None:
                break
            found.scan, found.interval = found.scan or start, interval
            found.scans.append(tuple(data[start + 4 : at]))
            if found.marker == _LS:
                return found
            after = _AFTER_SCAN.search(data, at)
            at = after.start() if after else -1
    if found is None:
        raise UnidentifiedImageError
    if not found.scan:
        raise EOFError
    if at >= 0 and data[at : at + 2] == END:
        found.end = at
    return found


def with_noise(data: bytes) -> bytes:
    """Return a JPEG up to its end marker, with noise and an end marker behind it."""
    return data.rstrip(b"\xff") + _NOISE + END


def lacks_scans(header: Header) -> bool:
    """Tell whether a progressive picture lacks bits of coefficients: it is whole then, but coarse."""
    if header.marker not in _PROGRESSIVE:
        return False
    left: dict[int, list[int]] = {}  # of each channel
    for count, *rest in header.scans:
        channels, (first, last, bits) = rest[: 2 * count : 2], rest[2 * count : 2 * count + 3]
        for channel in channels:
            of = left.setdefault(channel, [_BITS] * _COEFFICIENTS)
            of[first : last + 1] = [bits & 15] * len(of[first : last + 1])
    return len(left) < len(header.sampling) or any(any(of) for of in left.values())


def flat_corner(pixels: np.ndarray) -> bool:
    """Tell whether the last block of (H, W) or (H, W, C) is flat, as it is where data are missing."""
    corner = pixels[-_BLOCK:, -_BLOCK:]
    return bool((corner == corner[-1, -1]).all())


def breaks_off(pixels: np.ndarray, with_noise: Callable[[], Stored | np.ndarray]) -> bool:
    """Tell whether a decoder makes another picture of the same data when noise follows them."""
    try:
        other = with_noise()
    except Exception:  # it met the noise
        return True
    other = other.pixels if isinstance(other, Stored) else other
    return other.shape != pixels.shape or bool((other != pixels).any())


def lacks_restarts(data: bytes, header: Header) -> bool:
    """Tell whether a picture of one scan has too few restart markers; `data` end before the end marker."""
    if not header.interval or header.marker not in _ONE_SCAN or not header.sampling:
        return False
    if data[header.scan + 4] != len(header.sampling):  # there is a scan for each channel
        return False
    unit = 1 if header.marker == _LOSSLESS else _BLOCK
    across, down = (max(factors) * unit for factors in zip(*header.sampling, strict=True))
    if len(header.sampling) == 1:
        across = down = unit
    units = -(-header.width // across) * -(-header.height // down)
    found = sum(1 for _ in _RESTART.finditer(data, header.scan))
    return found < -(-units // header.interval) - 1


def _decode_plain(data: bytes, _: Header) -> Stored:
    return pillow.decode(io.BytesIO(data), "JPEG")


def _decode_deep(data: bytes, header: Header) -> Stored:
    """Decode 9 to 16 bits a sample, lossless or not, or JPEG-LS."""
    import imagecodecs

    channels = len(header.sampling)
    if channels not in (1, 3):
        raise PhotoError(
            f"a JPEG of {header.bits} bits with {channels} channels", advice="convert it to RGB or grey first"
        )
    if header.marker == _LS:
        pixels = imagecodecs.jpegls_decode(data)
    elif header.marker == _LOSSLESS and channels == 3:  # it would not be lossless in another colour space
        pixels = imagecodecs.jpeg8_decode(data, colorspace="rgb", outcolorspace="rgb")
    else:
        pixels = imagecodecs.jpeg8_decode(data)
    pixels = full_range(pixels, header.bits)
    like = bytearray(data[: header.scan])  # Pillow reads the segments of what it takes for 8 bits
    like[header.at + 1 : header.at + 2] = _EXTENDED
    like[header.at + 4] = 8
    with pillow.open_image(io.BytesIO(like + data[header.scan :]), "JPEG") as image:
        info, tags = pillow.facts(image, "JPEG")
    shape = (header.height, header.width, channels)
    return Stored(shape[:2] if channels == 1 else shape, pixels, None, info, tags, [])
