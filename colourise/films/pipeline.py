"""Colour frames: decode, predict, lay colours over and encode, side by side.

Four threads work at once, each a bounded number of frames ahead of the next: the first decodes and computes
L, the second runs the network and steadies ab, the third lays colours over and converts, the fourth encodes.
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
from colourise.films.losses import Sightings
from colourise.films.steady import STEADINESS, Coloured, steady
from colourise.films.work import WorkFolder
from colourise.lab.pictures import Floats, Pixels

SEGMENT_FRAMES = 240  # at least, in a segment; x264 starts with a new key frame after 250 anyway


class FilmRun:
    """One run over a film, which colours what earlier runs have left.

    Args:
        job: the film, as `prepare` returned it.
        work: the folder of its segments.
        colouriser: the model that colours it.
        on_event: called after every frame, with a `FilmProgress`.
        stop: once it is set, the run ends with the current segment.
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
        self.seen = Sightings()
        self.resumed = self.done = work.frames
        self.total = estimated_frames(job)
        self.scenes = work.scenes
        self.began = time.perf_counter()

    def progress(self) -> FilmProgress:
        """Return how far the run is."""
        speed = (self.done - self.resumed) / max(time.perf_counter() - self.began, 1e-6)
        return FilmProgress(self.job.film.path, self.done, self.total, self.scenes, speed)

    def colour(self) -> None:
        """Colour frames into segments until the film ends or `stop` is set."""
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
            reading = stack.enter_context(
                Ahead(with_lightness(self.watched(frames), self.painter, job.film), READY)
            )
            colours = steady(
                reading, self.painter.predict, steadiness=job.options.steadiness, state=work.state
            )
            colouring = stack.enter_context(Ahead(colours, READY))
            for part in split_segments(colouring, self.stop):
                before = self.scenes
                with work.encoder() as encoder, Ahead(self.converted(part, encoder), READY // 2) as laying:
                    for coloured, picture in laying:
                        encoder.write(picture)
                        self.done += 1
                        self.scenes += coloured.cut
                        self.on_event(self.progress())
                work.keep(encoder, coloured, self.scenes - before)

    def watched(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yield frames, and note what they have beside pixels."""
        for frame in frames:
            if frame.picture is not None:
                self.seen.see(frame.picture)
            yield frame

    def converted(
        self, part: Iterable[Coloured[Frame]], encoder: Encoder
    ) -> Iterator[tuple[Coloured[Frame], Any]]:
        """Lay colours over frames and convert them to the codec's pixel format."""
        for coloured in part:
            pixels = apply_colours(coloured, self.painter, self.job.film)
            yield coloured, encoder.prepare(pixels, coloured.frame)


@dataclass(frozen=True)
class ColouredFrame:
    """A frame of a film before and after colouring."""

    before: Pixels
    """(H, W, 3) sRGB, uint8 or uint16, as stored: not turned upright."""
    after: Pixels
    """The same frame with new colours."""
    cut: bool
    """Whether a new scene begins with it."""


def coloured_frames(
    film: Film, colouriser: Colouriser, *, steadiness: float = STEADINESS, limit: int | None = None
) -> Iterator[ColouredFrame]:
    """Colour the frames of a film in this thread, and yield them without writing anything.

    Args:
        film: the film, as `source.probe` returned it.
        colouriser: the model that colours it.
        steadiness: how strongly colours are steadied over time, 0 (as predicted) to 1.
        limit: number of frames, from the beginning; by default all.
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
    """Yield frames with the upright L (h, w) that the network sees."""
    for frame in frames:
        yield frame, np.ascontiguousarray(np.rot90(colouriser.lightness(frame.pixels), film.turns))


def apply_colours(coloured: Coloured[Frame], colouriser: Colouriser, film: Film) -> Pixels:
    """Lay the upright ab of a frame over it; return (H, W, 3), not turned upright."""
    ab = np.ascontiguousarray(np.rot90(coloured.ab, -film.turns, axes=(1, 2)))
    return colouriser.lay(coloured.frame.pixels, ab)


def split_segments(
    frames: Iterable[Coloured[Frame]], stop: threading.Event
) -> Iterator[Iterator[Coloured[Frame]]]:
    """Split the frames of a film into segments.

    A segment has at least SEGMENT_FRAMES frames and ends with one that has a `State`, from which a later run
    can continue. Once `stop` is set, the current segment ends with the next such frame, and no other follows.
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
    """Return a picture (H, W) or (H, W, 3) with three channels."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
