"""Choose a file's decoder by its first bytes, and run it."""

import os
from typing import BinaryIO

from PIL import UnidentifiedImageError

from colourise.errors import PhotoError
from colourise.images import jpeg, limits, pillow, png16, png_checks
from colourise.images.stored import Stored, check

_USUAL = 100  # times that a photo is larger than its PNG, at most; beyond that, rows are counted first
HEAD = 64
"""Bytes at the start of a file that say what it is."""


def decode(file: BinaryIO) -> tuple[str, Stored]:
    """Decode a photo, and prove that its pixels are those that its header announces.

    Args:
        file: at its start; must seek.
    Returns:
        Its format, by Pillow's name, and the picture.
    Raises:
        PhotoError: it is no image, has no pixels or too many, or is of a kind that is not supported.
        Exception: whatever a damaged file makes a decoder raise.
    """
    head = file.read(HEAD)
    file.seek(0)
    kind = sniff(head)
    stored = _decode(file, kind, head)
    check(stored)
    return kind, stored


def _decode(file: BinaryIO, kind: str, head: bytes) -> Stored:
    """Hand a file to the decoder of its format."""
    match kind:
        case "TIFF":
            from colourise.images import tiff

            return tiff.decode(file)
        case "JPEG":
            return jpeg.decode(file)
        case "JPEG2000":
            from colourise.images import jpeg2000

            return jpeg2000.decode(file)
        case "PNG":
            return _decode_png(file, head)
        case "HEIF" | "AVIF":
            from colourise.images import heif_checks

            heif_checks.check_items(file)
    return pillow.decode(file, kind)


def _decode_png(file: BinaryIO, head: bytes) -> Stored:
    if head[12:16] != b"IHDR" or len(head) < 29:  # libpng and Pillow would look for it further on
        raise UnidentifiedImageError
    header = png_checks.read_header(head)
    limits.check_size(header.width, header.height)
    deep = header.bits == 16
    if deep:
        png16.check_header(head[8:33])
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    sound = png_checks.has_right_checksums(file)  # Pillow does not look at them
    if deep or header.interlaced or header.unpacked > _USUAL * length or not sound:
        tidy = png_checks.check_rows(file, header)
        if not sound and not tidy:  # else it is the checksum that is damaged
            raise ValueError("the checksum of its pixels is wrong")
    stored = png16.decode(file, header, tidy=tidy) if deep else pillow.decode(file, "PNG")
    stored.info |= png_checks.light(file)
    return stored


def sniff(head: bytes) -> str:
    """Name the format (as Pillow does) that a file's first HEAD bytes announce.

    Raises:
        PhotoError: it is no image.
    """
    if not head:
        raise PhotoError("empty (0 bytes)", advice="copy it again from its source")
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
