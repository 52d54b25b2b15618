"""Where a film's coloured version goes, and the films that belong to it."""

from __future__ import annotations

from pathlib import Path

from colourise.files.names import ANIMATED, COMPARE, MARK, PREVIEW

WRITTEN = (".mp4", ".m4v", ".mov", ".mkv", ".ts", ".mts", ".m2ts", ".flv", ".3gp", ".3g2", *ANIMATED)


def target_of(source: Path, output: Path | None, *, folder: bool = False, preview: bool = False) -> Path:
    """Where a film's coloured version goes: beside it, to a file, or into a folder; mkv where it must be.

    Args:
        source: the film.
        output: a file, a folder, or None.
        folder: whether it is a folder even if it is not there yet.
        preview: whether it is only a part to look at.
    """
    suffix = source.suffix if source.suffix.lower() in WRITTEN else ".mkv"
    if output is None:
        return source.with_name(f"{source.stem}{PREVIEW if preview else MARK}{suffix}")
    return output / f"{source.stem}{suffix}" if folder or output.is_dir() else output


def sheet_of(target: Path) -> Path:
    """The film of before | after that belongs to a coloured one."""
    return target.with_name(f"{target.stem}{COMPARE}{target.suffix}")
