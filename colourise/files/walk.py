"""Photos below a folder, on a disk or in a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from colourise.files import storage
from colourise.files.names import is_film_name, is_photo

if TYPE_CHECKING:
    from colourise.files.storage import Location


def walk(folder: Location, unreadable: list[OSError]) -> Iterator[Path]:
    """Photos below a folder, sorted, without our own outputs; adds to `unreadable` what cannot be opened."""
    return (Path(entry.path) for entry in scan(folder, unreadable))


def scan(
    folder: Location,
    unreadable: list[OSError],
    *,
    follow: bool = False,
    skip: Location | None = None,
    films: list[str] | None = None,
) -> Iterator[os.DirEntry[str] | storage.RemoteEntry]:
    """What `walk` gives, as the file system has it.

    Args:
        folder: where to begin.
        unreadable: what cannot be opened is added here.
        follow: walk folders that are symbolic links too; each folder once, so that loops end.
        skip: a folder that is left out.
        films: what is none of the photos but a film is added here.
    """
    if not isinstance(folder, Path):
        yield from (entry for entry in storage.scan(folder, unreadable, skip=skip) if is_photo(entry.name))
        return
    seen: set[tuple[int, int]] = set()
    leave_out = status(skip) if isinstance(skip, Path) else None
    if leave_out is not None:
        seen.add((leave_out.st_dev, leave_out.st_ino))
    waiting = [os.fspath(folder)]
    while waiting:
        place = waiting.pop()
        try:
            here = os.stat(place)
            if (here.st_dev, here.st_ino) in seen:
                continue
            seen.add((here.st_dev, here.st_ino))
            with os.scandir(place) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as err:
            unreadable.append(err)
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if is_folder(entry):
                if follow or not entry.is_symlink():
                    folders.append(entry.path)
            elif is_photo(entry.name):
                yield entry
            elif films is not None and is_film_name(entry.name):
                films.append(entry.path)
        waiting += reversed(folders)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether this is a folder, or a link to one; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def status(entry: os.DirEntry[str] | storage.RemoteEntry | Path) -> os.stat_result | None:
    """What the file system tells of a file, or None if it is gone or hidden."""
    try:
        return entry.stat()
    except OSError:
        return None
