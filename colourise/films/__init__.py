"""Colour films: read them, colour their frames steadily, and write them with their sound and everything else.

    from colourise.films import FilmOptions, colour
    colour("film.mp4", options=FilmOptions(preview=10))

`colour` colours a film, `colour_all` several, and `coloured_frames` yields frames without writing anything.
Everything is imported when it is first used, as FFmpeg takes a while to load.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colourise.films.colouring import FilmsSummary, colour, colour_all
    from colourise.films.events import (
        FilmEvent,
        FilmFailed,
        FilmFinished,
        FilmOutcome,
        FilmPrepared,
        FilmProgress,
        FilmStarted,
        FilmStopped,
    )
    from colourise.films.options import Encoding, FilmOptions
    from colourise.films.pipeline import coloured_frames
    from colourise.films.source import is_film, probe

__all__ = [
    "Encoding",
    "FilmEvent",
    "FilmFailed",
    "FilmFinished",
    "FilmOptions",
    "FilmOutcome",
    "FilmPrepared",
    "FilmProgress",
    "FilmStarted",
    "FilmStopped",
    "FilmsSummary",
    "colour",
    "colour_all",
    "coloured_frames",
    "is_film",
    "probe",
]

_HOMES = {
    "colouring": ("FilmsSummary", "colour", "colour_all"),
    "events": (
        "FilmEvent",
        "FilmFailed",
        "FilmFinished",
        "FilmOutcome",
        "FilmPrepared",
        "FilmProgress",
        "FilmStarted",
        "FilmStopped",
    ),
    "options": ("Encoding", "FilmOptions"),
    "pipeline": ("coloured_frames",),
    "source": ("is_film", "probe"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
