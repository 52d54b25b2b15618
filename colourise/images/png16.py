"""Read and write PNG of 16 bits a channel, which Pillow would reduce to 8 without a warning.

Pixels are (H, W) grey or (H, W, 3) RGB, uint16; alpha is (H, W) of the same dtype, or None.

libpng (in imagecodecs) compresses the picture. The other chunks are written here, because no library does it:
Pillow cannot write 16-bit colour, and OpenCV does not put XMP into the iTXt chunk where readers look for it.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from colourise.images import captions
from colourise.images.channels import join, split
from colourise.images.metadata import Metadata
from colourise.images.png_checks import SIGNATURE, Header, unpack
from colourise.images.stored import Stored

_HEADER = 33  # bytes of signature and IHDR, after which the other chunks may come
_INCH = 0.0254  # metres


def decode(file: BinaryIO, header: Header, *, tidy: bool) -> Stored:
    """Decode a 16-bit PNG.

    Args:
        file: at its start.
        header: what its IHDR says.
        tidy: whether its IDAT chunks hold the pixels and no more, by `png_checks.check_rows`.
    Raises:
        EOFError: the file ends before its last chunk.
        ValueError: a chunk does not match its checksum.
        Exception: whatever else a damaged file makes libpng and zlib raise.
    """
    data = file.read()
    info: dict[str, Any] = {}
    tags = Image.Exif()
    packed, transparent = [], []
    for kind, chunk, whole in _chunks(data):
        if kind == b"IDAT":
            packed.append(chunk)
        elif kind == b"tRNS":
            transparent.append(whole)
        elif kind == b"eXIf":
            tags.load(chunk)
        elif kind == b"iCCP" and "icc_profile" not in info:  # a hundred would take minutes
            info["icc_profile"] = _inflate(chunk.split(b"\0", 1)[1][1:])
        elif kind == b"pHYs" and len(chunk) == 9 and chunk[8] == 1:  # 1: pixels a metre
            info["dpi"] = tuple(value * _INCH for value in struct.unpack(">II", chunk[:8]))
    picture = _decode_pixels(header, b"".join(packed), b"".join(transparent[:1]), tidy=tidy)
    pixels, alpha = split(picture, alpha=True)
    colours = (3,) if header.colour & 2 else ()
    return Stored((header.height, header.width, *colours), pixels, alpha, info, tags, [])


def _decode_pixels(header: Header, packed: bytes, transparent: bytes, *, tidy: bool) -> np.ndarray:
    """Decode the pixels with libpng, to (H, W) or (H, W, C).

    libpng is given files that have nothing else, because it prints warnings about other chunks. It prints one
    about interlaced pixels too, so each pass becomes a file of its own; and about pixels that do not match
    their checksum, so they are packed anew.

    Args:
        header: what IHDR says.
        packed: content of the IDAT chunks.
        transparent: a tRNS chunk, or nothing.
        tidy: whether `packed` holds the pixels, the right checksum, and no more.
    """
    import imagecodecs

    def decoded(width: int, height: int, packed: bytes) -> np.ndarray:
        start = struct.pack(">IIBBBBB", width, height, 16, header.colour, 0, 0, 0)
        chunks = _packed(b"IHDR", start), transparent, _packed(b"IDAT", packed), _packed(b"IEND", b"")
        return np.asarray(imagecodecs.png_decode(SIGNATURE + b"".join(chunks)))

    if tidy and not header.interlaced:
        return decoded(header.width, header.height, packed)
    rest = memoryview(unpack(packed, header.unpacked))
    pixels = np.empty(0)
    for rows, columns, width, height in header.passes():
        size = header.row_bytes(width) * height
        part = decoded(width, height, zlib.compress(rest[:size], 1))
        rest = rest[size:]
        if not pixels.size:
            pixels = np.empty((header.height, header.width, *part.shape[2:]), part.dtype)
        pixels[rows, columns] = part
    return pixels


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yield the name, the content and all bytes of each chunk, up to the last."""
    position, kind = 8, b""
    while kind != b"IEND":
        if position + 12 > len(data):
            raise EOFError("truncated")
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        whole = data[position : position + 12 + length]
        if len(whole) < 12 + length:
            raise EOFError("truncated")
        if zlib.crc32(memoryview(whole)[4:-4]) != int.from_bytes(whole[-4:]):
            raise ValueError("a checksum is wrong")
        position += 12 + length
        yield kind, whole[8:-4], whole


def check_header(chunk: bytes) -> None:
    """Refuse an IHDR about which libpng would print warnings."""
    if len(chunk) < 25:
        raise EOFError("truncated")
    *start, _, _, bits, colour, compression, rows, interlace = struct.unpack(">I4sIIBBBBB", chunk[:21])
    known = bits == 16 and colour in (0, 2, 4, 6) and (compression, rows) == (0, 0) and interlace < 2
    if start != [13, b"IHDR"] or not known:
        raise ValueError("its header is no PNG's")


def _inflate(data: bytes) -> bytes:
    """Decompress a chunk, up to 64 MB."""
    return zlib.decompressobj().decompress(data, 2**26)


def encode(
    file: BinaryIO,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    metadata: Metadata,
) -> None:
    """Write a 16-bit PNG."""
    import imagecodecs

    # Level 4: a quarter of the time of libpng's default 6, and the same size to 1 % on photos.
    data = imagecodecs.png_encode(join(pixels, alpha), level=4)
    file.write(data[:_HEADER])
    if metadata.icc:
        file.write(_packed(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        across, down = (round(value / _INCH) for value in metadata.dpi)
        file.write(_packed(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif:
        file.write(_packed(b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")))
    if metadata.xmp:
        file.write(_packed(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    for chunk in captions.png_chunks(metadata):
        file.write(_packed(chunk.name, chunk.data))
    file.write(memoryview(data)[_HEADER:])


def _packed(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
