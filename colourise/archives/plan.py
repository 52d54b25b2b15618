"""From the paths that the user named to jobs.

Folders are walked to the bottom, and their trees are kept below the output folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from colourise.archives.job import FoundFilm, PhotoJob, PhotoOptions
from colourise.archives.naming import check_output, distinct, is_file_name, target_of, unharmed, with_sheets
from colourise.archives.selection import Selection
from colourise.errors import PhotoError
from colourise.files.containment import behind, is_below, is_plain, link_between, text_prefix
from colourise.files.names import EXTENSIONS, READ_ONLY
from colourise.files.stamp import Stamp
from colourise.files.storage import is_remote, located, stamp_of
from colourise.files.walk import scan, status

if TYPE_CHECKING:
    from colourise.files.storage import Location

IsDone = Callable[[bytes, os.stat_result], bool]


@dataclass
class Plan:
    """What was found at the paths that the user named."""

    jobs: list[PhotoJob] = field(default_factory=list)
    """A job for each selected photo that may have to be coloured."""
    refused: list[str] = field(default_factory=list)
    """A line for each folder that has no photos or cannot be opened, and each entry that is not a file."""
    films: list[str] = field(default_factory=list)
    """Films in folders that are left alone."""
    films_to_colour: list[FoundFilm] = field(default_factory=list)
    """Films in folders that are to be coloured, which get no jobs either."""
    unreadable: list[str] = field(default_factory=list)
    """Pictures in folders, of formats that cannot be read."""
    done: int = 0
    """Number of photos that got no job because they are done."""

    @property
    def found(self) -> int:
        """Return the number of photos, done or not, and of refused paths."""
        return len(self.jobs) + len(self.refused) + self.done


def plan_jobs(
    paths: Iterable[Location],
    output: Location | None,
    options: PhotoOptions,
    selection: Selection | None = None,
    *,
    saturation: float = 1,
    known: Mapping[bytes, str] | None = None,
    is_done: IsDone = lambda key, found: False,
    with_films: bool = False,
) -> Plan:
    """Find every selected photo, and where its coloured version goes.

    Args:
        paths: files and folders; a file is taken whatever its name. If there are several paths, each folder
            keeps its own name below `output`.
        output: a file (for one photo), a folder, or None for `photo.colourised.jpg` beside each photo.
        options: how photos are written.
        selection: which photos in folders are selected; by default all.
        saturation: strength of the colours, which names beside photos tell.
        known: targets given by an earlier run, by `PhotoJob.key`; they are kept.
        is_done: tells from the key and the state of a photo in a folder whether it is done.
        with_films: whether films in folders are to be coloured too.
    Raises:
        PhotoError: `output` is impossible, or a photo would be overwritten.
    """
    paths, selection, plan = list(paths), selection or Selection(), Plan()
    one_file = output is not None and is_file_name(output, paths)
    if output is not None:
        check_output(output, paths, options, one_file=one_file)
    place_of = partial(target_of, output=output, options=options, saturation=saturation)
    jobs: dict[str, PhotoJob] = {}  # by absolute path: a photo that is named twice is coloured once
    for path in paths:
        if path.is_dir():
            below = path.resolve().name if len(paths) > 1 else ""
            found = jobs_in(path, below, output, place_of, selection, is_done, plan, with_films=with_films)
        else:
            target = output if output and one_file else place_of(str(path), "")
            key = os.fsencode(str(path.absolute()))
            root = target if one_file else output
            stamp = stamp_of(path)
            exact = output is not None or stamp is None or shares(path, target, place_of)
            found = iter([PhotoJob(path, target, True, exact, key=key, stamp=stamp, root=root)])
        for job in contained(found, selection, plan):
            jobs.setdefault(os.path.abspath(str(job.source)) if len(paths) > 1 else str(job.source), job)
    planned = distinct(list(jobs.values()), known or {})
    planned = unharmed(with_sheets(planned) if options.compare else planned)
    plan.jobs = [
        job
        for job in planned
        if job.named or selection.takes(job.key, job.stamp.changed if job.stamp else None)
    ]
    return plan


def shares(photo: Location, target: Location, place_of: Callable[[str, str], Location]) -> bool:
    """Tell whether another photo beside this one has the same target: a.tif as a.jpg with --format png."""
    if is_remote(photo):
        return False
    suffixes = (EXTENSIONS | READ_ONLY) - {photo.suffix.lower()}
    others = (photo.with_suffix(suffix) for suffix in suffixes)
    return any(place_of(str(other), "") == target and other.exists() for other in others)


def contained(jobs: Iterable[PhotoJob], selection: Selection, plan: Plan) -> Iterator[PhotoJob]:
    """Yield the jobs whose outputs lie below the folder that the user named; name the others in `plan`.

    The places of photos may be what a server said. Every job passes here, before its target is looked at.
    """
    prefixes: dict[Location, str] = {}
    links: dict[str, Path | None] = {}  # by the folder of a target
    for job in jobs:
        root = job.root
        if root is None or root is job.target:
            yield job
            continue
        if root not in prefixes:
            prefixes[root] = text_prefix(root)
        folder = str(job.target).rpartition(os.sep)[0]
        if not is_below(job.target, prefixes[root]) or not (job.named or is_plain(os.fsdecode(job.key))):
            refusal = PhotoError(f"refused, its place would lie outside {root}", path=job.source)
        else:
            if folder not in links:
                links[folder] = link_between(root, job.target.parent)
            if (link := links[folder]) is None:
                yield job
                continue
            refusal = behind(link, job.source)
        if job.named or selection.takes(job.key, job.stamp.changed if job.stamp else None):
            plan.refused.append(str(refusal))


def add_films(places: Mapping[str, str], output: Location | None, selection: Selection, plan: Plan) -> None:
    """Add those films to `plan` that are selected.

    Args:
        places: where each film belongs below the output folder, by its path.
        output: the folder; None: each film's output goes beside it.
        selection: which films are selected.
        plan: gets them; those whose outputs would be written through a link are refused.
    """
    for path, inside in places.items():
        source = Path(path)
        found = status(source)
        if not selection.takes(os.fsencode(inside), found.st_mtime_ns if found else None):
            continue
        place = os.path.dirname(inside)
        link = link_between(output, output / place) if output is not None else None
        if link is not None:
            plan.refused.append(str(behind(link, source)))
        else:
            plan.films_to_colour.append(FoundFilm(source, place))


def jobs_in(
    folder: Location,
    below: str,
    output: Location | None,
    place_of: Callable[[str, str], Location],
    selection: Selection,
    is_done: IsDone,
    plan: Plan,
    *,
    with_films: bool,
) -> Iterator[PhotoJob]:
    """Yield a job for each photo in a folder; add everything that gets none to `plan`."""
    errors: list[OSError] = []
    others: list[str] = []
    films: list[str] = []
    empty = True
    skip = output if output is not None and output.resolve() != folder.resolve() else None
    above = os.path.join(str(folder), "")
    entries = scan(
        folder,
        errors,
        follow=selection.follow,
        skip=skip,
        suffixes=EXTENSIONS | READ_ONLY,
        films=films,
        others=others,
    )
    for entry in entries:
        empty = False
        found = status(entry)
        if found is not None and not stat.S_ISREG(found.st_mode):
            plan.refused.append(f"{entry.path}: is a pipe, a socket or a device, not a photo")
            continue
        inside = entry.path.removeprefix(above)  # all of it, if a server has named a file that is not below
        place = os.path.join(below, inside[: len(inside) - len(entry.name)])
        key = os.fsencode(os.path.join(place, entry.name))
        if found is not None and selection.takes(key, found.st_mtime_ns) and is_done(key, found):
            plan.done += 1
            continue
        try:
            source, target = located(entry.path), place_of(entry.path, place)
        except PhotoError as err:  # a store has a name that is no URL
            if selection.takes(key, None):
                plan.refused.append(str(err))
            continue
        stamp = Stamp(found.st_size, found.st_mtime_ns) if found else None
        yield PhotoJob(source, target, named=False, key=key, stamp=stamp, root=output)
    plan.refused += [f"{err.filename}: this folder cannot be opened ({err.strerror})" for err in errors]
    plan.unreadable += [
        path
        for path in others
        if selection.takes(os.fsencode(os.path.join(below, path.removeprefix(above))), None)
    ]
    if not with_films or any(map(is_remote, (folder, output or ""))):
        plan.films += films
    elif films:
        empty = False
        places = {path: os.path.join(below, path.removeprefix(above)) for path in films}
        add_films(places, output, selection, plan)
    if empty and not errors:
        plan.refused.append(f"{folder}: no photos in this folder")
