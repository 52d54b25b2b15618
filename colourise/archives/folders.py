"""From what the user names to what gets written: paths -> jobs, and one job done.

A folder is walked to the bottom and its tree is kept below the output folder. Nothing is ever written over a
source. Many jobs, side by side and remembered, are batch.py's.
"""

from __future__ import annotations

import fnmatch
import itertools
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np

from colourise import images
from colourise.archives.job import Job, Settings
from colourise.colouriser import Colouriser
from colourise.errors import PhotoError
from colourise.files.names import COMPARE, FORMATS, MARK, is_ours
from colourise.files.stamp import Stamp
from colourise.files.storage import is_remote, located, stamp_of
from colourise.files.walk import scan, status
from colourise.images.pillow import to_8_bits
from colourise.lab.pictures import Pixels, lay_over
from colourise.version import __version__

COMPARE_SIDE = 2048  # longest side of each half of a before | after picture, in pixels


@dataclass(frozen=True)
class Choice:
    """Which photos of the folders are meant; a file that the user named always is."""

    include: tuple[str, ...] = ()
    """Shell patterns of names, or of paths below the folder where they have a slash; none: all photos."""
    exclude: tuple[str, ...] = ()
    """The same, of what is left out."""
    since: float | None = None
    """Only photos changed since, in seconds since 1970."""
    follow: bool = False
    """Whether folders that are symbolic links are walked, each once."""
    shard: tuple[int, int] | None = None
    """(i, n): the i-th of n parts of all photos, from 1."""

    def takes(self, key: bytes, changed: int | None) -> bool:
        """Whether a photo is meant, by `Job.key` and its time in nanoseconds, if that is known."""
        place = os.fsdecode(key)
        if self.include and not any(fits(place, pattern) for pattern in self.include):
            return False
        if any(fits(place, pattern) for pattern in self.exclude):
            return False
        if self.since is not None and changed is not None and changed < self.since * 1e9:
            return False
        if self.shard is None:
            return True
        part, parts = self.shard
        return int.from_bytes(sha256(key).digest()[:8], "big") % parts == part - 1


def fits(place: str, pattern: str) -> bool:
    """Whether a path fits a shell pattern, which is of the name alone unless it has a slash."""
    return fnmatch.fnmatchcase(place if "/" in pattern else place.rpartition("/")[2], pattern)


def plan(
    paths: Iterable[Path],
    output: Path | None,
    settings: Settings,
    choice: Choice | None = None,
    known: Mapping[bytes, str] | None = None,
    settled: Callable[[bytes, os.stat_result], bool] = lambda key, found: False,
    films: list[str] | None = None,
) -> tuple[list[Job], list[str]]:
    """Find every photo that is meant, and where its coloured version goes.

    Args:
        paths: files and folders; a file is taken whatever its name says. Where there are several, each
            folder keeps its own name below `output`.
        output: a file (for one photo), a folder, or None for `photo.colourised.jpg` beside each photo.
        settings: how photos are written.
        choice: which of the photos in folders are meant; by default all.
        known: the targets that an earlier run gave, by `Job.key`; they are kept.
        settled: says of a photo in a folder that there is nothing to do; it gets no job.
        films: those in folders on this machine, which get no jobs, are added here.
    Returns:
        A job for each photo; and a line for each folder that has none, or cannot be opened.
    Raises:
        PhotoError: `output` cannot be what is meant, or a photo would be written over.
    """
    paths, choice = list(paths), choice or Choice()
    one_file = output is not None and is_file_name(output, paths)
    if output is not None:
        check_output(output, paths, settings, one_file=one_file)
    jobs: dict[str, Job] = {}  # by absolute path: a photo that is named twice is coloured once
    refused: list[str] = []
    for path in paths:
        if path.is_dir():
            below = path.resolve().name if len(paths) > 1 else ""
            found = jobs_in(path, below, output, settings, choice, settled, refused, films)
        else:
            target = output if output and one_file else target_of(str(path), "", output, settings)
            key = os.fsencode(path.absolute())
            found = iter([Job(path, target, named=True, key=key, stamp=stamp_of(path))])
        for job in found:
            jobs.setdefault(os.path.abspath(str(job.source)) if len(paths) > 1 else str(job.source), job)
    planned = distinct(list(jobs.values()), known or {})
    planned = unharmed(with_sheets(planned) if settings.compare else planned)
    return [
        job for job in planned if job.named or choice.takes(job.key, job.stamp.changed if job.stamp else None)
    ], refused


def is_file_name(output: Path, paths: list[Path]) -> bool:
    """Whether an output, which may not exist yet, is a file rather than a folder."""
    if is_remote(output) or output.is_dir():
        return False
    one_photo = len(paths) == 1 and not paths[0].is_dir()
    return output.is_file() or output.suffix.lower() in FORMATS or (one_photo and output.suffix != "")


def check_output(output: Path, paths: list[Path], settings: Settings, *, one_file: bool) -> None:
    """Refuse an output that cannot be meant, before anything is coloured.

    Raises:
        PhotoError: one file for several photos, another format's suffix, no folder, or no permission.
    """
    if one_file and (len(paths) > 1 or paths[0].is_dir()):
        raise PhotoError(f"{output}: is the name of one file; for a folder or several photos name a folder")
    if one_file and settings.format:
        kind = FORMATS.get(suffix_of("", settings.format))
        if kind != FORMATS.get(output.suffix.lower()):
            raise PhotoError(f"{output}: --format says {settings.format}; change one of the two")
    if is_remote(output):
        return
    folders = output.absolute().parents if one_file else (output, *output.absolute().parents)
    nearest = next(folder for folder in folders if folder.exists())
    if not nearest.is_dir():
        raise PhotoError(f"{nearest}: is a file, not a folder; choose another output")
    if not os.access(nearest, os.W_OK):
        raise PhotoError(f"{nearest}: no permission to write there; choose another output")


def jobs_in(
    folder: Path,
    below: str,
    output: Path | None,
    settings: Settings,
    choice: Choice,
    settled: Callable[[bytes, os.stat_result], bool],
    refused: list[str],
    films: list[str] | None,
) -> Iterator[Job]:
    """A job for each photo in a folder; adds to `refused` what cannot be opened, or that there are none."""
    barred: list[OSError] = []
    empty = True
    skip = output if output is not None and output.resolve() != folder.resolve() else None
    start = len(os.path.join(str(folder), ""))
    for entry in scan(folder, barred, follow=choice.follow, skip=skip, films=films):
        empty = False
        found = status(entry)
        if found is not None and not stat.S_ISREG(found.st_mode):
            refused.append(f"{entry.path}: is a pipe, a socket or a device, not a photo")
            continue
        place = os.path.join(below, entry.path[start : len(entry.path) - len(entry.name)])
        key = os.fsencode(os.path.join(place, entry.name))
        if found is not None and choice.takes(key, found.st_mtime_ns) and settled(key, found):
            continue
        yield Job(
            located(entry.path),
            target_of(entry.path, place, output, settings),
            named=False,
            key=key,
            stamp=Stamp(found.st_size, found.st_mtime_ns) if found else None,
        )
    refused += [f"{err.filename}: this folder cannot be opened ({err.strerror})" for err in barred]
    if empty and not barred:
        refused.append(f"{folder}: no photos in this folder")


def target_of(photo: str, place: str, output: Path | None, settings: Settings) -> Path:
    """Where the coloured version of a photo goes: beside it, or to `place` below the output folder."""
    stem, own = os.path.splitext(photo)
    suffix = suffix_of(own, settings.format)
    if output is None:
        return located(f"{stem}{MARK}{suffix}")
    return located(f"{os.path.join(str(output), place, os.path.basename(stem))}{suffix}")


def suffix_of(own: str, format: str | None) -> str:  # noqa: A002
    """Suffix of the coloured version: the photo's own where it can be written, PNG else."""
    if format is not None:
        return f".{format.lower().removeprefix('.')}"
    return own if own.lower() in FORMATS else ".png"


def distinct(jobs: list[Job], known: Mapping[bytes, str]) -> list[Job]:
    """Give every job a target of its own: with --format png, a.jpg and a.tif become a.jpg.png and a.tif.png.

    Who meets decides, not who comes first, so that a photo never finds another one's output as its own; and
    what an earlier run decided stays. Names that differ in case alone meet too: on many disks they are one.
    """
    kept: dict[int, Path] = {}  # by place among the jobs
    for place, job in enumerate(jobs):
        before = known.get(job.key)
        if before is None:
            continue
        same_folder = os.path.dirname(before) == os.path.dirname(str(job.target))
        if same_folder and os.path.splitext(before)[1] == job.target.suffix:
            kept[place] = job.target if before == str(job.target) else located(before)
    shared = Counter(alike(job.target) for place, job in enumerate(jobs) if place not in kept)
    claimed = {alike(target) for target in known.values()} if jobs else set()
    taken = {target for target, count in shared.items() if count == 1} | claimed
    renamed: list[Job] = []
    for place, job in enumerate(jobs):
        if place in kept:
            job = replace(job, target=kept[place]) if kept[place] != job.target else job
        elif shared[alike(job.target)] > 1 or alike(job.target) in claimed:
            stem, rest = job.source.stem, job.target.name.removeprefix(job.source.stem)
            stem = job.source.name if job.source.suffix.lower() != job.target.suffix.lower() else stem
            stems = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
            targets = (job.target.with_name(stem + rest) for stem in stems)
            job = replace(job, target=next(target for target in targets if alike(target) not in taken))
            taken.add(alike(job.target))
        renamed.append(job)
    return renamed


def alike(path: str | Path) -> str:
    """A path so that two which a disk may take for one are equal."""
    return unicodedata.normalize("NFC", str(path)).casefold()


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
    if any(is_ours(job.source) for job in jobs):
        photos = {job.source.with_name(name) for job in jobs for name in (job.source.stem, job.source.name)}
        jobs = [job for job in jobs if not is_ours(job.source) or origin(job.source) not in photos]
    real = Folders()
    outputs = {real(file) for job in jobs for file in (job.target, job.sheet) if file}
    for job in jobs:
        if real(job.source) in outputs:
            raise PhotoError(f"{job.source}: would be written over; choose another output")
    return jobs


class Folders:
    """Tells files apart by their real folders, each of which is resolved once, and their names."""

    def __init__(self) -> None:
        self.real: dict[str, str] = {}

    def __call__(self, file: Path) -> tuple[str, str]:
        """The real folder and the name of a file, which need not exist."""
        folder, name = os.path.split(str(file))
        if folder not in self.real:
            self.real[folder] = folder if is_remote(folder) else os.path.realpath(folder)
        return self.real[folder], name


def origin(ours: Path) -> Path:
    """The photo, without its suffix, that photo.colourised.jpg was made of."""
    return ours.with_name(ours.name.partition(MARK)[0])


def colour(
    source: Path | bytes,
    target: Path | BinaryIO,
    colouriser: Colouriser,
    settings: Settings,
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
            raise PhotoError(f"{file}: is there already; --overwrite makes it again")
        if isinstance(source, Path) and source.exists() and file.samefile(source):  # through a link
            raise PhotoError(f"{source}: would be written over; choose another output")
    photo = images.read(source)
    if stamp is not None and isinstance(source, Path) and stamp_of(source) != stamp:
        raise PhotoError(f"{source}: changed while it was read; run again when it is whole")
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
            raise PhotoError(f"{target.parent}: cannot be made a folder ({err.strerror})") from err
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
