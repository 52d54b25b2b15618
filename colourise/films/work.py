"""Keep the segments of a half-made film in a folder, so that a later run continues after the last one.

The folder lies beside the output: how.json has the options (`settings_key`), NNNNNN.mkv the frames of a
segment, and NNNNNN.npz its times, how many scenes begin in it, and the steadying's state after its last
frame. A segment counts once its .npz exists.

Others may write there too, so no link is followed here, and only files with our names are removed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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

OURS = re.compile(r"how\.json|part|lock|\d{6,}\.(mkv|npz)|\.colourise-[0-9a-f]{16}-[0-9a-f]{8}\.part")
"""Names of the files in such a folder."""


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
        self.folder = target.with_name(f"{part_prefix(target.name)}film")
        self.lock = FileLock(self.folder / "lock")
        self.segments: list[Segment] = []
        self.last: int | None = None
        self.state: State | None = None
        self.begun_anew = False  # whether segments were removed that were made in another way
        self.frames = self.scenes = 0

    def __enter__(self) -> Self:
        """Lock the folder and find completed segments in it.

        Raises:
            FilmError: another run has locked it, it cannot be written to, or a link is in its place.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            self._refuse_links()
            self.lock.acquire(timeout=0)
        except Timeout as err:
            raise FilmError("another run is at work on it", path=self.target, advice="wait for it") from err
        except OSError as err:
            raise FilmError(f"cannot be written to ({err.strerror})", path=self.target.parent) from err
        card = self.folder / "how.json"
        if not card.is_file() or card.read_bytes() != self.key.encode():
            self.begun_anew = self._name(0, "npz").exists()
            self._remove_files(besides=("lock", "part"))
            card.write_text(self.key)
        self._find()
        return self

    def __exit__(self, *error: object) -> None:
        """Unlock the folder, and remove it if it has no segment."""
        self.lock.release()
        if not self.segments:
            self.remove()

    def _refuse_links(self) -> None:
        for place in (self.folder, *self._files()):
            if not (place.is_dir() if place == self.folder else place.is_file()) or place.is_symlink():
                reason = "is in the place of a half-made film, and is none of ours"
                raise FilmError(reason, path=place, advice="remove it, or choose another output")

    def _files(self) -> list[Path]:
        return [path for path in self.folder.iterdir() if OURS.fullmatch(path.name)]

    def _remove_files(self, besides: tuple[str, ...] = ()) -> None:
        for file in self._files():
            if file.name not in besides:
                file.unlink(missing_ok=True)

    def _find(self) -> None:
        for number in itertools.count():
            try:
                with self._name(number, "npz").open("rb") as file, np.load(file) as stored:
                    times = {name: stored[name] for name in ("pts", "dts", "duration")}
                    last, state = int(stored["last"]), State.of(dict(stored)) if "carried" in stored else None
                    scenes = int(stored["scenes"]) if "scenes" in stored else 0  # since version 0.2
            except (
                OSError,
                ValueError,
                KeyError,
                EOFError,
                BadZipFile,
            ):  # there is no such segment, or it is incomplete
                return
            self.last, self.state = last, state
            self.scenes += scenes
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
        number = len(self.segments)
        with film_errors(self.target, "the same command goes on from here"):
            for suffix in (
                "mkv",
                "npz",
            ):  # neither a link nor half a segment of an earlier run is written over
                self._name(number, suffix).unlink(missing_ok=True)
            with Encoder(self._name(number, "mkv"), self.film, self.encoding) as encoder:
                yield encoder

    def keep(self, encoder: Encoder, last: Coloured[Frame], scenes: int) -> None:
        """Record that the next segment is complete, with its scenes and the state after its last frame."""
        number, times = len(self.segments), encoder.times.arrays()
        stored: dict[str, Any] = {"last": last.frame.pts, "scenes": scenes, **times}
        if last.state is not None:
            stored |= last.state.arrays()
        with atomic(self._name(number, "npz")) as file:
            np.savez(file, **stored)
        self.segments.append(Segment(self._name(number, "mkv"), times))
        self.frames += len(times["pts"])
        self.scenes += scenes

    def remove(self) -> None:
        """Remove our files and the folder, which stays if somebody else's are in it."""
        with suppress(OSError):
            if not self.folder.is_symlink():
                self._remove_files()
                self.folder.rmdir()
