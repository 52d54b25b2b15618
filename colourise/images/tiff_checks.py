"""Refuse a TIFF that would take too much memory or time, by its tags alone, before it is decoded."""

import io
import struct
from collections.abc import Iterator
from typing import Any

from PIL import Image

from colourise.errors import PhotoError

_MAX_BYTES = 8  # a pixel, of the largest picture: RGBA of 16 bits
_ANY_TILE, _ANY_STRIP = 2**24, 2**20  # pixels that a tile may always have, and a strip more than it should
_STREAMS = {1, 2, 3, 4, 5, 6, 8, 32773, 32946, 34925, 50000}
"""Compressions that fill a strip: none, CCITT, LZW, Pillow's JPEG, deflate, PackBits, LZMA, Zstandard."""
_PICTURES = {7, 33003, 33005, 34712, 50001}
"""Compressions that have a size of their own: JPEG, JPEG 2000, WebP."""
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def check_page(page: Any, max_pixels: int) -> None:
    """Refuse a `tifffile.TiffPage` that would take far more memory or time than its width and height say.

    Raises:
        PhotoError: it has several layers, too many bytes, or strips of a kind whose size is not known before.
        ValueError: its tiles are larger than the picture, or lie on top of each other; or there are several
            numbers where one should be.
    """
    across = page.tilewidth if page.is_tiled else page.imagewidth
    down = page.tilelength if page.is_tiled else page.rowsperstrip
    numbers = (page.compression, page.photometric, page.samplesperpixel, page.imagedepth, page.tiledepth)
    if not all(isinstance(number, int) for number in (*numbers, across, down)):
        raise ValueError("several numbers for one")
    if page.compression not in (*_STREAMS, *_PICTURES):
        name = getattr(page.compression, "name", f"kind {page.compression}")
        raise PhotoError(f"a TIFF with compression {name}", advice="save it with LZW, deflate or JPEG first")
    if page.imagedepth > 1 or page.tiledepth > 1:
        raise PhotoError("a TIFF of several layers", advice="save one of them as a TIFF of its own first")
    area = page.imagewidth * page.imagelength
    size = area * page.samplesperpixel * (page.dtype.itemsize if page.dtype else 1)
    if size > max_pixels * _MAX_BYTES:
        raise PhotoError(
            f"its pixels take {size / 1e9:.0f} GB", advice="convert it to 16 bits a channel first"
        )
    if across * down > max(4 * area, _ANY_TILE):
        raise ValueError(f"tiles of {across} x {down}")
    file = page.parent.filehandle
    there = [min(length, max(0, file.size - offset)) for offset, length in _segments(page)]
    if sum(there) > file.size + 2 * size:
        raise ValueError("strips on top of each other")
    if page.compression in _PICTURES:
        for offset, length in _segments(page):
            file.seek(offset)
            width, height = _picture_size(file.read(length))
            if width * height > across * down + _ANY_STRIP:
                raise ValueError(f"a picture of {width} x {height} within one of {across} x {down}")


def _segments(page: Any) -> Iterator[tuple[int, int]]:
    """Return offset and length in bytes of each strip or tile of a page."""
    return zip(page.dataoffsets, page.databytecounts, strict=False)


def _picture_size(data: bytes) -> tuple[int, int]:
    """Return width and height from the header of a strip of JPEG, JPEG 2000 or WebP."""
    if not data.startswith(b"\xff\xd8"):
        with Image.open(io.BytesIO(data), formats=("JPEG2000", "WEBP")) as image:
            return image.size
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:  # ISO/IEC 10918-1, B.1.1.2: marker and length
        marker = data[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise ValueError("a strip without size")
