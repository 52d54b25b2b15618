"""Where coloured versions go: beside their photos, or into the same tree below the output folder.

No two photos share a target, and nothing is ever written over a source.
"""

from __future__ import annotations

import itertools
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from colourise.archives.job import PhotoJob, PhotoOptions
from colourise.errors import PhotoError
from colourise.files.names import COMPARE, FORMATS, MARK, colours_mark, is_ours
from colourise.files.storage import is_remote, located

if TYPE_CHECKING:
    from colourise.files.storage import Location

_DROPPED = re.compile(r"(?<=[^./])[. ]+/")


def is_file_name(output: Location, paths: Sequence[Location]) -> bool:
    """Tell whether an output, which may not exist yet, is a file rather than a folder."""
    if is_remote(output) or output.is_dir():
        return False
    one_photo = len(paths) == 1 and not paths[0].is_dir()
    return output.is_file() or output.suffix.lower() in FORMATS or (one_photo and output.suffix != "")


def check_output(
    output: Location, paths: Sequence[Location], options: PhotoOptions, *, one_file: bool
) -> None:
    """Refuse an impossible output before anything is coloured.

    Raises:
        PhotoError: it is one file for several photos, has another format's suffix, lies below a file, or may
            not be written.
    """
    if one_file and (len(paths) > 1 or paths[0].is_dir()):
        raise PhotoError(
            "is the name of one file", path=output, advice="for a folder or several photos name a folder"
        )
    if one_file and options.format:
        kind = FORMATS.get(suffix_of("", options.format))
        if kind != FORMATS.get(output.suffix.lower()):
            raise PhotoError(f"--format says {options.format}", path=output, advice="change one of the two")
    if not isinstance(output, Path):
        return
    folders = output.absolute().parents if one_file else (output, *output.absolute().parents)
    nearest = next(folder for folder in folders if folder.exists())
    if not nearest.is_dir():
        raise PhotoError("is a file, not a folder", path=nearest, advice="choose another output")
    if not os.access(nearest, os.W_OK):
        raise PhotoError("no permission to write there", path=nearest, advice="choose another output")


def target_of(
    photo: str, place: str, output: Location | None, options: PhotoOptions, saturation: float = 1
) -> Location:
    """Return where the coloured version of a photo goes: beside it, or to `place` below the output folder.

    Beside the photo, its name tells the saturation, so that several versions lie side by side.
    """
    stem, own = os.path.splitext(photo)
    suffix = suffix_of(own, options.format)
    if output is None:
        return located(f"{stem}{MARK}{colours_mark(saturation)}{suffix}")
    return located(f"{os.path.join(str(output), place, os.path.basename(stem))}{suffix}")


def suffix_of(own: str, format: str | None) -> str:  # noqa: A002
    """Return the suffix of a coloured version: the photo's own if it can be written, else .png."""
    if format is not None:
        return f".{format.lower().removeprefix('.')}"
    return own if own.lower() in FORMATS else ".png"


def distinct(jobs: list[PhotoJob], known: Mapping[bytes, str]) -> list[PhotoJob]:
    """Give every job a target of its own: with --format png, a.jpg and a.tif become a.jpg.png and a.tif.png.

    All jobs that share a target are renamed, whichever comes first, so that a photo never takes another one's
    output for its own; and targets that an earlier run gave stay. Names that differ only in case count as
    shared, because on many disks they are the same.

    Args:
        jobs: with the targets that they would have alone.
        known: the targets that an earlier run gave, by `PhotoJob.key`.
    """
    kept: dict[int, Location] = {}  # by place among the jobs
    for place, job in enumerate(jobs):
        before = known.get(job.key)
        if before is None:
            continue
        same_folder = os.path.dirname(before) == os.path.dirname(str(job.target))
        if same_folder and os.path.splitext(before)[1] == job.target.suffix:
            kept[place] = job.target if before == str(job.target) else located(before)
    shared = Counter(collision_key(job.target) for place, job in enumerate(jobs) if place not in kept)
    claimed = {collision_key(target) for target in known.values()} if jobs else set()
    taken = {target for target, count in shared.items() if count == 1} | claimed
    renamed: list[PhotoJob] = []
    for place, job in enumerate(jobs):
        if place in kept:
            job = replace(job, target=kept[place]) if kept[place] != job.target else job
        elif shared[collision_key(job.target)] > 1 or collision_key(job.target) in claimed:
            stem, rest = job.source.stem, job.target.name.removeprefix(job.source.stem)
            stem = job.source.name if job.source.suffix.lower() != job.target.suffix.lower() else stem
            stems = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
            targets = (job.target.with_name(stem + rest) for stem in stems)
            job = replace(
                job, target=next(target for target in targets if collision_key(target) not in taken)
            )
            taken.add(collision_key(job.target))
        renamed.append(job)
    return renamed


def collision_key(path: str | Location) -> str:
    """Return a text that is equal for two paths that some disks take for the same.

    Such disks ignore case, ways to compose accents, or dots and spaces at the ends of names.
    """
    text = str(path)
    if "./" in text or " /" in text:
        text = _DROPPED.sub("/", text)
    return unicodedata.normalize("NFC", text).casefold()


def with_sheets(jobs: list[PhotoJob]) -> list[PhotoJob]:
    """Give every job a file for its before | after picture: a.compare.jpg, or a.png.compare.jpg."""
    shared = Counter(job.target.with_suffix("") for job in jobs)
    sheets = []
    for job in jobs:
        name = job.target.stem if shared[job.target.with_suffix("")] == 1 else job.target.name
        sheets.append(replace(job, sheet=job.target.with_name(f"{name}{COMPARE}.jpg")))
    return sheets


def unharmed(jobs: list[PhotoJob]) -> list[PhotoJob]:
    """Leave out earlier outputs of these photos, which `*.jpg` matches too.

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
            raise PhotoError("would be written over", path=job.source, advice="choose another output")
    return jobs


class Folders:
    """Tells files apart by real folder and name; each folder is resolved once."""

    def __init__(self) -> None:
        self.real: dict[str, str] = {}

    def __call__(self, file: Location) -> tuple[str, str]:
        """Return the real folder and the name of a file, which need not exist."""
        folder, name = os.path.split(str(file))
        if folder not in self.real:
            self.real[folder] = folder if is_remote(folder) else os.path.realpath(folder)
        return self.real[folder], name


def origin(ours: Location) -> Location:
    """Return the photo, without its suffix, that photo.colourised.jpg was made from."""
    return ours.with_name(ours.name.partition(MARK)[0])
