"""Read grey TIFFs of old-style JPEG (compression 6), which libtiff reads only in colour.

Their strips belong to a JPEG whose header is elsewhere in the file, as a whole (JPEGInterchangeFormat) or in
tables (TIFF 6.0, section 22).
"""

import io
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import UnidentifiedImageError

from colourise.images import jpeg

_STREAM, _STREAM_LENGTH, _RESTARTS, _QUANTISATION, _DC, _AC = 513, 514, 515, 519, 520, 521  # TIFF tags
_TABLE = 64  # numbers of a quantisation table


def decode(file: BinaryIO, page: Any) -> np.ndarray:
    """Decode a page to (H, W) uint8.

    Raises:
        Exception: no JPEG of the size of the page can be put together, or it is damaged.
    """
    size = (page.imagelength, page.imagewidth)
    reason: Exception | None = None
    for data in _candidates(file, page):
        try:
            pixels = jpeg.decode(io.BytesIO(data)).pixels
        except Exception as err:  # no whole JPEG
            reason = reason if reason and not isinstance(reason, UnidentifiedImageError) else err
        else:
            if pixels.shape == size:
                return pixels
    raise reason or ValueError("its JPEG data cannot be put together")


def _candidates(file: BinaryIO, page: Any) -> Iterator[bytes]:
    """Yield the JPEG as a whole, its header with the strips behind it, and its tables with the strips."""
    strips = b"".join(
        _read(file, *segment) for segment in zip(page.dataoffsets, page.databytecounts, strict=False)
    )
    if start := _number(page, _STREAM):
        stream = _read(file, start, _number(page, _STREAM_LENGTH) or -1)
        yield stream
        yield stream.removesuffix(jpeg.END) + strips
    if strips.startswith(b"\xff\xd8"):
        yield strips
    if all(tag in page.tags for tag in (_QUANTISATION, _DC, _AC)):
        yield _header(file, page) + strips.removesuffix(jpeg.END) + jpeg.END


def _header(file: BinaryIO, page: Any) -> bytes:
    """Return the header of a baseline JPEG of one channel from the tables of a page."""

    def table(tag: int) -> bytes:
        return _read(file, _number(page, tag), 2 * 16 + 256)

    def segment(marker: int, content: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, 2 + len(content)) + content

    def codes(kind: int, tag: int) -> bytes:
        data = table(tag)
        return bytes([kind]) + data[: 16 + sum(data[:16])]

    frame = struct.pack(">BHHB", 8, page.imagelength, page.imagewidth, 1) + bytes([1, 0x11, 0])
    interval = _number(page, _RESTARTS)
    return (
        b"\xff\xd8"
        + segment(0xDB, b"\0" + table(_QUANTISATION)[:_TABLE])
        + segment(0xC0, frame)
        + segment(0xC4, codes(0x00, _DC))
        + segment(0xC4, codes(0x10, _AC))
        + (segment(0xDD, struct.pack(">H", interval)) if interval else b"")
        + segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))
    )


def _number(page: Any, tag: int) -> int:
    """Return the first number of a tag, 0 if it is missing."""
    return int(np.atleast_1d(page.tags.valueof(tag, default=0))[0])


def _read(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(length)
