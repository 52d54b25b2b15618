"""Choose a file's decoder by its first bytes, and run it."""

import struct
from typing import BinaryIO

from PIL import UnidentifiedImageError

from colourise.errors import PhotoError
from colourise.images import limits, pillow, png16
from colourise.images.stored import Stored


def decode(file: BinaryIO) -> tuple[str, Stored]:
    """Decode a photo.

    Args:
        file: at its start; must seek.
    Returns:
        Its format, by Pillow's name, and the picture.
    Raises:
        PhotoError: it is no image, has no pixels or too many, or is of a kind that is not supported.
        Exception: whatever a damaged file makes a decoder raise.
    """
    head = file.read(64)
    file.seek(0)
    if not head:
        raise PhotoError("empty (0 bytes)", advice="copy it again from its source")
    kind = _sniff(head)
    if kind == "TIFF":
        from colourise.images import tiff

        return kind, tiff.decode(file)
    if kind == "PNG":
        if head[12:16] != b"IHDR" or len(head) < 29:  # libpng and Pillow would look for it further on
            raise UnidentifiedImageError
        limits.check_size(*struct.unpack(">II", head[16:24]))
        if head[24] == 16:
            return kind, png16.decode(file)
    return kind, pillow.decode(file, kind)


def _sniff(head: bytes) -> str:
    """Name the format (as Pillow does) that a file's first bytes announce."""
    for start, kind in {
        b"\xff\xd8\xff": "JPEG",
        b"\x89PNG\r\n\x1a\n": "PNG",
        b"II*\0": "TIFF",
        b"MM\0*": "TIFF",
        b"II+\0": "TIFF",  # BigTIFF
        b"MM\0+": "TIFF",
        b"BM": "BMP",
        b"GIF8": "GIF",
        b"\xff\x4f\xff\x51": "JPEG2000",
        b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    }.items():
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = head[8 : int.from_bytes(head[:4])]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")):
            return "HEIF"
    raise PhotoError("not an image", advice="give a JPEG, PNG, TIFF, WebP, BMP, AVIF or HEIC file")
