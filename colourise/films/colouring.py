"""A film from its file to its coloured file; stopped and gone on with.

What is done lies in segments of some seconds in a folder beside the output, each with the steadying's state
at its end; a run that was stopped goes on after the last whole one, to the same pictures as if it had not
been stopped. At the end all is joined with what is copied from the source, and the output appears under its
name.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from colourise.colouriser import Colouriser, ModelId
from colourise.errors import FilmError
from colourise.files.names import PART
from colourise.films import output
from colourise.films.compare import side_by_side
from colourise.films.encode import failures
from colourise.films.job import Job, how_of
from colourise.films.pipeline import Progress, Run
from colourise.films.work import Work
from colourise.version import __version__


@dataclass
class Made:
    """What came of a film."""

    target: Path
    """The coloured film, or of a run that was stopped what there is of it."""
    frames: int
    """How many it has."""
    scenes: int
    """Scenes that this run has met."""
    notes: list[str]
    """What the user must hear about what could not be read."""
    speed: float
    """Frames a second."""
    whole: bool = True
    """Whether all is coloured."""


def colour(
    job: Job,
    colouriser: Colouriser,
    *,
    told: Callable[[Progress], None] = lambda progress: None,
    stop: threading.Event | None = None,
) -> Made:
    """Colour one film.

    Args:
        job: what `prepare` gives.
        colouriser: what colours.
        told: called after every frame.
        stop: once it is set, what is coloured becomes a playable film of its own (`PART`), from whose end the
            next call goes on.
    Raises:
        FilmError: it cannot be read or written.
    """
    stop = stop or threading.Event()
    with Work(job.target, how_of(job, colouriser), job.film, job.settings.encoding) as work:
        run = Run(job, work, colouriser, told, stop)
        run.colour()
        progress = run.progress
        speed = progress.speed
        if not work.segments and not stop.is_set():
            raise FilmError(
                f"{job.film.path}: has no picture there that can be read; look at --start and --end"
            )
        target = finish(job, work, colouriser.model, stopped=stop.is_set())
        if not stop.is_set() and job.settings.compare:
            side_by_side(job, colouriser)
        return Made(
            target, progress.done, progress.scenes, run.damage.notes(), speed, whole=not stop.is_set()
        )


def finish(job: Job, work: Work, model: ModelId, *, stopped: bool) -> Path:
    """Join the segments to the coloured film, or to a part of it that plays, and say where that is.

    Raises:
        FilmError: it cannot be written.
    """
    film, target, settings = job.film, job.target, job.settings
    part = target.with_name(f"{target.stem}{PART}{target.suffix}")
    made_part = work.folder / "part"  # says that the part that is there is ours
    if work.segments:
        with failures(part if stopped else target, "the same command goes on from here"):
            output.write(
                film,
                work.segments,
                job.plan,
                part if stopped else target,
                start=job.start,
                end=work.ends if stopped else job.end,
                comment=f"coloured by colourise {__version__} with {model}" if settings.history else "",
                overwrite=made_part.exists() if stopped else settings.overwrite,
            )
    if stopped:
        made_part.touch()
        return part
    if made_part.exists():
        part.unlink(missing_ok=True)
    work.remove()
    return target
