"""What tests of films share: how colourful they are, what a run leaves behind, and events."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from skimage.color import rgb2lab
from typer.testing import Result

from colourise.films.events import FilmEvent, FilmProgress
from colourise.films.job import FilmJob, prepare
from colourise.films.options import Encoding, FilmOptions

Colourise = Callable[..., Result]
CASES = Path(__file__).parents[1] / "cases"  # files that once failed


def spread(pictures: list[np.ndarray]) -> float:
    """How colourful pictures are on the average, 0 for grey."""
    return float(np.mean([(rgb.max(2).astype(int) - rgb.min(2)).mean() for rgb in pictures]))


def lightness(pictures: list[np.ndarray]) -> np.ndarray:
    return np.stack([rgb2lab(rgb)[..., 0] for rgb in pictures])


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def job(source: Path, name: str, **settings: bool) -> FilmJob:
    encoding = Encoding("ffv1" if name.endswith("mkv") else "h264")  # x264's threads race
    return prepare(source, source.with_name(name), FilmOptions(encoding, history=False, **settings))


def each(do: Callable[[FilmProgress], object]) -> Callable[[FilmEvent], None]:
    """Of all events, those that come after a frame."""

    def on_event(event: FilmEvent) -> None:
        if isinstance(event, FilmProgress):
            do(event)

    return on_event


def stop_at(frames: int, stop: threading.Event) -> Callable[[FilmEvent], None]:
    """Stop after so many frames."""
    return each(lambda now: stop.set() if now.done == frames else None)
