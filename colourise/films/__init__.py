"""Colour films: read them, colour their frames steadily, and write them with their sound and everything else.

    from colourise.films import FilmOptions, colour
    colour("film.mp4", options=FilmOptions(preview=10))

`colour` colours a film, `colour_all` several, and `coloured_frames` yields frames without writing anything.
Everything is imported when it is first used, as FFmpeg takes a while to load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colourise.lazy import lazily

if TYPE_CHECKING:
    from colourise.films.colouring import (
        FilmsSummary as FilmsSummary,
        colour as colour,
        colour_all as colour_all,
        planned as planned,
    )
    from colourise.films.events import (
        FilmEvent as FilmEvent,
        FilmFailed as FilmFailed,
        FilmFinished as FilmFinished,
        FilmOutcome as FilmOutcome,
        FilmPrepared as FilmPrepared,
        FilmProgress as FilmProgress,
        FilmStarted as FilmStarted,
        FilmStopped as FilmStopped,
        FilmThere as FilmThere,
    )
    from colourise.films.options import Encoding as Encoding, FilmOptions as FilmOptions
    from colourise.films.pipeline import coloured_frames as coloured_frames
    from colourise.films.source import is_film as is_film, probe as probe

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "colouring": ("FilmsSummary", "colour", "colour_all", "planned"),
        "events": (
            "FilmEvent",
            "FilmFailed",
            "FilmFinished",
            "FilmOutcome",
            "FilmPrepared",
            "FilmProgress",
            "FilmStarted",
            "FilmStopped",
            "FilmThere",
        ),
        "options": ("Encoding", "FilmOptions"),
        "pipeline": ("coloured_frames",),
        "source": ("is_film", "probe"),
    },
)
