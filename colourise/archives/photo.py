"""One photo: read, coloured, written."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from colourise import images
from colourise.archives.job import PhotoOptions
from colourise.colouriser import Colouriser
from colourise.errors import PhotoError
from colourise.files.names import FORMATS
from colourise.files.stamp import Stamp
from colourise.files.storage import stamp_of
from colourise.images.pillow import to_8_bits
from colourise.lab.pictures import Pixels, lay_over
from colourise.version import __version__

COMPARE_SIDE = 2048  # longest side of each half of a before | after picture, in pixels


def colour(
    source: Path | bytes,
    target: Path | BinaryIO,
    colouriser: Colouriser,
    settings: PhotoOptions,
    *,
    sheet: Path | None = None,
    stamp: Stamp | None = None,
) -> list[str]:
    """Colour one photo, and return what the user must hear.

    Args:
        source: a file, or the bytes of one (standard input).
        target: a file, or a stream (standard output).
        colouriser: what colours.
        settings: how it is written.
        sheet: file for a before | after picture.
        stamp: of the source; when it has another one after it was read, nothing is written.
    Raises:
        PhotoError: it cannot be read, or its coloured version cannot be written.
    """
    for file in (target, sheet):
        if not isinstance(file, Path) or not file.is_file():
            continue
        if not settings.overwrite:
            raise PhotoError("is there already", path=file, advice="--overwrite makes it again")
        if isinstance(source, Path) and source.exists() and file.samefile(source):  # through a link
            raise PhotoError("would be written over", path=source, advice="choose another output")
    photo = images.read(source)
    if stamp is not None and isinstance(source, Path) and stamp_of(source) != stamp:
        raise PhotoError("changed while it was read", path=source, advice="run again when it is whole")
    before = shrunk(photo.pixels) if sheet else None
    photo.pixels = colouriser(photo.pixels)
    if settings.history:
        photo.metadata.edit = images.Edit(
            f"colourise {__version__}",
            colouriser.model.name,
            datetime.now().astimezone(),
            colouriser.model.digest,
        )
    kind = settings.format
    if isinstance(target, Path):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise PhotoError(f"cannot be made a folder ({err.strerror})", path=target.parent) from err
    elif kind is None and photo.format not in FORMATS.values():
        kind = "png"
    if sheet and before is not None:  # first, so that a target that is there has its sheet
        both = np.hstack([lay_over(before, np.zeros((2, 1, 1), np.float32)), shrunk(photo.pixels)])
        images.write(replace(photo, pixels=both, alpha=None), sheet, overwrite=settings.overwrite)
    losses = images.write(photo, target, format=kind, quality=settings.quality, overwrite=settings.overwrite)
    return photo.notes + losses


def shrunk(pixels: Pixels) -> Pixels:
    """A picture with its longest side at most COMPARE_SIDE, 8 bits."""
    height, width = pixels.shape[:2]
    scale = min(1, COMPARE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return to_8_bits(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
