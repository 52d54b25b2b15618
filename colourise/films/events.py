"""Events that colouring films reports, and the outcome of a film."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from colourise.errors import FilmError
from colourise.films.film import Damage


@dataclass(frozen=True)
class FilmOutcome:
    """The result of colouring a film, or of stopping halfway."""

    source: Path
    """The film."""
    target: Path
    """The coloured film; if it was stopped, the playable part of it that exists so far."""
    frames: int
    """Number of coloured frames, including those of earlier runs; 0: `target` was not written."""
    scenes: int
    """Number of scenes so far, including those of earlier runs."""
    notes: tuple[str, ...]
    """What the user should know: about the film, what its output leaves out, and what could not be read."""
    damage: Damage
    """What could not be read of the film."""
    speed: float
    """Frames a second of this run."""
    complete: bool = True
    """Whether the whole film is coloured; False if it was stopped."""


@dataclass(frozen=True)
class FilmPrepared:
    """A film was probed and found fit; the model is loaded next."""

    source: Path
    """The film."""
    target: Path
    """Where the coloured film goes."""
    notes: tuple[str, ...]
    """What the user should know before work starts, as sentences about the film."""


@dataclass(frozen=True)
class FilmStarted:
    """The model is loaded, and the first frames are read."""

    source: Path
    """The film."""


@dataclass(frozen=True)
class FilmProgress:
    """A frame was coloured."""

    source: Path
    """The film."""
    done: int
    """Number of coloured frames, including those of earlier runs."""
    total: int | None
    """Estimated number of frames in the film; None: unknown."""
    scenes: int
    """Number of scenes so far, including those of earlier runs."""
    speed: float
    """Frames a second of this run."""


@dataclass(frozen=True)
class FilmFinished:
    """A film was coloured to its end."""

    outcome: FilmOutcome
    """The result."""


@dataclass(frozen=True)
class FilmStopped:
    """A film was stopped; the same call continues it."""

    outcome: FilmOutcome
    """The result so far."""


@dataclass(frozen=True)
class FilmThere:
    """A film has its coloured version already; the next one follows."""

    source: Path
    """The film."""
    target: Path
    """Its coloured version."""


@dataclass(frozen=True)
class FilmFailed:
    """A film could not be coloured; the next one follows."""

    source: Path
    """The film."""
    error: FilmError
    """Why."""


FilmEvent = FilmThere | FilmPrepared | FilmStarted | FilmProgress | FilmFinished | FilmStopped | FilmFailed
OnFilmEvent = Callable[[FilmEvent], None]


def ignore(event: FilmEvent) -> None:
    """Let an event pass."""
