"""Name the outputs of films.

What is chosen for one of several versions is in its name: the part of the film, and colours other than
predicted. So the name tells whether a version is there already.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from colourise.files.names import ANIMATED, COMPARE, MARK, PART, PREVIEW, colours_mark
from colourise.films.options import DEFAULTS, FilmOptions

WRITTEN = (".mp4", ".m4v", ".mov", ".mkv", ".ts", ".mts", ".m2ts", ".flv", ".3gp", ".3g2", *ANIMATED)


def output_paths(
    sources: Sequence[Path],
    output: str | os.PathLike[str] | None,
    options: FilmOptions = DEFAULTS,
    *,
    saturation: float = 1,
    places: Sequence[str] | None = None,
) -> list[Path]:
    """Return where the coloured versions of films go: beside them, to a file, or into a folder.

    A film in a format that cannot be written becomes an mkv.

    Args:
        sources: the films.
        output: a file, a folder, or None. It means a folder if it is one already, has no suffix or ends in
            "/", or if there are several films.
        options: a preview and any other part of a film have names of their own.
        saturation: strength of the colours.
        places: folders below `output`, one for each film; it is a folder then.
    """
    mark = PREVIEW if options.preview is not None else ""
    choices = f"{part_mark(options)}{colours_mark(saturation)}"
    text = os.fspath(output) if output else ""
    place = Path(text) if text else None
    folder = place is not None and (
        places is not None or len(sources) > 1 or not place.suffix or text.endswith("/") or place.is_dir()
    )
    targets = []
    for source, inside in zip(sources, places or [""] * len(sources), strict=True):
        suffix = source.suffix if source.suffix.lower() in WRITTEN else ".mkv"
        if place is None:
            targets.append(source.with_name(f"{source.stem}{mark or MARK}{choices}{suffix}"))
        else:
            name = f"{source.stem}{mark}{choices}{suffix}"
            targets.append(place / inside / name if folder else place)
    return targets


def part_mark(options: FilmOptions) -> str:
    """Return what a name says of the part that is coloured: "-1m30s-2m", "-from-1m30s", "-to-2m" or nothing.

    Of a preview, it is where it begins.
    """
    start, end = options.window()
    if options.preview is not None:
        end = None
    if start and end:
        return f"-{moment(start)}-{moment(end)}"
    return f"-from-{moment(start)}" if start else f"-to-{moment(end)}" if end else ""


def moment(time: Fraction) -> str:
    """Return a time as names tell it: 1h2m3.5s, 2m, 90 seconds as 1m30s."""
    minutes, seconds = divmod(time, 60)
    parts = {"h": int(minutes // 60), "m": int(minutes % 60), "s": float(seconds)}
    return "".join(f"{value:.6g}{unit}" for unit, value in parts.items() if value) or "0s"


def comparison_path(target: Path) -> Path:
    """Return where the side-by-side film of before and after goes."""
    return target.with_name(f"{target.stem}{COMPARE}{target.suffix}")


def partial_path(target: Path) -> Path:
    """Return where the playable part of a stopped film goes."""
    return target.with_name(f"{target.stem}{PART}{target.suffix}")
