"""Choose the encoder of a format, run it, and say what the format loses."""

import os
from dataclasses import replace
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from colourise.errors import PhotoError
from colourise.files.names import FORMATS
from colourise.images import captions, limits, losses, pillow, png16
from colourise.images.contents import Contents, contents_of
from colourise.images.metadata import Metadata

_UNSEEN = "its metadata cannot be read back from the output, to see whether any are left out"
_MAX_SIDE = {"JPEG": 65_500, "WEBP": 16_383}  # pixels


def output_format(name: str) -> str:
    """Name the format (as Pillow does) of a suffix or a name, such as ".jpg" or "png".

    Raises:
        PhotoError: no such format can be written.
    """
    kind = FORMATS.get("." + name.lower().removeprefix("."))
    if kind is None:
        known = ", ".join(suffix[1:] for suffix in FORMATS)
        raise PhotoError(f"cannot write {name or 'a file without a suffix'}", advice=f"choose one of {known}")
    return kind


def encode(
    file: BinaryIO,
    kind: str,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    metadata: Metadata,
    quality: int | None,
) -> list[str]:
    """Encode a photo.

    Args:
        file: at its start; must seek.
        kind: Pillow's name of the format.
        pixels: (H, W) or (H, W, 3), uint8 or uint16.
        alpha: (H, W) of the same dtype, or None.
        metadata: goes in as far as the format has a place for it.
        quality: 1 to 100, for the lossy formats; None for the default.
    Returns:
        What the user must hear about losses.
    Raises:
        PhotoError: the format cannot hold a picture of this size.
        Exception: whatever an encoder raises.
    """
    height, width = pixels.shape[:2]
    limits.check_size(width, height)
    if max(width, height) > _MAX_SIDE.get(kind, max(width, height)):
        raise PhotoError(
            f"{width} x {height} is more than {kind} can hold", advice="write TIFF or PNG instead"
        )
    notes = []
    if pixels.dtype == np.uint16 and kind not in ("PNG", "TIFF"):
        notes.append(f"16 bits a channel became 8, as {kind} has no more; TIFF and PNG keep them")
    if alpha is not None and kind in pillow.NO_ALPHA:
        notes.append(f"what was transparent became white, as {kind} has no transparency; TIFF and PNG do")

    data = metadata if pixels.ndim == 3 else replace(metadata, icc=None)  # that is for RGB
    before = losses.fields(_contents(metadata)) if metadata.source is None else metadata.source
    if before and kind not in pillow.NO_METADATA:
        data = captions.fitted(data, kind)
    if data.edit and kind not in pillow.NO_METADATA:
        from colourise.images import provenance

        data = provenance.with_edit(data, pillow.JPEG_SEGMENT if kind == "JPEG" else None, notes)
    if kind == "TIFF":
        from colourise.images import tiff

        tiff.encode(file, pixels, alpha, data)
    elif kind == "PNG" and pixels.dtype == np.uint16:
        png16.encode(file, pixels, alpha, data)
    else:
        pillow.encode(file, kind, pixels, alpha, data, quality)
    if before:
        edited = data.edit is not None and kind not in pillow.NO_METADATA
        after = _written(file, kind)
        line = _UNSEEN if after is None else losses.left_out(before, after, edited=edited)
        notes += [line] if line else []
    return notes


def _written(file: BinaryIO, kind: str) -> losses.Fields | None:
    """Return the fields of a file that was written; None if they cannot be read back."""
    try:
        return _read_back(file, kind)
    except Exception:  # the picture is complete, and a decoder's opinion of its metadata is no reason to fail
        return None
    finally:
        file.seek(0, os.SEEK_END)


def _read_back(file: BinaryIO, kind: str) -> losses.Fields:
    if kind == "PNG":  # of which Pillow refuses some that others can read
        found = contents_of(file, kind, {}, Image.Exif())
    else:
        file.seek(0)
        with pillow.open_image(file, kind) as image:
            found = contents_of(file, kind, dict[Any, Any](image.info), image.getexif())
    return losses.fields(found)


def _contents(metadata: Metadata) -> Contents:
    """Return metadata as contents of a file."""
    tags = Image.Exif()
    tags.load(metadata.exif or b"")
    return Contents(
        tags,
        metadata.xmp,
        metadata.iptc,
        list(metadata.resources),
        list(metadata.comments),
        list(metadata.chunks),
    )
