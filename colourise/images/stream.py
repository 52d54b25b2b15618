"""Take a photo from a pipe, in a number of bytes that has an end even where the pipe has none.

The first bytes say what it is, and the first megabyte how many pixels it has; then no more is read than such
a picture may have.
"""

import contextlib
import io
import tempfile
from typing import BinaryIO

from PIL import UnidentifiedImageError

from colourise.errors import PhotoError
from colourise.images import limits, pillow
from colourise.images.decode import HEAD, sniff

_PIECE = 2**20  # bytes that are read at once
_IN_MEMORY = 2**26  # bytes; more go to a temporary file
_BESIDE = 2**28  # bytes that a photo may have beside its pixels: other pictures, metadata
_A_PIXEL = 8  # bytes: RGB and alpha of 16 bits, without compression
_MOST = {"AVIF": 2**30, "HEIF": 2**30, "WEBP": 2**30}
"""Bytes of formats that are always compressed, and whose size is not asked for."""
_SIZE_COMES_FIRST = ("JPEG", "PNG", "GIF", "BMP", "JPEG2000")


def spool(stream: BinaryIO) -> BinaryIO:
    """Read a photo from a stream into memory, or into a temporary file that vanishes when it is closed.

    Args:
        stream: need not seek.
    Returns:
        The photo, at its start.
    Raises:
        PhotoError: it is no image, has too many pixels, or does not end where it should.
    """
    head = _read(stream, HEAD)
    kind = sniff(head)
    file: BinaryIO = io.BytesIO()
    try:
        file.write(head)
        size: tuple[int, int] | None = None
        next_look = _PIECE
        while piece := stream.read(_PIECE):
            file.write(piece)
            length = file.tell()
            if size is None and length >= next_look and isinstance(file, io.BytesIO):
                next_look = 2 * length
                size = _size(file.getvalue(), kind)
            _check_length(length, kind, size)
            if length > _IN_MEMORY and isinstance(file, io.BytesIO):
                data, file = file.getvalue(), tempfile.TemporaryFile()  # noqa: SIM115
                file.write(data)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _check_length(length: int, kind: str, size: tuple[int, int] | None) -> None:
    """Refuse a photo that goes on for longer than it may."""
    if length > _IN_MEMORY and size is None and kind in _SIZE_COMES_FIRST:
        raise PhotoError(
            f"has no picture in its first {length / 1e6:.0f} MB", advice="copy it again from its source"
        )
    pixels = limits.MAX_PIXELS if size is None else size[0] * size[1]
    most = _MOST.get(kind, _A_PIXEL * pixels + _BESIDE)
    if length > most:
        about = f"a picture of {size[0]} x {size[1]} pixels" if size else f"any {kind}"
        raise PhotoError(
            f"goes on after {most / 1e6:.0f} MB, more than {about} has", advice="give one photo alone"
        )


def _read(stream: BinaryIO, length: int) -> bytes:
    """Read as many bytes as there are, up to `length`; a pipe gives them in pieces."""
    data = b""
    while len(data) < length and (piece := stream.read(length - len(data))):
        data += piece
    return data


def _size(beginning: bytes, kind: str) -> tuple[int, int] | None:
    """Return width and height, if the beginning of a file says them.

    Raises:
        PhotoError: there are too many pixels, or none.
    """
    if kind not in _SIZE_COMES_FIRST:
        return None
    size = None
    with (
        contextlib.suppress(OSError, ValueError, SyntaxError, EOFError, UnidentifiedImageError),
        pillow.open_image(io.BytesIO(beginning), kind) as image,
    ):
        size = image.size
    if size:
        limits.check_size(*size)
    return size
