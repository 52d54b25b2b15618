"""Frames through the network: decode, network and encode side by side.

Four threads work at once, each a bounded number of frames ahead of the next: one decodes and takes L, one has
the network and steadies ab, one lays colours over and converts, one encodes.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from colourise.colouriser import Colouriser
from colourise.films import source
from colourise.films.ahead import READY, Ahead
from colourise.films.encode import Encoder
from colourise.films.film import Damage, Film, Frame
from colourise.films.job import Job, frames_about
from colourise.films.steady import Coloured, steady
from colourise.films.work import Work
from colourise.lab.pictures import Floats, Pixels

FRAMES = 240  # of a segment, at least; x264 begins anew after 250 anyway


@dataclass
class Progress:
    """How far it is."""

    done: int = 0
    """Frames that are coloured, those of an earlier run included."""
    about: int | None = None
    """About how many there are."""
    resumed: int = 0
    """Frames that an earlier run had coloured."""
    scenes: int = 0
    """Scenes that this run has met."""
    began: float = field(default_factory=time.perf_counter)
    """When this run began."""

    @property
    def speed(self) -> float:
        """Frames a second of this run."""
        return (self.done - self.resumed) / max(time.perf_counter() - self.began, 1e-6)


class Run:
    """Colours what is left of a film, into segments.

    Args:
        job: the film.
        work: the folder of its segments.
        colouriser: what colours.
        told: called after every frame.
        stop: once it is set, the segment that is begun is the last.
    """

    def __init__(
        self,
        job: Job,
        work: Work,
        colouriser: Colouriser,
        told: Callable[[Progress], None],
        stop: threading.Event,
    ) -> None:
        self.job, self.work, self.told, self.stop = job, work, told, stop
        self.painter = colouriser.over(colouriser.backend, compiled=True)
        self.damage = Damage()
        self.progress = Progress(work.frames, frames_about(job), work.frames)

    def colour(self) -> None:
        """Colour until the film ends or `stop` is set."""
        job, work, progress = self.job, self.work, self.progress
        frames = source.frames(
            job.film,
            start=job.start,
            end=job.end,
            after=work.last,
            deinterlace=job.settings.deinterlace,
            damage=self.damage,
        )
        with ExitStack() as stack:
            reading = stack.enter_context(Ahead(seen(frames, self.painter, job.film), READY))
            colours = steady(
                reading, self.painter.predict, steadiness=job.settings.steadiness, state=work.state
            )
            colouring = stack.enter_context(Ahead(colours, READY))
            for part in parts(colouring, self.stop):
                with work.encoder() as encoder, Ahead(self.laid(part, encoder), READY // 2) as laying:
                    for coloured, picture in laying:
                        encoder.write(picture)
                        progress.done += 1
                        progress.scenes += coloured.cut
                        self.told(progress)
                work.keep(encoder, coloured)

    def laid(
        self, part: Iterable[Coloured[Frame]], encoder: Encoder
    ) -> Iterator[tuple[Coloured[Frame], Any]]:
        """Lay colours over frames, and convert these to what the codec stores."""
        for coloured in part:
            pixels = laid_over(coloured, self.painter, self.job.film)
            yield coloured, encoder.prepare(pixels, coloured.frame)


def seen(frames: Iterable[Frame], colouriser: Colouriser, film: Film) -> Iterator[tuple[Frame, Floats]]:
    """Frames with what the network sees of them: L (S, S), upright."""
    for frame in frames:
        yield frame, np.ascontiguousarray(np.rot90(colouriser.lightness(frame.pixels), film.turns))


def laid_over(coloured: Coloured[Frame], colouriser: Colouriser, film: Film) -> Pixels:
    """A frame with its upright ab laid over, as it is stored."""
    ab = np.ascontiguousarray(np.rot90(coloured.ab, -film.turns, axes=(1, 2)))
    return colouriser.lay(coloured.frame.pixels, ab)


def parts(frames: Iterable[Coloured[Frame]], stop: threading.Event) -> Iterator[Iterator[Coloured[Frame]]]:
    """A film's frames in parts of FRAMES and some, each of which ends where it can be gone on with.

    Where they are to stop, the part that is begun ends at the next such place.
    """
    coming = iter(frames)

    def part(first: Coloured[Frame]) -> Iterator[Coloured[Frame]]:
        for count, frame in enumerate(itertools.chain([first], coming), 1):
            yield frame
            if frame.state is not None and (count >= FRAMES or stop.is_set()):
                return

    while not stop.is_set() and (first := next(coming, None)) is not None:
        yield part(first)


def in_rgb(pixels: Pixels) -> Pixels:
    """A picture (H, W) or (H, W, 3) with three channels."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
