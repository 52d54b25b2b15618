"""How good a model's colours are: measures, comparisons, figures, and the study that asks people.

    from colourise.evaluation import compare
    compare(["runs/a", "runs/b"], "photos/", figures="paper/").scores

Everything is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colourise.lazy import lazily

if TYPE_CHECKING:
    from colourise.evaluation.comparison import (
        Comparison as Comparison,
        compare as compare,
        compare_films as compare_films,
    )
    from colourise.evaluation.events import (
        Event as Event,
        FilmBegun as FilmBegun,
        FrameScored as FrameScored,
        PhotoFailed as PhotoFailed,
        PhotoLeftOut as PhotoLeftOut,
        PhotoScored as PhotoScored,
        PhotosFound as PhotosFound,
        PhotoShown as PhotoShown,
        ScoredPhoto as ScoredPhoto,
    )

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "comparison": ("Comparison", "compare", "compare_films"),
        "events": (
            "Event",
            "FilmBegun",
            "FrameScored",
            "PhotoFailed",
            "PhotoLeftOut",
            "PhotoScored",
            "PhotoShown",
            "PhotosFound",
            "ScoredPhoto",
        ),
    },
)
