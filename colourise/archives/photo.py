"""One photo: read it, colour it, write it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import cv2
import numpy as np

from colourise import images
from colourise.archives.job import HAS_COLOUR, PhotoJob, PhotoOptions
from colourise.archives.naming import check_output, with_sheets
from colourise.archives.plan import plan_jobs
from colourise.archives.staging import fetched, placed, staged
from colourise.colouriser import Colouriser, Model, loaded
from colourise.errors import OptionError, PhotoError
from colourise.files.atomic import mode_of
from colourise.files.names import FORMATS
from colourise.files.stamp import Stamp
from colourise.files.storage import located, stamp_of
from colourise.images.losses import joined
from colourise.images.pillow import to_8_bits
from colourise.lab.pictures import Pixels, lay_over
from colourise.lab.tint import has_colour
from colourise.models.catalogue import DEFAULT_MODEL
from colourise.version import __version__

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from colourise.files.storage import Location

COMPARE_SIDE = 2048  # longest side of each half of a before | after picture, in pixels


class HasColour(PhotoError):  # noqa: N818  # nothing is wrong
    """A photo is left alone because it has colour already."""


@dataclass(frozen=True)
class ColouredPhoto:
    """A photo that was coloured."""

    output: Location | BinaryIO
    """The file with its coloured version, or the stream that it was written to."""
    notes: tuple[str, ...]
    """What the user should know, such as that 16 bits became 8, or that the photo had colour already."""


def colour_photo(
    photo: str | Path | bytes | BinaryIO,
    output: str | Path | BinaryIO | None = None,
    *,
    model: Model = DEFAULT_MODEL,
    options: PhotoOptions | None = None,
) -> ColouredPhoto:
    """Colour one photo.

    Args:
        photo: a file, a URL, the bytes of a file, or an open binary file.
        output: a file, a folder, a URL, or an open binary file; None: `photo.colourised.jpg` beside a photo
            that is a file.
        model: its name or path, a `Colouriser`, or a function that loads one.
        options: how the photo is written.
    Raises:
        OptionError: a photo that is not a file has no output, or a before | after picture has no file beside
            which it could be.
        PhotoError: it cannot be read, or its coloured version cannot be written; or it has colour already,
            and the options leave such photos alone.
        ModelError: there is no such model.
    """
    options = options or PhotoOptions()
    colouriser = loaded(model)
    source = photo if is_data(photo) else located(photo)
    target = output if output is None or is_data(output) else located(output)
    if not is_data(source) and not is_data(target):
        return colour_file(source, target, colouriser, options)
    if target is None:
        raise OptionError("a photo that is no file has no place beside it; name an output")
    sheet = None
    if isinstance(target, Path):
        check_output(target, [target], options, one_file=True)
    if options.compare:
        if is_data(target):
            raise OptionError("a before | after picture is put beside a file; name an output that is one")
        (job,) = with_sheets([PhotoJob(target, target, named=True)])
        sheet = job.sheet
    with ExitStack() as stack:
        here = source if is_data(source) else stack.enter_context(fetched(source))
        there, there_sheet = (
            (target, None)
            if is_data(target)
            else stack.enter_context(placed(target, sheet, overwrite=options.overwrite))
        )
        leave = options.colour_photos == "leave"
        notes = write_coloured(here, there, colouriser, options, sheet=there_sheet, leave_colour=leave)
    return ColouredPhoto(target, tuple(notes))


def is_data(given: object) -> TypeIs[bytes | BinaryIO]:
    """Tell a photo's bytes, or an open file, from the name of a file."""
    return isinstance(given, bytes) or hasattr(given, "read") or hasattr(given, "write")


def colour_file(
    source: Location, output: Location | None, colouriser: Colouriser, options: PhotoOptions
) -> ColouredPhoto:
    """Colour a photo that is a file, or an object in a store, to another one.

    Raises:
        PhotoError: it cannot be read, or its coloured version cannot be written.
    """
    if source.is_dir():
        raise PhotoError("is a folder, not a photo", path=source, advice="colour it as a folder")
    plan = plan_jobs([source], output, options, saturation=colouriser.saturation)
    if plan.refused:
        raise PhotoError(plan.refused[0])
    (job,) = plan.jobs
    with staged(job, overwrite=options.overwrite) as here:
        notes = write_coloured(
            here.source,
            here.target,
            colouriser,
            options,
            sheet=here.sheet,
            leave_colour=options.leaves(job),
        )
    return ColouredPhoto(job.target, tuple(notes))


def write_coloured(
    source: Path | bytes | BinaryIO,
    target: Path | BinaryIO,
    colouriser: Colouriser,
    options: PhotoOptions,
    *,
    sheet: Path | None = None,
    stamp: Stamp | None = None,
    leave_colour: bool = False,
) -> list[str]:
    """Read a photo, colour it and write it; return what the user should know.

    Args:
        source: a file, the bytes of one, or an open binary file.
        target: a file, or an open binary file.
        colouriser: what colours.
        options: how it is written.
        sheet: file for a before | after picture.
        stamp: the source's; if it has another one after reading, nothing is written.
        leave_colour: whether nothing is written if the photo has colour already.
    Raises:
        HasColour: it has colour already.
        PhotoError: it cannot be read, or its coloured version cannot be written.
    """
    for file in (target, sheet):
        if not isinstance(file, Path) or not file.is_file():
            continue
        if not options.overwrite:
            raise PhotoError("is there already", path=file, advice="--overwrite makes it again")
        if isinstance(source, Path) and source.exists() and file.samefile(source):  # through a link
            raise PhotoError("would be written over", path=source, advice="choose another output")
    mode = mode_of(source) if isinstance(source, Path) and source.is_file() else None  # no pipe's
    photo = images.read(source)
    if stamp is not None and isinstance(source, Path) and stamp_of(source) != stamp:
        raise PhotoError("changed while it was read", path=source, advice="run again when it is whole")
    if has_colour(photo.pixels):
        if leave_colour:
            path = source if isinstance(source, Path) else None
            raise HasColour(HAS_COLOUR, path=path, advice="--colour-photos recolour colours it")
        photo.notes.append(f"{HAS_COLOUR}; its own colours are replaced")
    before = shrunk(photo.pixels) if sheet else None
    photo.pixels = colouriser(photo.pixels)
    if options.history:
        photo.metadata.edit = images.Edit(
            f"colourise {__version__}",
            colouriser.model.name,
            datetime.now().astimezone(),
            colouriser.model.digest,
        )
    kind = options.format
    if isinstance(target, Path):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            reason = f"the output folder cannot be made ({err.strerror})"
            raise PhotoError(reason, path=target.parent, advice="choose another") from err
    elif kind is None and photo.format not in FORMATS.values():
        kind = "png"
    if sheet and before is not None:  # first, so that a target that exists has its sheet
        both = np.hstack([lay_over(before, np.zeros((2, 1, 1), np.float32)), shrunk(photo.pixels)])
        before_after = replace(photo, pixels=both, alpha=None)
        images.write(before_after, sheet, overwrite=options.overwrite, mode=mode)
    losses = images.write(
        photo, target, format=kind, quality=options.quality, overwrite=options.overwrite, mode=mode
    )
    return joined(photo.notes + losses)


def shrunk(pixels: Pixels, side: int = COMPARE_SIDE) -> Pixels:
    """Return a picture in 8 bits, scaled down so that its longest side is at most `side` pixels."""
    height, width = pixels.shape[:2]
    scale = min(1, side / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return to_8_bits(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))
