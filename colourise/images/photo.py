"""Read a photo from a file, and write it to one.

`read` returns upright sRGB or grey pixels at the file's own depth, with the alpha channel and the metadata;
`write` writes all of it. In between, replace the pixels:
`dataclasses.replace(photo, pixels=coloured)`.

What to notice:
- Pillow handles 8 bits a channel (pillow.py). It reduces 16-bit colour to 8 bits without a warning,
  so 16-bit PNG, JPEG 2000 of more than 8 bits, and TIFF go other ways (png16.py, jpeg2000.py, tiff.py).
- A file appears under its name only when it is complete.
"""

import io
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from PIL import Image, UnidentifiedImageError

from colourise.errors import PhotoError
from colourise.files.atomic import atomic
from colourise.images import limits, losses, metadata as meta, pillow, stream
from colourise.images.contents import contents_of
from colourise.images.decode import decode
from colourise.images.encode import encode, output_format
from colourise.images.metadata import Metadata
from colourise.images.stored import to_srgb, turn

_LARGE = 2**20  # bytes; a file is asked for its length before so many are read
_LONGEST = 120  # characters of what a library says


@dataclass
class Photo:
    """A picture, its alpha channel and its metadata."""

    pixels: np.ndarray
    """(H, W) grey or (H, W, 3) sRGB; uint8 or uint16 over its full range; upright, C-contiguous."""
    alpha: np.ndarray | None
    """(H, W), of the same dtype as the pixels, not premultiplied; None: opaque."""
    format: str
    """Its format in the file, by Pillow's name: "JPEG", "PNG", "TIFF", "WEBP", "BMP", "AVIF", "HEIF" ..."""
    metadata: Metadata = field(default_factory=Metadata)
    """Metadata for the output."""
    notes: list[str] = field(default_factory=list)
    """Messages for the user, such as "animated: only the first of 12 frames is taken"."""


def read(source: Path | bytes | BinaryIO) -> Photo:
    """Read a photo from a file, from bytes, or from an open binary stream (standard input).

    Of a pipe, named or not, no more is read than a photo can have.

    Returns:
        The photo: upright, in sRGB, with 8 or 16 bits as the file has them (12 become 16).
    Raises:
        PhotoError: the file does not exist, is not an image, is damaged or truncated, has no pixels or
            too many, or is of a kind that is not supported.
    """
    pillow.prepare(limits.MAX_PIXELS)
    try:
        with _opened(source) as file:
            return _read(file)
    except Exception as err:  # a damaged file can make a decoder raise anything
        name = "standard input" if isinstance(source, bytes) or hasattr(source, "read") else str(source)
        raise _failure(err, reading=True).about(name) from err


def write(
    photo: Photo,
    target: Path | BinaryIO,
    *,
    format: str | None = None,  # noqa: A002
    quality: int | None = None,
    overwrite: bool = False,
    mode: int | None = None,
) -> list[str]:
    """Write a photo completely or not at all.

    Args:
        photo: what to write.
        target: a file, which appears under its name only when it is complete; or an open binary stream.
        format: such as "png"; by default that of the target's suffix, or for a stream that of the photo.
        quality: 1 to 100 for JPEG, WebP, AVIF and HEIF, by default as in `pillow.QUALITY`; PNG, TIFF and BMP
            are lossless.
        overwrite: whether the target may exist already.
        mode: permissions of a file that is new; None: as the umask says.
    Returns:
        Messages for the user about losses, such as "16 bits a channel became 8".
    Raises:
        PhotoError: the file cannot be written, or not in this format.
    """
    pillow.prepare(limits.MAX_PIXELS)
    try:
        if isinstance(target, Path):
            kind = output_format(format or target.suffix)
            with atomic(target, overwrite, mode=mode) as file:
                return encode(file, kind, photo.pixels, photo.alpha, photo.metadata, quality)
        buffer = io.BytesIO()  # encoders seek, streams cannot
        kind = output_format(format or photo.format)
        notes = encode(buffer, kind, photo.pixels, photo.alpha, photo.metadata, quality)
        target.write(buffer.getbuffer())
        return notes
    except Exception as err:  # each encoder has its own
        name = str(target) if isinstance(target, Path) else "standard output"
        raise _failure(err, reading=False).about(name) from err


def _read(file: BinaryIO) -> Photo:
    kind, stored = decode(file)
    contents = contents_of(file, kind, stored.info, stored.tags)
    if contents.profile:
        stored.info.setdefault("icc_profile", contents.profile)
    icc = to_srgb(stored)
    orientation = 1 if stored.upright else meta.orientation(contents.exif, contents.xmp)
    pixels = turn(stored.pixels, orientation)
    alpha = None if stored.alpha is None else turn(stored.alpha, orientation)
    height, width = pixels.shape[:2]
    own_profile = icc is not None and icc == stored.info.get("icc_profile")
    metadata = meta.collect(
        contents, stored.info, (width, height), icc, stored.notes, own_profile=own_profile
    )
    metadata.source = losses.fields(contents)
    return Photo(pixels, alpha, kind, metadata, stored.notes)


@contextmanager
def _opened(source: Path | bytes | BinaryIO) -> Iterator[BinaryIO]:
    """Open a source at its start, so that it seeks; a stream stays open, for it is the caller's."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    if hasattr(source, "read"):
        opened: AbstractContextManager[BinaryIO] = nullcontext(cast(BinaryIO, source))
    else:
        opened = _File(source.open("rb", buffering=0))
    with opened as file:
        if file.seekable() and file.tell() == 0:
            yield file
        else:
            with stream.spool(file) as spooled:
                yield spooled


class _File(io.BufferedReader):
    """A file that allocates memory for the bytes it has, not for those that a damaged length claims."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read at most `size` bytes, or the rest of the file if `size` is negative or None."""
        if size is not None and size > _LARGE:
            size = min(size, max(0, os.fstat(self.fileno()).st_size - self.tell()))
        return super().read(size)


def _failure(err: Exception, *, reading: bool) -> PhotoError:
    """Turn what a decoder, an encoder or the system raised into an error for the user, without a path."""
    text = " ".join(str(err).split()) or type(err).__name__
    if len(text) > _LONGEST:  # some libraries list every number they met
        text = f"{text[:_LONGEST]}..."
    again = "copy it again from its source"
    match err:
        case PhotoError():
            return err
        case MemoryError():
            return PhotoError(
                "not enough memory for it", advice="close other programs, or scale it down first"
            )
        case FileNotFoundError() if reading:
            return PhotoError("no such file")
        case FileNotFoundError():
            return PhotoError("no such folder", advice="create it first")
        case IsADirectoryError():
            return PhotoError("is a folder, not a photo")
        case PermissionError():
            return PhotoError("no permission to read it" if reading else "no permission to write here")
        case UnidentifiedImageError():
            return PhotoError("damaged or truncated in its first bytes", advice=again)
        case Image.DecompressionBombError():
            limit = f"{limits.MAX_PIXELS / 1e6:.0f} megapixels"
            reason = f"more than {limit}, which guards against decompression bombs"
            return PhotoError(reason, advice="scale or split it first")
        case LookupError() | TypeError() if reading:  # "0", or what a decoder could not add to what
            return PhotoError("damaged in its structure", advice=again)
        case OSError(strerror=str(strerror)):
            reason, _, advice = strerror.partition("; ")
            return PhotoError(reason, advice=advice)
    if not reading:
        return PhotoError(f"cannot be written: {text}")
    if isinstance(err, EOFError) or re.search("(?i)truncated|too (small|short)|end of", text):
        return PhotoError("truncated", advice=again)
    return PhotoError(f"damaged ({text})", advice=again)
