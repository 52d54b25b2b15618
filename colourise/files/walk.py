"""Find the photos below a folder, on a disk or in a store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from colourise.files import storage
from colourise.files.names import EXTENSIONS, is_film_name, is_photo, is_unreadable_name

if TYPE_CHECKING:
    from colourise.files.storage import Location


def walk(folder: Path, unreadable: list[OSError]) -> Iterator[Path]:
    """Yield the photos below a folder, sorted, without our outputs; add folders that fail to `unreadable`."""
    return (Path(entry.path) for entry in scan(folder, unreadable))


def scan(
    folder: Location,
    unreadable: list[OSError],
    *,
    follow: bool = False,
    skip: Location | None = None,
    suffixes: frozenset[str] = EXTENSIONS,
    films: list[str] | None = None,
    others: list[str] | None = None,
) -> Iterator[os.DirEntry[str] | storage.RemoteEntry]:
    """Yield what `walk` yields, as entries of the file system or the store.

    Args:
        folder: where to begin.
        unreadable: the errors of folders that cannot be opened are added here.
        follow: walk folders that are symbolic links too; each folder once, so that loops end.
        skip: a folder that is left out.
        suffixes: those of photos.
        films: the paths of films are added here.
        others: the paths of pictures that cannot be read are added here.
    """
    if isinstance(folder, Path):
        files: Iterator[os.DirEntry[str] | storage.RemoteEntry] = scan_disk(folder, unreadable, follow, skip)
    else:
        files = storage.scan(folder, unreadable, skip=skip)
    for entry in files:
        if is_photo(entry.name, suffixes):
            yield entry
        elif films is not None and is_film_name(entry.name):
            films.append(entry.path)
        elif others is not None and is_unreadable_name(entry.name):
            others.append(entry.path)


def scan_disk(
    folder: Path, unreadable: list[OSError], follow: bool, skip: Location | None
) -> Iterator[os.DirEntry[str]]:
    """Yield the files below a folder on a disk, sorted, without hidden ones."""
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
            if not is_folder(entry):
                yield entry
            elif follow or not entry.is_symlink():
                folders.append(entry.path)
        waiting += reversed(folders)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder or a link to one; a link that leads to itself is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def status(entry: os.DirEntry[str] | storage.RemoteEntry | Path) -> os.stat_result | None:
    """Return the status of a file; None if it is gone or may not be looked at."""
    try:
        return entry.stat()
    except OSError:
        return None
