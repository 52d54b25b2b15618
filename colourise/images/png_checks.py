"""Look through the chunks of a PNG: are all its rows there, and what do its numbers mean?

Pillow takes the rows that a stream lacks as black, so they are counted before they are decoded.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
ADAM7 = (  # ISO/IEC 15948, 8.2: first column and row, and steps, of the seven passes
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
_ZLIB_HEADER = 2  # bytes
_NO_CHECKSUM = -15  # zlib's wbits: deflate alone, in the largest window
_PIECE = 2**16  # bytes that are read at once
_UNPACKED = 2**20  # bytes that are unpacked at once
_HDR = {16: "PQ", 18: "HLG"}  # transfer functions of ITU-T H.273


@dataclass(frozen=True)
class Header:
    """What IHDR says."""

    width: int
    """In pixels."""
    height: int
    """In pixels."""
    bits: int
    """A sample."""
    colour: int
    """Colour type: 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGB with alpha."""
    interlaced: bool
    """Whether it comes in seven passes."""

    @property
    def pixel_bits(self) -> int:
        """Bits a pixel."""
        return self.bits * _SAMPLES.get(self.colour, 1)

    def passes(self) -> list[tuple[slice, slice, int, int]]:
        """Return rows, columns, width and height of each pass with pixels; one if not interlaced."""
        if not self.interlaced:
            return [(slice(None), slice(None), self.width, self.height)]
        found = []
        for x, y, across, down in ADAM7:
            width, height = -((x - self.width) // across), -((y - self.height) // down)
            if width > 0 and height > 0:
                found.append((slice(y, None, down), slice(x, None, across), width, height))
        return found

    def row_bytes(self, width: int) -> int:
        """Return the bytes of a row of `width` pixels, with the byte that names its filter."""
        return 1 + -(-width * self.pixel_bits // 8)

    @property
    def unpacked(self) -> int:
        """Bytes of all rows, unpacked but still filtered."""
        return sum(self.row_bytes(width) * height for _, _, width, height in self.passes())


def read_header(head: bytes) -> Header:
    """Read the first 29 bytes of a PNG."""
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    return Header(width, height, bits, colour, interlaced=head[28] == 1)


def check_rows(file: BinaryIO, header: Header) -> bool:
    """Refuse a PNG whose pixels end before its last row.

    Args:
        file: is left where it was.
        header: of it.
    Returns:
        Whether the IDAT chunks hold the pixels, the right checksum, and no more.
    Raises:
        EOFError: rows are missing.
        ValueError: the pixels cannot be unpacked as far as that.
    """
    start = file.tell()
    try:
        return _count(_pixels(file), header.unpacked)
    finally:
        file.seek(start)


def has_right_checksums(file: BinaryIO) -> bool:
    """Tell whether every IDAT chunk has the checksum that it states; one that the file cuts off has none.

    Args:
        file: is left where it was.
    """
    start = file.tell()
    try:
        for name, length in _chunks(file):
            if name != b"IDAT":
                continue
            checksum = zlib.crc32(name)
            while length > 0 and (piece := file.read(min(length, _PIECE))):
                length -= len(piece)
                checksum = zlib.crc32(piece, checksum)
            stated = file.read(4)
            if len(stated) == 4 and int.from_bytes(stated) != checksum:
                return False
        return True
    finally:
        file.seek(start)


def unpack(packed: bytes, size: int) -> bytes:
    """Return the first `size` bytes that a zlib stream has, whatever its checksum says."""
    return zlib.decompressobj(_NO_CHECKSUM).decompress(packed[_ZLIB_HEADER:], size)


def _count(pieces: Iterator[bytes], expected: int) -> bool:
    """Count what a zlib stream has, as `check_rows` says, without keeping it."""
    stream = zlib.decompressobj(_NO_CHECKSUM)
    found, checksum, header, after = 0, 1, b"", b""
    for piece in pieces:
        if stream.eof:
            after += piece
            break
        header, rest = (header + piece)[:_ZLIB_HEADER], piece[_ZLIB_HEADER - len(header) :]
        while rest and not stream.eof and found <= expected:
            try:
                part = stream.decompress(rest, _UNPACKED)
            except zlib.error as err:
                if found < expected:
                    raise ValueError(f"its pixels cannot be unpacked: {err}") from err
                return False
            found += len(part)
            checksum = zlib.adler32(part, checksum)
            rest = stream.unconsumed_tail
        after = stream.unused_data
        if found > expected:
            return False
    last = stream.flush()
    if found + len(last) < expected:
        raise EOFError
    checksum = zlib.adler32(last, checksum)
    return stream.eof and after == checksum.to_bytes(4)


def light(file: BinaryIO) -> dict[str, Any]:
    """Read what the numbers mean where no ICC profile says it: "gamma", "chromaticity", "srgb" and "cicp".

    Args:
        file: is left where it was.
    """
    start = file.tell()
    info: dict[str, Any] = {}
    for name, length in _chunks(file):
        if name in (b"IDAT", b"IEND"):
            break
        if name == b"gAMA" and length == 4:
            info["gamma"] = int.from_bytes(file.read(4)) / 1e5
        elif name == b"cHRM" and length == 32:
            info["chromaticity"] = tuple(value / 1e5 for value in struct.unpack(">8I", file.read(32)))
        elif name == b"sRGB":
            info["srgb"] = True
        elif name == b"cICP" and length == 4:
            info["cicp"] = tuple(file.read(4))
    file.seek(start)
    return info


def _pixels(file: BinaryIO) -> Iterator[bytes]:
    """Yield the compressed pixels in pieces: the first IDAT chunks that follow each other."""
    begun = False
    for name, length in _chunks(file):
        if name == b"IDAT":
            begun = True
            while length > 0 and (piece := file.read(min(length, _PIECE))):
                length -= len(piece)
                yield piece
        elif begun:
            return


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """Yield name and length of each chunk, with the file at its content."""
    at = file.seek(8)
    while len(start := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", start)
        yield name, length
        at = file.seek(at + 12 + length)
