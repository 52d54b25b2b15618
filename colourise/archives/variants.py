"""One photo in several strengths of colour, and a sheet on which to compare them.

No network knows how strong the colours were. So there is no best version: the sheet shows a calm one, the
one that was predicted and a vivid one, each with what to type for more photos like it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from colourise import images
from colourise.archives.archive import several
from colourise.archives.job import PhotoJob, PhotoOptions
from colourise.archives.photo import shrunk, write_coloured
from colourise.archives.plan import plan_jobs
from colourise.archives.staging import staged
from colourise.colouriser import Colouriser, Model, loaded
from colourise.errors import OptionError, PhotoError
from colourise.files.names import VARIANTS, colours_mark
from colourise.files.storage import is_remote, located
from colourise.lab.pictures import Pixels, lay_over
from colourise.models.catalogue import DEFAULT_MODEL

STRENGTHS = {0.7: "calm", 1.0: "as predicted", 1.2: "vivid"}
"""Saturations of the versions, and what they are called."""
SIDE = 1024  # longest side of each picture on the sheet, in pixels
GAP = 8  # white pixels around each


@dataclass(frozen=True)
class Variants:
    """Versions of a photo."""

    source: Path
    """The photo."""
    files: dict[float, Path]
    """A coloured version for each saturation."""
    sheet: Path
    """The photo and its versions, side by side."""
    made: tuple[Path, ...] = ()
    """Which of these files were written; the others were there already."""
    notes: tuple[str, ...] = ()
    """What the user should know, such as that 16 bits became 8."""
    failure: str = ""
    """Why not all of them could be written, in one line; empty: they could."""


def colour_variants(
    photos: str | Path | Iterable[str | Path],
    output: str | Path | None = None,
    *,
    model: Model = DEFAULT_MODEL,
    options: PhotoOptions | None = None,
    on_ended: Callable[[Variants], None] = lambda variants: None,
) -> list[Variants]:
    """Colour photos in several strengths each: `photo.colourised-0.7.jpg` and so on, and a sheet.

    Versions that are there already are kept, unless `options` say otherwise.

    Args:
        photos: a file or several.
        output: a file (for one photo), whose name the versions' names are made of, or a folder; None: beside
            each photo.
        model: its name or path, a `Colouriser`, or a function that loads one.
        options: how the versions are written.
        on_ended: called with each photo's versions when they are there, or when it has failed.
    Raises:
        OptionError: a photo is a folder, or not on a disk of this machine.
        PhotoError: the output is impossible.
        ModelError: there is no such model.
    """
    sources, options = [located(photo) for photo in several(photos)], options or PhotoOptions()
    place = None if output is None else located(output)
    for path in (*sources, *([place] if place else [])):
        if is_remote(path):
            raise OptionError(f"{path}: variants are for photos on a disk of this machine; copy it first")
    for path in sources:
        if path.is_dir():
            raise OptionError(f"{path}: variants are for photos, not for folders; name a photo or several")
    plan = plan_jobs(sources, place, replace(options, compare=False))
    colouriser = loaded(model)
    ended = []
    for job in plan.jobs:
        ended.append(variants_of(job, colouriser, options))
        on_ended(ended[-1])
    return ended


def variants_of(job: PhotoJob, colouriser: Colouriser, options: PhotoOptions) -> Variants:
    """Write the versions of a photo that are missing, and their sheet; a failure is told in the result."""
    source, target, made, notes = job.source, job.target, list[Path](), list[str]()
    if not isinstance(source, Path) or not isinstance(target, Path):
        raise TypeError(f"{source} or {target} is not on a disk of this machine")
    files = {
        strength: target.with_name(f"{target.stem}{colours_mark(strength)}{target.suffix}")
        for strength in STRENGTHS
    }
    sheet = target.with_name(f"{target.stem}{VARIANTS}.jpg")
    failure = ""

    def missing(file: Path) -> bool:
        return job.exact or options.overwrite or not file.exists()

    try:
        for strength, file in files.items():
            if missing(file):
                with staged(replace(job, target=file), overwrite=options.overwrite) as here:
                    told = write_coloured(here.source, file, colouriser.at(strength), options)
                notes += [note for note in told if note not in notes]
                made.append(file)
        if missing(sheet):
            with staged(replace(job, target=sheet), overwrite=options.overwrite):
                write_sheet(source, files, sheet, overwrite=options.overwrite)
            made.append(sheet)
    except PhotoError as err:
        failure = str(err)
    except OSError as err:
        failure = f"{err.filename or source}: {err.strerror}"
    return Variants(source, files, sheet, tuple(made), tuple(notes), failure)


def write_sheet(source: Path, files: dict[float, Path], sheet: Path, *, overwrite: bool) -> None:
    """Write the photo and its versions, as their files have them, side by side into one picture.

    Raises:
        PhotoError: one of them cannot be read, or the sheet cannot be written.
    """
    before = lay_over(shrunk(images.read(source).pixels, SIDE), np.zeros((2, 1, 1), np.float32))
    pictures, captions = [before], ["before"]
    for strength, file in files.items():
        photo = images.read(file)
        pictures.append(shrunk(photo.pixels, SIDE))
        captions.append(f"{STRENGTHS[strength]}: --saturation {strength:g}")
    whole = replace(photo, pixels=side_by_side(pictures, captions), alpha=None)
    images.write(whole, sheet, overwrite=overwrite)


def side_by_side(pictures: Sequence[Pixels], captions: Sequence[str]) -> Pixels:
    """Lay out pictures (H, W, 3) uint8 on white, in a square or in a row, with a caption above each."""
    height, width = pictures[0].shape[:2]
    columns = 2 if width > height else len(pictures)
    font = ImageFont.load_default(max(8, min(28, width / 16)))
    line = round(2 * max(8, min(28, width / 16)))
    across, down = width + 2 * GAP, height + line + GAP
    size = columns * across, -(-len(pictures) // columns) * down
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        x, y = number % columns * across + GAP, number // columns * down
        draw.text((x + width / 2, y + line / 2), caption, "black", font, anchor="mm")
        image.paste(Image.fromarray(picture), (x, y + line))
    return np.asarray(image)
