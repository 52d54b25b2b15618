"""Films in and out, in steady colour.

    from colourise.films import FilmOptions, colour
    colour("film.mp4", options=FilmOptions(preview=10))

`colour` and `colour_all` read a film, colour it and write it with everything else that it has. Everything is
imported when it is first used: FFmpeg takes a while to load.
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
    from colourise.films.options import Encoding, Settings
    from colourise.films.pipeline import coloured_frames
    from colourise.films.source import is_film, look

__all__ = [
    "Encoding",
    "FilmEvent",
    "FilmFailed",
    "FilmFinished",
    "FilmOutcome",
    "FilmPrepared",
    "FilmProgress",
    "FilmStarted",
    "FilmStopped",
    "FilmsSummary",
    "Settings",
    "colour",
    "colour_all",
    "coloured_frames",
    "is_film",
    "look",
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
    "options": ("Encoding", "Settings"),
    "pipeline": ("coloured_frames",),
    "source": ("is_film", "look"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
