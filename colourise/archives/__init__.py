"""Photos, from one to an archive of a hundred thousand: planned, coloured side by side, recorded.

    from colourise.archives import PhotoOptions, colour
    summary = colour("archive", "coloured", options=PhotoOptions(format="png"), on_event=print)

`colour` colours photos and folders, `colour_photo` one photo, which need not be a file. Everything is
imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colourise.lazy import lazily

if TYPE_CHECKING:
    from colourise.archives.archive import colour as colour
    from colourise.archives.events import (
        DiskFull as DiskFull,
        Event as Event,
        FilmsLeftAlone as FilmsLeftAlone,
        FilmsStarted as FilmsStarted,
        PathRefused as PathRefused,
        PhotoEnded as PhotoEnded,
        PhotoLeftAlone as PhotoLeftAlone,
        PhotoPlanned as PhotoPlanned,
        PhotoThere as PhotoThere,
        PicturesLeftAlone as PicturesLeftAlone,
        ReportStarted as ReportStarted,
        RoundEnded as RoundEnded,
        RoundStarted as RoundStarted,
        Summary as Summary,
        WaitingForRun as WaitingForRun,
        WatchStarted as WatchStarted,
        WorkersRestarted as WorkersRestarted,
        WorkersStarted as WorkersStarted,
    )
    from colourise.archives.job import (
        FilmResult as FilmResult,
        FoundFilm as FoundFilm,
        Outcome as Outcome,
        PhotoJob as PhotoJob,
        PhotoOptions as PhotoOptions,
    )
    from colourise.archives.photo import ColouredPhoto as ColouredPhoto, colour_photo as colour_photo
    from colourise.archives.selection import Selection as Selection
    from colourise.archives.variants import Variants as Variants, colour_variants as colour_variants

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "archive": ("colour",),
        "events": (
            "DiskFull",
            "Event",
            "FilmsLeftAlone",
            "FilmsStarted",
            "PathRefused",
            "PhotoEnded",
            "PhotoLeftAlone",
            "PhotoPlanned",
            "PhotoThere",
            "PicturesLeftAlone",
            "ReportStarted",
            "RoundEnded",
            "RoundStarted",
            "Summary",
            "WaitingForRun",
            "WatchStarted",
            "WorkersRestarted",
            "WorkersStarted",
        ),
        "job": ("FilmResult", "FoundFilm", "Outcome", "PhotoJob", "PhotoOptions"),
        "photo": ("ColouredPhoto", "colour_photo"),
        "selection": ("Selection",),
        "variants": ("Variants", "colour_variants"),
    },
)
