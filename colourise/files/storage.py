"""Files that are not on a disk of this machine: whatever fsspec reaches, such as s3://bucket/archive.

Such a place is a `UPath`, which has the methods of a `Path`. A photo is fetched into a temporary folder and
coloured there like any other; its coloured version is uploaded once it is complete. An object store shows an
object only when it has arrived; elsewhere it is uploaded under another name and then renamed.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from colourise.errors import PhotoError
from colourise.extras import needs
from colourise.files.atomic import part_prefix
from colourise.files.stamp import Stamp

if TYPE_CHECKING:
    from upath import UPath

    Location: TypeAlias = Path | UPath
    """A file or folder on a disk of this machine (a `Path`) or elsewhere (a `UPath`)."""

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
CHAIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://.*::|(?:[A-Za-z][A-Za-z0-9+.-]+::)+[A-Za-z][A-Za-z0-9+.-]+://")
PACKAGES = {"gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
OBJECT_STORES = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss")
FLAT = (*OBJECT_STORES, "memory")  # their folders are parts of names, of which any may be empty or ".."


def is_remote(place: str | Location) -> bool:
    """Tell whether a place is a URL."""
    return URL.match(str(place)) is not None


def located(text: str | Location) -> Location:
    """Return a place by its name: a `UPath` for a URL, else a `Path`.

    Raises:
        ExtraError: it is in S3, and the extra for that is not installed.
        PhotoError: nothing that is installed knows such URLs, or it is a chain of them.
    """
    text = str(text)
    if "::" in text and CHAIN.match(text):
        reason = "has ::, which chains addresses and is not followed"
        raise PhotoError(reason, path=text, advice="rename it, or copy it to a disk and unpack it there")
    if not is_remote(text):
        return Path(text)
    from upath import UPath

    protocol = text.partition("://")[0].lower()
    if protocol in ("s3", "s3a"):
        needs("s3", text)
    try:
        place = UPath(text)
        place.fs  # noqa: B018  # loads what knows it
    except (ImportError, ValueError) as err:
        if protocol in PACKAGES:
            raise PhotoError(f"needs another package: pip install {PACKAGES[protocol]}", path=text) from err
        reason = f"{protocol}:// cannot be reached ({said(err)})"
        raise PhotoError(reason, path=text, advice="mount it as a folder") from err
    except Exception as err:  # each kind of URL has its own
        raise unreachable(text, err) from err
    return place


def reach(place: Location) -> tuple[Any, str]:
    """Return the file system of a remote place, and its path there."""
    if isinstance(place, Path):
        raise TypeError(f"{place} is on a disk of this machine")
    return place.fs, place.path


def check_folder(folder: Location) -> None:
    """Refuse a folder that cannot be walked.

    Raises:
        PhotoError: it cannot be reached, or is no folder.
    """
    try:
        there = folder.is_dir()
    except Exception as err:  # each store has its own
        raise unreachable(folder, err) from err
    if not there:
        raise PhotoError(
            "no such folder",
            path=str(folder),
            advice="of what is not on a disk, name a folder that has photos",
        )


def unreachable(place: str | Location, err: Exception) -> PhotoError:
    """Return the error of a place that does not answer."""
    return PhotoError(
        f"cannot be reached ({said(err)})", path=str(place), advice="check the address and your credentials"
    )


def said(err: Exception) -> str:
    """Return a library's message in one line."""
    return " ".join(str(err).split())[:160].rstrip(".") or type(err).__name__


def status(place: str | Location) -> os.stat_result | None:
    """Return size and time of a file in whole seconds, as all listings have them; None if it does not exist.

    Raises:
        PhotoError: the place does not answer.
    """
    fs, path = reach(located(place))
    try:
        fs.invalidate_cache(fs._parent(path))  # what was listed may be hours old
        info = fs.info(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except Exception as err:
        raise unreachable(place, err) from err
    return None if info["type"] == "directory" else stat_of(info)


def stamp_of(place: str | Location) -> Stamp | None:
    """Look at a file on a disk or in a store; None if it is not there.

    Raises:
        PhotoError: a store does not answer.
    """
    if not is_remote(place):
        return Stamp.of(str(place))
    found = status(place)
    return found and Stamp(found.st_size, found.st_mtime_ns)


def stat_of(info: dict[str, Any]) -> os.stat_result:
    """Return a store's facts about a file as `os.stat` would."""
    names = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")
    changed = next((info[name] for name in names if info.get(name)), 0)
    if isinstance(changed, str):
        changed = datetime.fromisoformat(changed)
    second = int(changed.timestamp() if isinstance(changed, datetime) else changed)
    size = int(info["size"] or 0)
    times = {"st_mtime": float(second), "st_mtime_ns": second * 10**9}
    return os.stat_result((stat.S_IFREG, 0, 0, 1, 0, 0, size, second, second, second), times)


@dataclass(frozen=True)
class RemoteEntry:
    """A file in a store, with the methods that an `os.DirEntry` has."""

    name: str
    """Its name."""
    path: str
    """Its URL."""
    status: os.stat_result
    """Its size and time."""

    def stat(self) -> os.stat_result:
        """Its size and time."""
        return self.status


def scan(folder: Location, unreadable: list[OSError], *, skip: Location | None) -> Iterator[RemoteEntry]:
    """Yield the files below a folder, sorted, without hidden ones; add folders that fail to `unreadable`.

    The names are the server's: a place below the folder may have empty parts or "..", and a file may lie
    outside the folder. Whoever joins such a place to another folder looks at it first (containment.py).
    """
    fs, root = reach(folder)
    left_out = reach(skip)[1] if skip is not None and is_remote(skip) else None
    root, left_out = root.rstrip("/"), left_out and left_out.rstrip("/")
    home = str(folder).rstrip("/")

    def entry(path: str, info: dict[str, Any]) -> RemoteEntry:
        url = f"{home}{path[len(root) :]}" if path.startswith(f"{root}/") else path
        return RemoteEntry(path.rpartition("/")[2], url, stat_of(info))

    waiting = [root]
    while waiting:
        place = waiting.pop()
        if place == left_out:
            continue
        try:
            found = fs.ls(place, detail=True, refresh=True)
        except Exception as err:
            unreadable.append(OSError(0, said(err), f"{home}{place[len(root) :]}"))
            continue
        folders = []
        for info in sorted(found, key=lambda info: str(info["name"])):
            path = str(info["name"]).rstrip("/")
            name = path.rpartition("/")[2]
            if info["type"] == "directory" and is_odd(path, place, str(info["name"])):
                if str(folder).partition("://")[0] not in FLAT:
                    continue  # another name of a folder that is walked anyway, or lies outside
                inside = "" if path == place else name
                try:
                    files = odd_files(fs, place, inside)
                except Exception as err:
                    unreadable.append(OSError(0, said(err), f"{home}{place[len(root) :]}/{inside}/"))
                    continue
                yield from (entry(key, about) for key, about in files.items())
            elif path == place or name.startswith("."):
                continue
            elif info["type"] == "directory":
                folders.append(path)
            else:
                yield entry(path, info)
        waiting += reversed(folders)


def is_odd(path: str, place: str, name: str) -> bool:
    """Tell whether a folder inside `place` has the name "", "." or "..", which no disk takes for a name."""
    return path.rpartition("/")[2] in (".", "..") or (path == place and name.endswith("/"))


def odd_files(fs: Any, place: str, name: str) -> dict[str, dict[str, Any]]:
    """Return the files in the folder `name` of `place`, with what a store knows of each."""
    found: dict[str, dict[str, Any]] = fs.find(place, prefix=f"{name}/", detail=True)
    return {path: info for path, info in sorted(found.items()) if path.startswith(f"{place}/{name}/")}


def listing(folder: Location) -> dict[str, os.stat_result]:
    """Return size and time of every file below a folder, by URL, with one request a folder."""
    return {entry.path: entry.status for entry in scan(folder, [], skip=None)}


def fetch(source: Location, file: Path) -> None:
    """Copy a remote file to a disk.

    Raises:
        PhotoError: it is not there, does not arrive, or changes meanwhile.
    """
    before = status(source)
    if before is None:
        raise PhotoError("no such file", path=str(source))
    try:
        fs, path = reach(source)
        fs.get_file(path, str(file))
    except OSError as err:
        raise PhotoError(
            f"cannot be fetched ({said(err)})", path=str(source), advice="run again to go on"
        ) from err
    except Exception as err:
        raise unreachable(source, err) from err
    after = status(source)
    if after is None or (after.st_size, after.st_mtime_ns) != (file.stat().st_size, before.st_mtime_ns):
        raise PhotoError("changed while it was read", path=str(source), advice="run again when it is whole")


def put(file: Path, target: Location, *, overwrite: bool) -> None:
    """Copy a file to a remote place, where it appears when it is complete.

    Raises:
        PhotoError: the place is taken, or cannot be written.
    """
    if not overwrite and status(target) is not None:
        raise PhotoError("is there already", path=str(target), advice="--overwrite makes it again")
    fs, place = reach(target)
    try:
        if str(target).partition("://")[0] in OBJECT_STORES:
            fs.put_file(str(file), place)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            part = place.removesuffix(target.name) + f"{part_prefix(target.name)}{secrets.token_hex(4)}.part"
            fs.put_file(str(file), part)
            if fs.exists(place):
                fs.rm_file(place)
            fs.mv(part, place)
    except Exception as err:
        raise PhotoError(
            f"cannot be written ({said(err)})", path=str(target), advice="run again to go on"
        ) from err
