"""Photos, from one to an archive of a hundred thousand: planned, coloured side by side, remembered.

    from colourise.archives import PhotoOptions, colour
    summary = colour("archive", "coloured", options=PhotoOptions(format="png"), on_event=print)

`colour` colours photos and folders, `colour_photo` one photo, which need not be a file. Everything is
imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colourise.archives.archive import colour
    from colourise.archives.events import (
        DiskFull,
        Event,
        FilmsLeftAlone,
        PathRefused,
        PhotoEnded,
        PhotoLeftAlone,
        PhotoPlanned,
        ReportStarted,
        RoundEnded,
        RoundStarted,
        Summary,
        WaitingForRun,
        WorkersRestarted,
        WorkersStarted,
    )
    from colourise.archives.job import Outcome, PhotoJob, PhotoOptions
    from colourise.archives.photo import ColouredPhoto, colour_photo
    from colourise.archives.selection import Selection

__all__ = [
    "ColouredPhoto",
    "DiskFull",
    "Event",
    "FilmsLeftAlone",
    "Outcome",
    "PathRefused",
    "PhotoEnded",
    "PhotoJob",
    "PhotoLeftAlone",
    "PhotoOptions",
    "PhotoPlanned",
    "ReportStarted",
    "RoundEnded",
    "RoundStarted",
    "Selection",
    "Summary",
    "WaitingForRun",
    "WorkersRestarted",
    "WorkersStarted",
    "colour",
    "colour_photo",
]

_HOMES = {
    "colour": "archive",
    "Outcome": "job",
    "PhotoJob": "job",
    "PhotoOptions": "job",
    "ColouredPhoto": "photo",
    "colour_photo": "photo",
    "Selection": "selection",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'events')}"), name)
