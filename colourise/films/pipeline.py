"""Frames through the network: decode, network and encode side by side.

Four threads work at once, each a bounded number of frames ahead of the next: one decodes and takes L, one has
the network and steadies ab, one lays colours over and converts, one encodes.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from colourise.colouriser import Colouriser
from colourise.films import source
from colourise.films.ahead import READY, Ahead
from colourise.films.encode import Encoder
from colourise.films.events import FilmProgress, OnFilmEvent
from colourise.films.film import Damage, Film, Frame
from colourise.films.job import FilmJob, estimated_frames
from colourise.films.steady import STEADINESS, Coloured, steady
from colourise.films.work import WorkFolder
from colourise.lab.pictures import Floats, Pixels

SEGMENT_FRAMES = 240  # of a segment, at least; x264 begins anew after 250 anyway


class FilmRun:
    """Colours what is left of a film, into segments.

    Args:
        job: the film.
        work: the folder of its segments.
        colouriser: what colours.
        on_event: called after every frame, with a `FilmProgress`.
        stop: once it is set, the segment that is begun is the last.
    """

    def __init__(
        self,
        job: FilmJob,
        work: WorkFolder,
        colouriser: Colouriser,
        on_event: OnFilmEvent,
        stop: threading.Event,
    ) -> None:
        self.job, self.work, self.on_event, self.stop = job, work, on_event, stop
        self.painter = colouriser.over(colouriser.backend, compiled=True)
        self.damage = Damage()
        self.resumed = self.done = work.frames
        self.total = estimated_frames(job)
        self.scenes = 0
        self.began = time.perf_counter()

    def progress(self) -> FilmProgress:
        """Say how far it is."""
        speed = (self.done - self.resumed) / max(time.perf_counter() - self.began, 1e-6)
        return FilmProgress(self.job.film.path, self.done, self.total, self.scenes, speed)

    def colour(self) -> None:
        """Colour until the film ends or `stop` is set."""
        job, work = self.job, self.work
        frames = source.frames(
            job.film,
            start=job.start,
            end=job.end,
            after=work.last,
            deinterlace=job.options.deinterlace,
            damage=self.damage,
        )
        with ExitStack() as stack:
            reading = stack.enter_context(Ahead(with_lightness(frames, self.painter, job.film), READY))
            colours = steady(
                reading, self.painter.predict, steadiness=job.options.steadiness, state=work.state
            )
            colouring = stack.enter_context(Ahead(colours, READY))
            for part in split_segments(colouring, self.stop):
                with work.encoder() as encoder, Ahead(self.converted(part, encoder), READY // 2) as laying:
                    for coloured, picture in laying:
                        encoder.write(picture)
                        self.done += 1
                        self.scenes += coloured.cut
                        self.on_event(self.progress())
                work.keep(encoder, coloured)

    def converted(
        self, part: Iterable[Coloured[Frame]], encoder: Encoder
    ) -> Iterator[tuple[Coloured[Frame], Any]]:
        """Lay colours over frames, and convert these to what the codec stores."""
        for coloured in part:
            pixels = apply_colours(coloured, self.painter, self.job.film)
            yield coloured, encoder.prepare(pixels, coloured.frame)


@dataclass(frozen=True)
class ColouredFrame:
    """A frame of a film before and after."""

    before: Pixels
    """(H, W, 3) sRGB as it is stored, uint8 or uint16."""
    after: Pixels
    """The same with its L and new colours."""
    cut: bool
    """Whether a scene begins here."""


def coloured_frames(
    film: Film, colouriser: Colouriser, *, steadiness: float = STEADINESS, limit: int | None = None
) -> Iterator[ColouredFrame]:
    """Colour the frames of a film and yield them, in one thread and without writing anything.

    Args:
        film: what `source.probe` found.
        colouriser: what colours.
        steadiness: of colours, 0 to 1; 0 takes each frame as it is predicted.
        limit: how many frames there are to be, from the beginning; by default all.
    Raises:
        FilmError: the film cannot be read, or the steadiness is out of its range.
    """
    read = itertools.islice(source.frames(film), limit)
    for coloured in steady(with_lightness(read, colouriser, film), colouriser.predict, steadiness=steadiness):
        after = apply_colours(coloured, colouriser, film)
        yield ColouredFrame(three_channels(coloured.frame.pixels), after, coloured.cut)


def with_lightness(
    frames: Iterable[Frame], colouriser: Colouriser, film: Film
) -> Iterator[tuple[Frame, Floats]]:
    """Frames with what the network sees of them: L (S, S), upright."""
    for frame in frames:
        yield frame, np.ascontiguousarray(np.rot90(colouriser.lightness(frame.pixels), film.turns))


def apply_colours(coloured: Coloured[Frame], colouriser: Colouriser, film: Film) -> Pixels:
    """A frame with its upright ab laid over, as it is stored."""
    ab = np.ascontiguousarray(np.rot90(coloured.ab, -film.turns, axes=(1, 2)))
    return colouriser.lay(coloured.frame.pixels, ab)


def split_segments(
    frames: Iterable[Coloured[Frame]], stop: threading.Event
) -> Iterator[Iterator[Coloured[Frame]]]:
    """A film's frames in parts of SEGMENT_FRAMES and some; each ends where it can be gone on with.

    Where they are to stop, the part that is begun ends at the next such place.
    """
    coming = iter(frames)

    def part(first: Coloured[Frame]) -> Iterator[Coloured[Frame]]:
        for count, frame in enumerate(itertools.chain([first], coming), 1):
            yield frame
            if frame.state is not None and (count >= SEGMENT_FRAMES or stop.is_set()):
                return

    while not stop.is_set() and (first := next(coming, None)) is not None:
        yield part(first)


def three_channels(pixels: Pixels) -> Pixels:
    """A picture (H, W) or (H, W, 3) with three channels."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
