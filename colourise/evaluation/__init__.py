"""How good a model's colours are: measures, comparisons, figures, and the study that asks people.

    from colourise.evaluation import compare
    compare(["runs/a", "runs/b"], "photos/", figures="paper/").scores

Everything is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colourise.evaluation.comparison import Comparison, compare, compare_films
    from colourise.evaluation.events import (
        Event,
        FilmBegun,
        FrameScored,
        PhotoFailed,
        PhotoLeftOut,
        PhotoScored,
        PhotosFound,
        PhotoShown,
    )

__all__ = [
    "Comparison",
    "Event",
    "FilmBegun",
    "FrameScored",
    "PhotoFailed",
    "PhotoLeftOut",
    "PhotoScored",
    "PhotoShown",
    "PhotosFound",
    "ScoredPhoto",
    "compare",
    "compare_films",
]

_HOMES = {
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
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
