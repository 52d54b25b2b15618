"""Keep the segments of a half-made film in a folder, so that a later run continues after the last one.

The folder lies beside the output: how.json has the options (`settings_key`), NNNNNN.mkv the frames of a
segment, and NNNNNN.npz its times and the steadying's state after its last frame. A segment counts once its
.npz exists.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock, Timeout

from colourise.errors import FilmError
from colourise.files.atomic import atomic, part_prefix
from colourise.films.encode import Encoder, Segment, film_errors
from colourise.films.film import Film, Frame
from colourise.films.options import Encoding
from colourise.films.steady import Coloured, State


class WorkFolder:
    """The folder of a film's segments, with those of earlier runs.

    Args:
        target: the output.
        key: the `settings_key`; segments that were made with another one are deleted.
        film: the source.
        encoding: how coloured frames are encoded.
    """

    def __init__(self, target: Path, key: str, film: Film, encoding: Encoding) -> None:
        self.target, self.key, self.film, self.encoding = target, key, film, encoding
        self.folder = target.with_name(f"{part_prefix(target)}film")
        self.lock = FileLock(self.folder / "lock")
        self.segments: list[Segment] = []
        self.last: int | None = None
        self.state: State | None = None
        self.frames = 0

    def __enter__(self) -> Self:
        """Lock the folder and find completed segments in it.

        Raises:
            FilmError: another run has locked it, or it cannot be written to.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            self.lock.acquire(timeout=0)
        except Timeout as err:
            raise FilmError("another run is at work on it", path=self.target, advice="wait for it") from err
        except OSError as err:
            raise FilmError(f"cannot be written to ({err.strerror})", path=self.target.parent) from err
        card = self.folder / "how.json"
        if not card.is_file() or card.read_text() != self.key:
            for file in self.folder.glob("*.*"):
                file.unlink()
            card.write_text(self.key)
        self._find()
        return self

    def __exit__(self, *error: object) -> None:
        """Unlock the folder, and remove it if it has no segment."""
        self.lock.release()
        if not self.segments:
            self.remove()

    def _find(self) -> None:
        for number in itertools.count():
            try:
                with self._name(number, "npz").open("rb") as file, np.load(file) as stored:
                    times = {name: stored[name] for name in ("pts", "dts", "duration")}
                    last, state = int(stored["last"]), State.of(dict(stored)) if "carried" in stored else None
            except (
                OSError,
                ValueError,
                KeyError,
                EOFError,
                BadZipFile,
            ):  # there is no such segment, or it is incomplete
                return
            self.last, self.state = last, state
            self.segments.append(Segment(self._name(number, "mkv"), times))
            self.frames += len(times["pts"])

    def _name(self, number: int, suffix: str) -> Path:
        return self.folder / f"{number:06}.{suffix}"

    @property
    def ends(self) -> Fraction:
        """Return the time at which the last segment ends, in seconds on the film's own clock."""
        if not self.segments:
            return self.film.start
        times = self.segments[-1].times
        latest = int(times["pts"].argmax())
        return int(times["pts"][latest] + max(times["duration"][latest], 1)) * self.film.time_base

    @contextmanager
    def encoder(self) -> Iterator[Encoder]:
        """Open an encoder for the next segment, which counts after `keep`.

        Raises:
            FilmError: it cannot be written.
        """
        with (
            film_errors(self.target, "the same command goes on from here"),
            Encoder(self._name(len(self.segments), "mkv"), self.film, self.encoding) as encoder,
        ):
            yield encoder

    def keep(self, encoder: Encoder, last: Coloured[Frame]) -> None:
        """Record that the next segment is complete, with the state after its last frame."""
        number, times = len(self.segments), encoder.times.arrays()
        stored: dict[str, Any] = {"last": last.frame.pts, **times}
        if last.state is not None:
            stored |= last.state.arrays()
        with atomic(self._name(number, "npz")) as file:
            np.savez(file, **stored)
        self.segments.append(Segment(self._name(number, "mkv"), times))
        self.frames += len(times["pts"])

    def remove(self) -> None:
        """Remove the folder and everything in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
