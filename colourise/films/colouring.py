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

import av

from colourise.colouriser import Colouriser
from colourise.errors import FilmError, PhotoError
from colourise.files.atomic import atomic
from colourise.files.names import PART
from colourise.films import animation, mux
from colourise.films.compare import side_by_side
from colourise.films.film import ANIMATION, Damage
from colourise.films.job import Job, frames_about, how_of, window_of
from colourise.films.pipeline import Progress, encode
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
    film, target, settings = job.film, job.target, job.settings
    stop = stop or threading.Event()
    with Work(target, how_of(film, colouriser, settings), film, settings.encoding) as work:
        damage = Damage()
        start, end = window_of(film, settings)
        progress = Progress(work.frames, frames_about(film, (start, end)), work.frames)
        encode(film, work, colouriser, settings, (start, end), damage, progress, told, stop)
        speed = progress.speed
        if not work.segments and not stop.is_set():
            raise FilmError(f"{film.path}: has no picture there that can be read; look at --start and --end")
        part = target.with_name(f"{target.stem}{PART}{target.suffix}")
        made_part = work.folder / "part"  # says that the part that is there is ours
        if stop.is_set():
            target, end = part, work.ends
        if work.segments:
            comment = (
                f"coloured by colourise {__version__} with {colouriser.model}" if settings.history else ""
            )
            try:
                overwrite = made_part.exists() if stop.is_set() else settings.overwrite
                with atomic(target, overwrite=overwrite) as file:
                    if job.plan.container == ANIMATION:
                        animation.write(film, work.segments, target, file)
                    else:
                        mux.join(film, work.segments, job.plan, file, start=start, end=end, comment=comment)
            except (PhotoError, OSError, av.FFmpegError) as err:
                reason = getattr(err, "strerror", None) or str(err)
                raise FilmError(f"{target}: {reason}; the same command goes on from here") from err
        if stop.is_set():
            made_part.touch()
        else:
            if made_part.exists():
                part.unlink(missing_ok=True)
            work.remove()
            if settings.compare:
                side_by_side(job, colouriser)
        return Made(target, progress.done, progress.scenes, damage.notes(), speed, whole=not stop.is_set())
