"""From what the user names to what gets written: paths -> jobs -> outcomes.

A folder is walked to the bottom and its tree is kept below the output folder. One photo's failure is
reported and the rest goes on. Nothing is ever written over a source.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

import cv2
import numpy as np

from colourise import images
from colourise.colouriser import Colouriser
from colourise.errors import ColouriseError, PhotoError
from colourise.lab import Pixels, lay_over
from colourise.shallow import to_8_bits

MARK = ".colourised"  # photo.jpg -> photo.colourised.jpg
COMPARE = ".compare"  # photo.jpg -> photo.compare.jpg
COMPARE_SIDE = 2048  # longest side of each half of a before | after picture, in pixels
HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # disk full, or read-only


@dataclass(frozen=True)
class Job:
    """One photo to colour."""

    source: Path
    """The photo."""
    target: Path
    """Where its coloured version goes."""
    named: bool
    """Whether the user named this file, rather than a folder above it."""
    sheet: Path | None = None
    """Where its before | after picture goes, if there is to be one."""


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


def plan(paths: Iterable[Path], output: Path | None, settings: Settings) -> tuple[list[Job], list[str]]:
    """Find every photo that is meant, and where its coloured version goes.

    Args:
        paths: files and folders; a file is taken whatever its name says. Where there are several, each
            folder keeps its own name below `output`.
        output: a file (for one photo), a folder, or None for `photo.colourised.jpg` beside each photo.
        settings: how photos are written.
    Returns:
        A job for each photo; and a line for each folder that has none, or cannot be opened.
    Raises:
        PhotoError: `output` cannot be what is meant, or a photo would be written over.
    """
    paths = list(paths)
    one_file = output is not None and is_file_name(output, paths)
    if output is not None:
        check_output(output, paths, settings, one_file=one_file)
    jobs: dict[Path, Job] = {}  # by absolute path: a photo that is named twice is coloured once
    refused: list[str] = []
    for path in paths:
        if path.is_dir():
            below = Path(path.resolve().name if len(paths) > 1 else "")
            found = list(jobs_in(path, below, output, settings, refused))
        else:
            target = output if output and one_file else target_of(path, Path(), output, settings)
            found = [Job(path, target, named=True)]
        for job in found:
            jobs.setdefault(job.source.absolute(), job)
    planned = distinct(list(jobs.values()))
    return unharmed(with_sheets(planned) if settings.compare else planned), refused


def is_file_name(output: Path, paths: list[Path]) -> bool:
    """Whether an output, which may not exist yet, is a file rather than a folder."""
    if output.is_dir():
        return False
    one_photo = len(paths) == 1 and not paths[0].is_dir()
    return output.is_file() or output.suffix.lower() in images.FORMATS or (one_photo and output.suffix != "")


def check_output(output: Path, paths: list[Path], settings: Settings, *, one_file: bool) -> None:
    """Refuse an output that cannot be meant, before anything is coloured.

    Raises:
        PhotoError: one file for several photos, another format's suffix, no folder, or no permission.
    """
    if one_file and (len(paths) > 1 or paths[0].is_dir()):
        raise PhotoError(f"{output}: is the name of one file; for a folder or several photos name a folder")
    if one_file and settings.format:
        kind = images.FORMATS.get(suffix_of(output, settings.format))
        if kind != images.FORMATS.get(output.suffix.lower()):
            raise PhotoError(f"{output}: --format says {settings.format}; change one of the two")
    folders = output.absolute().parents if one_file else (output, *output.absolute().parents)
    nearest = next(folder for folder in folders if folder.exists())
    if not nearest.is_dir():
        raise PhotoError(f"{nearest}: is a file, not a folder; choose another output")
    if not os.access(nearest, os.W_OK):
        raise PhotoError(f"{nearest}: no permission to write there; choose another output")


def jobs_in(
    folder: Path, below: Path, output: Path | None, settings: Settings, refused: list[str]
) -> Iterator[Job]:
    """A job for each photo in a folder; adds to `refused` what cannot be opened, or that there are none."""
    barred: list[OSError] = []
    empty = True
    for photo in walk(folder, barred):
        if output is None or not within(photo, output, folder):
            empty = False
            place = below / photo.parent.relative_to(folder)
            yield Job(photo, target_of(photo, place, output, settings), named=False)
    refused += [f"{err.filename}: this folder cannot be opened ({err.strerror})" for err in barred]
    if empty and not barred:
        refused.append(f"{folder}: no photos in this folder")


def within(photo: Path, output: Path, root: Path) -> bool:
    """Whether a photo lies in an output folder that itself lies inside the folder that is walked."""
    return output.resolve() != root.resolve() and output.resolve() in photo.resolve().parents


def walk(folder: Path, barred: list[OSError]) -> Iterator[Path]:
    """Photos below a folder, sorted, without our own outputs; adds to `barred` what cannot be opened."""
    for parent, folders, names in os.walk(folder, onerror=barred.append):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(parent, name)
            if path.suffix.lower() in images.EXTENSIONS and not is_ours(path) and not name.startswith("."):
                yield path


def is_ours(path: Path) -> bool:
    """Whether a file's name says that this tool made it."""
    return path.stem.endswith((MARK, COMPARE))


def target_of(photo: Path, place: Path, output: Path | None, settings: Settings) -> Path:
    """Where the coloured version of a photo goes: beside it, or to `place` below the output folder."""
    suffix = suffix_of(photo, settings.format)
    if output is None:
        return photo.with_name(f"{photo.stem}{MARK}{suffix}")
    return output / place / f"{photo.stem}{suffix}"


def suffix_of(photo: Path, format: str | None) -> str:  # noqa: A002
    """Suffix of the coloured version: the photo's own where it can be written, PNG else."""
    if format is not None:
        return f".{format.lower().removeprefix('.')}"
    return photo.suffix if photo.suffix.lower() in images.FORMATS else ".png"


def distinct(jobs: list[Job]) -> list[Job]:
    """Give every job a target of its own: with --format png, a.jpg and a.tif become a.jpg.png and a.tif.png.

    Who meets decides, not who comes first, so that a photo never finds another one's output as its own.
    """
    shared = Counter(job.target for job in jobs)
    taken = {target for target, jobs_of_it in shared.items() if jobs_of_it == 1}
    renamed: list[Job] = []
    for job in jobs:
        if shared[job.target] > 1:
            stem, rest = job.source.stem, job.target.name.removeprefix(job.source.stem)
            stem = job.source.name if job.source.suffix.lower() != job.target.suffix.lower() else stem
            stems = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
            targets = (job.target.with_name(stem + rest) for stem in stems)
            job = replace(job, target=next(target for target in targets if target not in taken))
            taken.add(job.target)
        renamed.append(job)
    return renamed


def with_sheets(jobs: list[Job]) -> list[Job]:
    """Give every job a file for its before | after picture: a.compare.jpg, or a.png.compare.jpg."""
    shared = Counter(job.target.with_suffix("") for job in jobs)
    sheets = []
    for job in jobs:
        name = job.target.stem if shared[job.target.with_suffix("")] == 1 else job.target.name
        sheets.append(replace(job, sheet=job.target.with_name(f"{name}{COMPARE}.jpg")))
    return sheets


def unharmed(jobs: list[Job]) -> list[Job]:
    """Leave out earlier outputs of these very photos, which `*.jpg` names along with them.

    Raises:
        PhotoError: a photo would be written over.
    """
    photos = {job.source.with_name(name) for job in jobs for name in (job.source.stem, job.source.name)}
    jobs = [job for job in jobs if not is_ours(job.source) or origin(job.source) not in photos]
    outputs = {file.resolve() for job in jobs for file in (job.target, job.sheet) if file}
    for job in jobs:
        if job.source.resolve() in outputs:
            raise PhotoError(f"{job.source}: would be written over; choose another output")
    return jobs


def origin(ours: Path) -> Path:
    """The photo, without its suffix, that photo.colourised.jpg was made of."""
    return ours.with_name(ours.name.partition(MARK)[0])


def colour_all(jobs: Iterable[Job], colouriser: Colouriser, settings: Settings) -> Iterator[Outcome]:
    """Do jobs in order, and tell of each as it ends; never raises for one photo.

    Ends early where the disk is full or read-only, which every later photo would meet too.
    """
    for job in jobs:
        try:
            if not job.named and not settings.overwrite and job.target.is_file():
                yield Outcome(job, "skipped")
                continue
            notes = colour(job.source, job.target, colouriser, settings, sheet=job.sheet)
            yield Outcome(job, "coloured", notes=notes)
        except ColouriseError as err:
            reason = str(err) if isinstance(err, PhotoError) else f"{job.source}: {err}"
            yield Outcome(job, "failed", reason)
            if isinstance(err.__cause__, OSError) and err.__cause__.errno in HOPELESS:
                return
        except OSError as err:  # of looking whether files are there
            yield Outcome(job, "failed", f"{err.filename}: {err.strerror}")
        except MemoryError:
            yield Outcome(job, "failed", f"{job.source}: not enough memory for this photo")


def colour(
    source: Path | bytes,
    target: Path | BinaryIO,
    colouriser: Colouriser,
    settings: Settings,
    *,
    sheet: Path | None = None,
) -> list[str]:
    """Colour one photo, and return what the user must hear.

    Args:
        source: a file, or the bytes of one (standard input).
        target: a file, or a stream (standard output).
        colouriser: what colours.
        settings: how it is written.
        sheet: file for a before | after picture.
    Raises:
        PhotoError: it cannot be read, or its coloured version cannot be written.
    """
    for file in (target, sheet):
        if isinstance(file, Path) and file.is_file() and not settings.overwrite:
            raise PhotoError(f"{file}: is there already; --overwrite makes it again")
    photo = images.read(source)
    before = shrunk(photo.pixels) if sheet else None
    (photo.pixels,) = colouriser([photo.pixels])
    kind = settings.format
    if isinstance(target, Path):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            raise PhotoError(f"{target.parent}: cannot be made a folder ({err.strerror})") from err
    elif kind is None and photo.format not in images.FORMATS.values():
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
