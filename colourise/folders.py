"""From what the user names to what gets written: paths -> jobs -> outcomes.

A folder is walked to the bottom and its tree is kept below the output folder. One photo's failure is
reported and the rest goes on. Nothing is ever written over a source.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

import cv2
import numpy as np

from colourise import images
from colourise.colouriser import Colouriser
from colourise.errors import PhotoError
from colourise.lab import Pixels, lay_over

MARK = ".colourised"  # photo.jpg -> photo.colourised.jpg
COMPARE = ".compare"  # photo.jpg -> photo.compare.jpg
COMPARE_SIDE = 2048  # longest side of each half of a before | after picture, in pixels


@dataclass(frozen=True)
class Job:
    """One photo to colour."""

    source: Path
    """The photo."""
    target: Path
    """Where its coloured version goes."""
    named: bool
    """Whether the user named this file, rather than a folder above it."""


@dataclass
class Outcome:
    """What became of a job."""

    job: Job
    """The job."""
    result: Literal["coloured", "skipped", "failed"]
    """"skipped": found in a folder, and its coloured version was there already."""
    reason: str = ""
    """Why it failed, in one line."""
    notes: list[str] = field(default_factory=list)
    """What the user must hear about a coloured photo."""


@dataclass(frozen=True)
class Settings:
    """How photos are written."""

    format: str | None = None
    """Output format; by default the source's."""
    quality: int | None = None
    """1 to 100 for lossy formats; by default each format's own."""
    overwrite: bool = False
    """Whether outputs that exist are made again."""
    compare: bool = False
    """Whether a before | after picture is written too."""


def plan(paths: Iterable[Path], output: Path | None, settings: Settings) -> list[Job]:
    """Find every photo that is meant, and where its coloured version goes.

    Args:
        paths: files and folders; a file is taken whatever its name says.
        output: a file (for one photo), a folder, or None for `photo.colourised.jpg` beside each photo.
        settings: how photos are written.
    Raises:
        PhotoError: a folder has no photos, or `output` is one file for several photos.
    """
    paths = list(paths)
    one_file = output is not None and is_file_name(output)
    if one_file and (len(paths) != 1 or paths[0].is_dir()):
        raise PhotoError(f"{output}: is one file, and there are several photos; give a folder")
    jobs: list[Job] = []
    taken: set[Path] = set()
    for path in paths:
        if not path.is_dir():
            target = (
                output if one_file and output is not None else target_of(path, path.parent, output, settings)
            )
            jobs.append(Job(path, distinct(target, path, taken), named=True))
            continue
        found = [photo for photo in walk(path) if output is None or not within(photo, output, path)]
        if not found:
            raise PhotoError(f"{path}: no photos in this folder")
        for photo in found:
            jobs.append(
                Job(photo, distinct(target_of(photo, path, output, settings), photo, taken), named=False)
            )
    return jobs


def is_file_name(path: Path) -> bool:
    """Whether a path, which may not exist yet, is a file rather than a folder."""
    return path.is_file() or (not path.is_dir() and path.suffix.lower() in images.FORMATS)


def within(photo: Path, output: Path, root: Path) -> bool:
    """Whether a photo lies in an output folder that itself lies inside the folder that is walked."""
    return output.resolve() != root.resolve() and output.resolve() in photo.resolve().parents


def walk(folder: Path) -> Iterator[Path]:
    """Photos below a folder, sorted, without the ones that were made by this tool."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            ours = path.stem.endswith((MARK, COMPARE))
            if path.suffix.lower() in images.EXTENSIONS and not ours and not name.startswith("."):
                yield path


def target_of(photo: Path, root: Path, output: Path | None, settings: Settings) -> Path:
    """Where the coloured version of a photo found below `root` goes."""
    suffix = suffix_of(photo, settings.format)
    if output is None:
        return photo.with_name(f"{photo.stem}{MARK}{suffix}")
    return (output / photo.relative_to(root)).with_suffix(suffix)


def suffix_of(photo: Path, format: str | None) -> str:  # noqa: A002
    """Suffix of the coloured version: the photo's own where it can be written, PNG else."""
    if format is not None:
        return f".{format.lower().removeprefix('.')}"
    return photo.suffix if photo.suffix.lower() in images.FORMATS else ".png"


def distinct(target: Path, photo: Path, taken: set[Path]) -> Path:
    """The target, or with the photo's own suffix kept in its name where another photo has taken it."""
    if target in taken:
        target = target.with_name(f"{target.stem}{photo.suffix}{target.suffix}")
    number = 2
    while target in taken:
        target = target.with_name(f"{photo.stem}-{number}{target.suffix}")
        number += 1
    taken.add(target)
    return target


def colour_all(jobs: Iterable[Job], colouriser: Colouriser, settings: Settings) -> Iterator[Outcome]:
    """Do jobs in order, and tell of each as it ends; never raises for one photo."""
    for job in jobs:
        try:
            if job.target.exists() and not settings.overwrite:
                if job.named:
                    raise PhotoError(f"{job.target}: is there already; --overwrite makes it again")
                yield Outcome(job, "skipped")
                continue
            yield Outcome(job, "coloured", notes=colour(job.source, job.target, colouriser, settings))
        except PhotoError as err:
            yield Outcome(job, "failed", str(err))
        except MemoryError:
            yield Outcome(job, "failed", f"{job.source}: not enough memory for this photo")


def colour(
    source: Path | bytes, target: Path | BinaryIO, colouriser: Colouriser, settings: Settings
) -> list[str]:
    """Colour one photo, and return what the user must hear.

    Args:
        source: a file, or the bytes of one (standard input).
        target: a file, or a stream (standard output).
        colouriser: what colours.
        settings: how it is written.
    Raises:
        PhotoError: it cannot be read, or its coloured version cannot be written.
    """
    if isinstance(target, Path) and isinstance(source, Path) and target.exists() and target.samefile(source):
        raise PhotoError(f"{source}: would be written over; choose another output")
    photo = images.read(source)
    before = shrunk(photo.pixels) if settings.compare else None
    (photo.pixels,) = colouriser([photo.pixels])
    kind = settings.format
    if isinstance(target, Path):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise PhotoError(f"{target.parent}: cannot be made a folder ({err.strerror})") from err
    elif kind is None and photo.format not in images.FORMATS.values():
        kind = "png"
    losses = images.write(photo, target, format=kind, quality=settings.quality, overwrite=settings.overwrite)
    if before is not None and isinstance(target, Path):
        both = np.hstack([lay_over(before, np.zeros((2, 1, 1), np.float32)), shrunk(photo.pixels)])
        sheet = replace(photo, pixels=both, alpha=None)
        images.write(sheet, target.with_name(f"{target.stem}{COMPARE}.jpg"), overwrite=True)
    return photo.notes + losses


def shrunk(pixels: Pixels) -> Pixels:
    """A picture with its longest side at most COMPARE_SIDE, 8 bits."""
    height, width = pixels.shape[:2]
    scale = min(1, COMPARE_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return (small >> 8).astype(np.uint8) if small.dtype == np.uint16 else small
