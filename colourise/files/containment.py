"""Keep outputs below the folder that the user named, whoever chose their names or planted links there.

A photo's place below a folder may come from a server, and an output folder may be one that others write to.
So a place must be a plain one (no "..", no empty part, nothing that makes a path absolute), and below the
output folder nothing is written through a link; the output folder itself may be one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from colourise.errors import ColouriseError, PhotoError

if TYPE_CHECKING:
    from colourise.files.storage import Location

_DOTS = re.compile(r"/\.{1,2}/")
_LOCAL = ("file", "local")  # fsspec's names of the disk of this machine


def is_plain(place: str, *, windows: bool = os.name == "nt") -> bool:
    r"""Tell whether a place stays below whatever folder it is joined to.

    Args:
        place: such as "1921/box 2/photo.jpg".
        windows: whether disks take "\\" for a separator too, and ":" for the end of a drive's name.
    """
    if windows:
        place = place.replace("\\", "/")
        if ":" in place:
            return False
    place = f"/{place}/"
    return "//" not in place and "\0" not in place and ("/." not in place or _DOTS.search(place) is None)


def text_prefix(folder: Location) -> str:
    """Return what the text of every path below a folder begins with; it is empty for "."."""
    return str(folder / "x")[:-1]


def is_below(file: Location, prefix: str) -> bool:
    """Tell by its text whether a file lies below a folder.

    Args:
        file: on a disk or in a store.
        prefix: of the folder, from `text_prefix`.
    """
    text = str(file)
    return text.startswith(prefix) and is_plain(text[len(prefix) :])


def is_really_below(folder: Location, root: Location) -> bool:
    """Tell whether a folder is another one or lies below it, once all links are followed."""
    if not isinstance(folder, Path) or not isinstance(root, Path):
        return str(folder) == str(root) or is_below(folder, text_prefix(root))
    real, real_root = os.path.realpath(folder), os.path.realpath(root)
    return real == real_root or real.startswith(os.path.join(real_root, ""))


def link_between(folder: Location, file: Location) -> Path | None:
    """Return the link that a file is, or that is on the way to it from a folder; None if there is none.

    Only links on disks of this machine are seen.
    """
    root, path = on_disk(folder), on_disk(file)
    if root is None or path is None:
        return None
    while path not in (root, path.parent):
        if is_link(path):
            return path
        path = path.parent
    return None


def behind(link: Path, source: Location) -> PhotoError:
    """Return the error of a photo whose output would be written through a link."""
    return PhotoError(
        f"refused, as {link} is a link, through which nothing is written",
        path=str(source),
        advice="remove the link, or choose another output",
    )


def own_file(folder: Path, name: str) -> Path:
    """Return the path of a file, or folder, of a name that we chose, below a folder that others may write to.

    Raises:
        ColouriseError: a link has its name, and would lead us to other files.
    """
    file = folder / name
    if is_link(file):
        raise ColouriseError(
            "is a link, through which nothing is written",
            path=file,
            advice="remove it, or name another folder",
        )
    return file


def on_disk(place: Location) -> Path | None:
    """Return a place on a disk of this machine as a `Path`, even if it is a URL; None if it is elsewhere."""
    if isinstance(place, Path):
        return place
    return Path(place.path) if place.protocol in _LOCAL else None


def is_link(path: str | os.PathLike[str]) -> bool:
    """Tell whether a path is a symbolic link or, on Windows, a junction."""
    is_junction = getattr(os.path, "isjunction", None)  # from Python 3.12 on
    return os.path.islink(path) or bool(is_junction and is_junction(path))
