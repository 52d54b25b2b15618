"""Refuse a TIFF that would take too much memory or time, or whose strips are not all there.

Its tags alone tell most of it, before anything is decoded. Codecs that make up what their data lack (JPEG and
CCITT) are asked afterwards.
"""

import bisect
import io
import math
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from colourise.errors import PhotoError
from colourise.images import jpeg, jpeg2000

_MAX_BYTES = 8  # a pixel, of the largest picture: RGBA of 16 bits
_ANY_TILE, _ANY_STRIP = 2**24, 2**20  # pixels that a tile may always have, and a strip more than it should
_STREAMS = {1, 2, 3, 4, 5, 6, 8, 32773, 32946, 34925, 50000}
"""Compressions that fill a strip: none, CCITT, LZW, Pillow's JPEG, deflate, PackBits, LZMA, Zstandard."""
_PICTURES = {7, 33003, 33005, 34712, 50001}
"""Compressions that have a size of their own: JPEG, JPEG 2000, WebP."""
_CCITT = {2: "tiff_ccitt", 3: "group3", 4: "group4"}
"""Compressions by CCITT, and Pillow's names for them."""
_JPEG, _PLAIN = 7, 1
_PIXELS_A_BYTE = {1: 1, 5: 4096 * 8 / 12, 7: 8 * 64, 8: 1032, 32773: 64, 32946: 1032}
"""Bytes that a byte can unpack to at most, by compression: none, LZW, JPEG, deflate, PackBits, deflate."""
_BYTE_COUNTS = 279  # TIFF tag
_GROUP_3, _GROUP_4 = 3, 4
_END_OF_LINE = bytes(11) + b"\1"  # a bit each
_BLANK = 16  # rows that are blank at the end of a strip that may be incomplete
_SLACK = 64  # bytes that may follow the end of a strip
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def check_page(page: Any, max_pixels: int) -> None:
    """Refuse a `tifffile.TiffPage` that takes far more memory or time than its size says, or lacks strips.

    Lengths of strips that are missing are put in.

    Raises:
        EOFError: the file ends before a strip, or is too short for so many pixels.
        PhotoError: it has several layers, too many bytes, strips of a kind whose size is not known before, or
            strips that were left out.
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
    _mend_lengths(page, file.size)
    _check_there(page, file.size)
    there = [min(length, max(0, file.size - offset)) for offset, length in _segments(page)]
    if sum(there) > file.size + 2 * size:
        raise ValueError("strips on top of each other")
    packed = area * page.samplesperpixel * page.bitspersample / 8
    if packed > sum(there) * _PIXELS_A_BYTE.get(page.compression, math.inf) + _SLACK:
        raise EOFError
    if page.compression in _PICTURES:
        for offset, length in _segments(page):
            file.seek(offset)
            data = file.read(length)
            if data.startswith(jpeg2000.START):
                jpeg2000.check_tiles(data, 0)
            width, height = _picture_size(data)
            if width * height > across * down + _ANY_STRIP:
                raise ValueError(f"a picture of {width} x {height} within one of {across} x {down}")


def _mend_lengths(page: Any, size: int) -> None:
    """Put in the lengths of strips and tiles that a `tifffile.TiffPage` has as 0, or that are too short.

    As libtiff does it: what is not compressed has a known length, anything else ends where the next begins.

    Args:
        page: its `databytecounts` are changed.
        size: of the file, in bytes.
    """
    offsets, lengths = list(page.dataoffsets), list(page.databytecounts)
    lengths += [0] * (len(offsets) - len(lengths))
    ends = sorted({*offsets, page.offset, size})
    for index, offset in enumerate(offsets):
        after = bisect.bisect_right(ends, offset)
        room = ends[after] - offset if after < len(ends) else 0
        plain = _plain_length(page, index) if page.compression == _PLAIN else 0
        if offset and (lengths[index] == 0 or lengths[index] < plain):
            lengths[index] = min(room, plain) if plain else room
    page.databytecounts = tuple(lengths)


def _plain_length(page: Any, index: int) -> int:
    """Return the bytes of a strip or tile that is not compressed; 0 where that cannot be told."""
    channels = page.samplesperpixel if page.planarconfig == 1 else 1
    if not all(isinstance(number, int) for number in (channels, page.bitspersample, page.rowsperstrip)):
        return 0
    if page.is_tiled:
        return int(-(-page.tilewidth * channels * page.bitspersample // 8) * page.tilelength)
    if not page.rowsperstrip or page.is_subsampled:
        return 0
    strips = -(-page.imagelength // page.rowsperstrip)
    rows = min(page.rowsperstrip, page.imagelength - index % strips * page.rowsperstrip)
    return int(-(-page.imagewidth * channels * page.bitspersample // 8) * rows)


def _check_there(page: Any, size: int) -> None:
    """Refuse a `tifffile.TiffPage` of which strips or tiles are missing: tifffile would take them as black.

    Args:
        page: that is meant.
        size: of the file, in bytes.
    Raises:
        EOFError: the file ends before them.
        PhotoError: they were left out.
    """
    count = math.prod(page.chunked)
    segments = list(_segments(page))[:count]
    if len(segments) < count or any(offset >= size for offset, _ in segments):
        raise EOFError
    if left_out := sum(not (offset and length) for offset, length in segments):
        what = "tiles" if page.is_tiled else "strips"
        raise PhotoError(
            f"{left_out} of its {count} {what} are missing", advice="copy it again from its source"
        )


def check_segments(page: Any, pixels: np.ndarray) -> None:
    """Refuse a `tifffile.TiffPage` with a strip or tile of JPEG or CCITT whose data break off.

    Args:
        page: that was decoded.
        pixels: (H, W, C) as they are stored.
    Raises:
        EOFError: there is one.
    """
    if page.compression != _JPEG and page.compression not in _CCITT:
        return
    file = page.parent.filehandle
    for index, (offset, length) in enumerate(_segments(page)):
        _, (plane, _, top, left, _), shape = page.decode(None, index)
        part = pixels[top : top + shape[1], left : left + shape[2]]
        if page.planarconfig == 2:
            part = part[..., plane : plane + 1]
        blank = jpeg.flat_corner(part) if page.compression == _JPEG else not part[-_BLANK:].any()
        if not blank or not part.size:
            continue
        file.seek(offset)
        data = file.read(length)
        if page.compression == _JPEG:
            breaks_off = _jpeg_breaks_off(page, index, data)
        else:
            breaks_off = _lacks_rows(page, part[..., 0], data)
        if breaks_off:
            raise EOFError


def _jpeg_breaks_off(page: Any, index: int, data: bytes) -> bool:
    def decoded(data: bytes) -> np.ndarray:
        tables = {"jpegtables": page.jpegtables, "jpegheader": page.jpegheader}
        return np.asarray(page.decode(data, index, **tables)[0])

    end = data.rfind(jpeg.END, len(data) - _SLACK)
    before = data if end < 0 else data[:end]
    return jpeg.breaks_off(decoded(data), lambda: decoded(jpeg.with_noise(before)))


def _lacks_rows(page: Any, bits: np.ndarray, data: bytes) -> bool:
    """Tell whether CCITT data end before their last rows, which are blank.

    In group 3 each row has its end marked. In the others there is one shortest code for a picture, and in
    group 4 a blank row after another is a bit of 1.

    Args:
        page: of the strip.
        bits: (H, W), 0 and 1, as they were decoded.
        data: of the strip.
    """
    import imagecodecs

    if page.fillorder == 2:
        data = bytes(imagecodecs.bitorder_decode(data))
    codes = np.unpackbits(np.frombuffer(data, np.uint8)).tobytes().rstrip(b"\0")
    if page.compression == _GROUP_3:
        return 0 < codes.count(_END_OF_LINE) < len(bits) - 1
    blank = int(np.argmax(bits[::-1].any(axis=1))) if bits.any() else len(bits)
    spare = 4
    if page.compression == _GROUP_4:
        ones = b"\1" * (blank - 2)
        if ones in codes[-len(ones) - 8 * _SLACK :]:
            return False
        spare = -blank // 2  # the last code may be that of a row which breaks off
    buffer = io.BytesIO()
    image = Image.fromarray(bits.astype(bool))
    image.save(buffer, "TIFF", compression=_CCITT[page.compression], strip_size=2**31 - 1)
    with Image.open(buffer, formats=("TIFF",)) as again:
        needed = int(np.sum(again.getexif()[_BYTE_COUNTS]))
    return needed > len(codes) // 8 + spare


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
