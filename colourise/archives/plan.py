"""From what the user names to what is to be written: paths -> jobs.

A folder is walked to the bottom and its tree is kept below the output folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from colourise.archives.job import PhotoJob, PhotoOptions
from colourise.archives.naming import check_output, distinct, is_file_name, target_of, unharmed, with_sheets
from colourise.archives.selection import Selection
from colourise.files.stamp import Stamp
from colourise.files.storage import located, stamp_of
from colourise.files.walk import scan, status


def plan(
    paths: Iterable[Path],
    output: Path | None,
    settings: PhotoOptions,
    choice: Selection | None = None,
    known: Mapping[bytes, str] | None = None,
    settled: Callable[[bytes, os.stat_result], bool] = lambda key, found: False,
    films: list[str] | None = None,
) -> tuple[list[PhotoJob], list[str]]:
    """Find every photo that is meant, and where its coloured version goes.

    Args:
        paths: files and folders; a file is taken whatever its name says. Where there are several, each
            folder keeps its own name below `output`.
        output: a file (for one photo), a folder, or None for `photo.colourised.jpg` beside each photo.
        settings: how photos are written.
        choice: which of the photos in folders are meant; by default all.
        known: the targets that an earlier run gave, by `PhotoJob.key`; they are kept.
        settled: says of a photo in a folder that there is nothing to do; it gets no job.
        films: those in folders on this machine, which get no jobs, are added here.
    Returns:
        A job for each photo; and a line for each folder that has none, or cannot be opened.
    Raises:
        PhotoError: `output` cannot be what is meant, or a photo would be written over.
    """
    paths, choice = list(paths), choice or Selection()
    one_file = output is not None and is_file_name(output, paths)
    if output is not None:
        check_output(output, paths, settings, one_file=one_file)
    jobs: dict[str, PhotoJob] = {}  # by absolute path: a photo that is named twice is coloured once
    refused: list[str] = []
    for path in paths:
        if path.is_dir():
            below = path.resolve().name if len(paths) > 1 else ""
            found = jobs_in(path, below, output, settings, choice, settled, refused, films)
        else:
            target = output if output and one_file else target_of(str(path), "", output, settings)
            key = os.fsencode(path.absolute())
            found = iter([PhotoJob(path, target, named=True, key=key, stamp=stamp_of(path))])
        for job in found:
            jobs.setdefault(os.path.abspath(str(job.source)) if len(paths) > 1 else str(job.source), job)
    planned = distinct(list(jobs.values()), known or {})
    planned = unharmed(with_sheets(planned) if settings.compare else planned)
    return [
        job for job in planned if job.named or choice.takes(job.key, job.stamp.changed if job.stamp else None)
    ], refused


def jobs_in(
    folder: Path,
    below: str,
    output: Path | None,
    settings: PhotoOptions,
    choice: Selection,
    settled: Callable[[bytes, os.stat_result], bool],
    refused: list[str],
    films: list[str] | None,
) -> Iterator[PhotoJob]:
    """A job for each photo in a folder; adds to `refused` what cannot be opened, or that there are none."""
    unreadable: list[OSError] = []
    empty = True
    skip = output if output is not None and output.resolve() != folder.resolve() else None
    start = len(os.path.join(str(folder), ""))
    for entry in scan(folder, unreadable, follow=choice.follow, skip=skip, films=films):
        empty = False
        found = status(entry)
        if found is not None and not stat.S_ISREG(found.st_mode):
            refused.append(f"{entry.path}: is a pipe, a socket or a device, not a photo")
            continue
        place = os.path.join(below, entry.path[start : len(entry.path) - len(entry.name)])
        key = os.fsencode(os.path.join(place, entry.name))
        if found is not None and choice.takes(key, found.st_mtime_ns) and settled(key, found):
            continue
        yield PhotoJob(
            located(entry.path),
            target_of(entry.path, place, output, settings),
            named=False,
            key=key,
            stamp=Stamp(found.st_size, found.st_mtime_ns) if found else None,
        )
    refused += [f"{err.filename}: this folder cannot be opened ({err.strerror})" for err in unreadable]
    if empty and not unreadable:
        refused.append(f"{folder}: no photos in this folder")
