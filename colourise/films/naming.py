"""Name the outputs of films."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from colourise.files.names import ANIMATED, COMPARE, MARK, PART, PREVIEW

WRITTEN = (".mp4", ".m4v", ".mov", ".mkv", ".ts", ".mts", ".m2ts", ".flv", ".3gp", ".3g2", *ANIMATED)


def output_paths(
    sources: Sequence[Path], output: str | os.PathLike[str] | None, *, preview: bool = False
) -> list[Path]:
    """Return where the coloured versions of films go: beside them, to a file, or into a folder.

    A film in a format that cannot be written becomes an mkv.

    Args:
        sources: the films.
        output: a file, a folder, or None. It means a folder if it is one already, has no suffix or ends in
            "/", or if there are several films.
        preview: whether only a part is coloured, as a preview.
    """
    text = os.fspath(output) if output else ""
    place = Path(text) if text else None
    folder = place is not None and (
        len(sources) > 1 or not place.suffix or text.endswith("/") or place.is_dir()
    )
    targets = []
    for source in sources:
        suffix = source.suffix if source.suffix.lower() in WRITTEN else ".mkv"
        if place is None:
            targets.append(source.with_name(f"{source.stem}{PREVIEW if preview else MARK}{suffix}"))
        else:
            targets.append(place / f"{source.stem}{suffix}" if folder else place)
    return targets


def comparison_path(target: Path) -> Path:
    """Return where the side-by-side film of before and after goes."""
    return target.with_name(f"{target.stem}{COMPARE}{target.suffix}")


def partial_path(target: Path) -> Path:
    """Return where the playable part of a stopped film goes."""
    return target.with_name(f"{target.stem}{PART}{target.suffix}")
