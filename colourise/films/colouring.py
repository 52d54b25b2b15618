"""A film from its file to its coloured file: decode, network, encode side by side; stopped and gone on with.

Four threads work at once, each a bounded number of frames ahead of the next: one decodes and takes L, one has
the network and steadies ab, one lays colours over and converts, one encodes. What is done lies in segments of
some seconds in a folder beside the output, each with the steadying's state at its end; a run that was stopped
goes on after the last whole one, to the same pictures as if it had not been stopped. At the end all is joined
with what is copied from the source, and the output appears under its name.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Generic, Self, TypeVar
from zipfile import BadZipFile

import av
import numpy as np
from filelock import FileLock, Timeout

from colourise.colouriser import Colouriser
from colourise.errors import FilmError, PhotoError
from colourise.files.atomic import atomic, part_prefix
from colourise.files.names import COMPARE, MARK, PART, PREVIEW
from colourise.files.stamp import Stamp
from colourise.films import animation, video
from colourise.films.steady import STEADINESS, Coloured, State, steady
from colourise.films.video import Damage, Encoder, Encoding, Film, Frame, Plan, Segment
from colourise.images.pillow import to_8_bits
from colourise.lab.pictures import Floats, Pixels
from colourise.version import __version__

T = TypeVar("T")
WRITTEN = (".mp4", ".m4v", ".mov", ".mkv", ".ts", ".mts", ".m2ts", ".flv", ".3gp", ".3g2", *video.ANIMATIONS)
FRAMES = 240  # of a segment, at least; x264 begins anew after 250 anyway
HDR = (16, 18)  # AVColorTransferCharacteristic: PQ and HLG
READY = 8  # frames that a stage is ahead of the next


@dataclass(frozen=True)
class Settings:
    """How a film is coloured and written."""

    encoding: Encoding = field(default_factory=Encoding)
    """How pictures are encoded."""
    steadiness: float = STEADINESS
    """Of colours, 0 to 1."""
    start: Fraction | None = None
    """Seconds from the film's beginning, where to begin."""
    end: Fraction | None = None
    """Seconds from the film's beginning, where to end."""
    deinterlace: bool = False
    """Whether half pictures become whole ones."""
    overwrite: bool = False
    """Whether an output that exists is made again."""
    history: bool = True
    """Whether the output's metadata say what was done."""
    compare: bool = False
    """Whether a film of before | after is written too."""


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


def target_of(source: Path, output: Path | None, *, folder: bool = False, preview: bool = False) -> Path:
    """Where a film's coloured version goes: beside it, to a file, or into a folder; mkv where it must be.

    Args:
        source: the film.
        output: a file, a folder, or None.
        folder: whether it is a folder even if it is not there yet.
        preview: whether it is only a part to look at.
    """
    suffix = source.suffix if source.suffix.lower() in WRITTEN else ".mkv"
    if output is None:
        return source.with_name(f"{source.stem}{PREVIEW if preview else MARK}{suffix}")
    return output / f"{source.stem}{suffix}" if folder or output.is_dir() else output


@dataclass(frozen=True)
class Job:
    """A film that is to be coloured, and all that was found out before work starts."""

    film: Film
    """The source."""
    plan: Plan
    """What becomes of its streams."""
    target: Path
    """The coloured film."""
    settings: Settings
    """How."""
    notes: tuple[str, ...]
    """What the user must hear before work starts."""


def prepare(source: Path, target: Path, settings: Settings) -> Job:
    """Look at a film, and at what its output can hold.

    Args:
        source: the film.
        target: its coloured version; the suffix chooses the container.
        settings: how it is coloured and written.
    Raises:
        FilmError: it is no film, or cannot become what is asked for.
    """
    film = video.look(source)
    check_target(film, target, settings)
    window_of(film, settings)
    if target.suffix.lower() in video.ANIMATIONS:
        if settings.encoding != Encoding():
            raise FilmError(
                f"{target}: --codec, --crf and --preset are not for {target.suffix}; leave them out"
            )
        settings = replace(settings, encoding=Encoding("ffv1"))  # of the segments
    plan = video.plan(film, target, settings.encoding)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise FilmError(f"{target.parent}: cannot be made a folder ({err.strerror})") from err
    return Job(film, plan, target, settings, (*film.notes, *plan.notes, *remarks(film, settings)))


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
                    if job.plan.container == video.ANIMATION:
                        animation.write(film, work.segments, target, file)
                    else:
                        video.join(film, work.segments, job.plan, file, start=start, end=end, comment=comment)
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


def check_target(film: Film, target: Path, settings: Settings) -> None:
    """Refuse an output that cannot be meant.

    Raises:
        FilmError: with what to do instead.
    """
    for file in (target, sheet_of(target)) if settings.compare else (target,):
        if file.exists() and file.samefile(film.path):
            raise FilmError(f"{film.path}: would be written over; choose another output")
        if file.is_dir():
            raise FilmError(f"{file}: is a folder; choose another output")
        if file.exists() and not settings.overwrite:
            raise FilmError(f"{file}: is there already; --overwrite makes it again")


def sheet_of(target: Path) -> Path:
    """The film of before | after that belongs to a coloured one."""
    return target.with_name(f"{target.stem}{COMPARE}{target.suffix}")


def side_by_side(job: Job, colouriser: Colouriser) -> None:
    """Write the film of before | after, in 8 bits, from the source and from what became of it.

    Raises:
        FilmError: it cannot be written.
    """
    film, settings = job.film, job.settings
    start, end = window_of(film, settings)
    coloured = video.frames(video.look(job.target))
    grey = video.frames(film, start=start, end=end, deinterlace=settings.deinterlace)
    none = np.zeros((2, 1, 1), np.float32)

    def pairs() -> Iterator[tuple[Pixels, Frame]]:
        for before, after in zip(grey, coloured, strict=False):
            halves = [to_8_bits(colouriser.lay(before.pixels, none)), to_8_bits(in_rgb(after.pixels))]
            both = np.hstack([np.rot90(half, film.turns) for half in halves])  # upright
            yield np.ascontiguousarray(np.rot90(both, -film.turns)), before

    width, height = (1, 2) if film.turns % 2 else (2, 1)
    wide = replace(film, width=width * film.width, height=height * film.height, bits=8)
    sheet = sheet_of(job.target)
    try:
        with TemporaryDirectory(prefix=part_prefix(sheet), dir=sheet.parent) as place:
            path = Path(place, "segment.mkv")
            with Encoder(path, wide, settings.encoding) as encoder, Ahead(pairs(), READY) as ready:
                for pixels, frame in ready:
                    encoder.write(encoder.prepare(pixels, frame))
            segment = Segment(path, encoder.times.arrays())
            with atomic(sheet, overwrite=settings.overwrite) as file:
                if job.plan.container == video.ANIMATION:
                    animation.write(film, [segment], sheet, file)
                else:
                    video.join(film, [segment], job.plan, file, start=start, end=end)
    except (PhotoError, OSError, av.FFmpegError) as err:
        raise FilmError(f"{sheet}: {getattr(err, 'strerror', None) or err}") from err


def in_rgb(pixels: Pixels) -> Pixels:
    """A picture (H, W) or (H, W, 3) with three channels."""
    return pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)


def remarks(film: Film, settings: Settings) -> Iterator[str]:
    """What the user must hear about the pictures."""
    if film.interlaced and not settings.deinterlace:
        yield "is interlaced, and stays so; --deinterlace makes whole pictures"
    if settings.encoding.codec in ("h264", "hevc") and "444" in settings.encoding.pixel_format(film):
        yield f"its odd size, {film.width} x {film.height}, takes 4:4:4 colour, which not every player has"
    if film.transfer in HDR:
        yield "is HDR, and its light is taken for that of a common film; look at a --preview first"
    if film.bits > 8 and settings.encoding.codec == "h264":
        yield f"its {film.bits} bits become 10-bit H.264, which few players have; --codec hevc is commoner"


def window_of(film: Film, settings: Settings) -> tuple[Fraction | None, Fraction | None]:
    """From where to where on the film's own clock.

    Raises:
        FilmError: there is nothing between.
    """
    start = None if settings.start is None else film.start + settings.start
    end = None if settings.end is None else film.start + settings.end
    if settings.start is not None and film.duration is not None and settings.start >= film.duration:
        raise FilmError(f"{film.path}: has only {film.duration:.1f} seconds; choose an earlier --start")
    if end is not None and end <= (start if start is not None else film.start):
        raise FilmError(f"{film.path}: --end is not after --start; nothing would be left")
    return start, end


def frames_about(film: Film, window: tuple[Fraction | None, Fraction | None]) -> int | None:
    """About how many frames are meant."""
    if film.duration is None and window[1] is None:
        return None
    start = window[0] if window[0] is not None else film.start
    last = film.start + Fraction(film.duration) if film.duration is not None else window[1]
    end = min(last, window[1]) if window[1] is not None and last is not None else last
    return None if end is None else max(1, round((end - start) * film.rate))


def how_of(film: Film, colouriser: Colouriser, settings: Settings) -> str:
    """All that decides about the pictures as one text, equal for equal ones."""
    options = asdict(replace(settings, overwrite=False, history=True, compare=False))
    stamp = Stamp.of(film.path)
    told = {
        "version": __version__,
        "source": [str(film.path.resolve()), stamp and [stamp.size, stamp.changed]],
        "model": [str(colouriser.model), colouriser.input_size, colouriser.saturation],
        **options,
    }
    return json.dumps(told, sort_keys=True, default=str)


def encode(
    film: Film,
    work: Work,
    colouriser: Colouriser,
    settings: Settings,
    window: tuple[Fraction | None, Fraction | None],
    damage: Damage,
    progress: Progress,
    told: Callable[[Progress], None],
    stop: threading.Event,
) -> None:
    """Colour what is left of a film into segments."""
    painter = colouriser.over(colouriser.backend, compiled=True)

    frames = video.frames(
        film,
        start=window[0],
        end=window[1],
        after=work.last,
        deinterlace=settings.deinterlace,
        damage=damage,
    )

    def laid(part: Iterable[Coloured[Frame]], encoder: Encoder) -> Iterator[tuple[Coloured[Frame], Any]]:
        for coloured in part:
            yield coloured, encoder.prepare(laid_over(coloured, painter, film), coloured.frame)

    with ExitStack() as stack:
        reading = stack.enter_context(Ahead(seen(frames, painter, film), READY))
        colours = steady(reading, painter.predict, steadiness=settings.steadiness, state=work.state)
        colouring = stack.enter_context(Ahead(colours, READY))
        for part in parts(colouring, stop):
            with work.encoder() as encoder, Ahead(laid(part, encoder), READY // 2) as laying:
                for coloured, picture in laying:
                    encoder.write(picture)
                    progress.done += 1
                    progress.scenes += coloured.cut
                    told(progress)
            work.keep(encoder, coloured)


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


class Ahead(Generic[T]):
    """Runs a generator in a thread of its own, some items ahead of whoever takes them.

    Args:
        items: what makes them.
        ready: how many may wait.
    """

    def __init__(self, items: Iterable[T], ready: int) -> None:
        self.items = items
        self.queue: queue.Queue[tuple[str, Any]] = queue.Queue(ready)
        self.closing = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Iterator[T]:
        """Begin; gives the items, and raises what making them raised."""
        self.thread.start()
        return self._taken()

    def __exit__(self, *error: object) -> None:
        """Stop, also where nobody has taken all."""
        self.closing = True
        while self.thread.is_alive():
            with suppress(queue.Empty):
                self.queue.get(timeout=0.01)
        self.thread.join()

    def _taken(self) -> Iterator[T]:
        while True:
            kind, what = self.queue.get()
            if kind == "error":
                raise what
            if kind == "end":
                return
            yield what

    def _run(self) -> None:
        try:
            for item in self.items:
                self.queue.put(("item", item))
                if self.closing:
                    return
            self.queue.put(("end", None))
        except BaseException as err:  # goes to whoever takes the items
            self.queue.put(("error", err))


class Work:
    """The folder of a film's segments, beside its output, and what an earlier run has left there.

    Args:
        target: the output.
        how: what decides about the pictures; segments that were made another way are thrown away.
        film: the source.
        encoding: how pictures are encoded.
    """

    def __init__(self, target: Path, how: str, film: Film, encoding: Encoding) -> None:
        self.target, self.how, self.film, self.encoding = target, how, film, encoding
        self.folder = target.with_name(f"{part_prefix(target)}film")
        self.lock = FileLock(self.folder / "lock")
        self.segments: list[Segment] = []
        self.last: int | None = None
        self.state: State | None = None
        self.frames = 0

    def __enter__(self) -> Self:
        """Take the folder, and find what is whole there.

        Raises:
            FilmError: another run is at work there, or it cannot be written.
        """
        try:
            self.folder.mkdir(exist_ok=True)
            self.lock.acquire(timeout=0)
        except Timeout as err:
            raise FilmError(f"{self.target}: another run is at work on it; wait for it") from err
        except OSError as err:
            raise FilmError(f"{self.target.parent}: cannot be written to ({err.strerror})") from err
        card = self.folder / "how.json"
        if not card.is_file() or card.read_text() != self.how:
            for file in self.folder.glob("*.*"):
                file.unlink()
            card.write_text(self.how)
        self._find()
        return self

    def __exit__(self, *error: object) -> None:
        """Let go of the folder, and of one that is of no use."""
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
            ):  # there is none, or not the whole of it
                return
            self.last, self.state = last, state
            self.segments.append(Segment(self._name(number, "mkv"), times))
            self.frames += len(times["pts"])

    def _name(self, number: int, suffix: str) -> Path:
        return self.folder / f"{number:06}.{suffix}"

    @property
    def ends(self) -> Fraction:
        """Seconds on the film's clock at which the segments end."""
        if not self.segments:
            return self.film.start
        times = self.segments[-1].times
        latest = int(times["pts"].argmax())
        return int(times["pts"][latest] + max(times["duration"][latest], 1)) * self.film.time_base

    @contextmanager
    def encoder(self) -> Iterator[Encoder]:
        """An encoder for the next segment, which counts once it is kept.

        Raises:
            FilmError: it cannot be written.
        """
        try:
            with Encoder(self._name(len(self.segments), "mkv"), self.film, self.encoding) as encoder:
                yield encoder
        except (OSError, av.FFmpegError) as err:
            raise FilmError(f"{self.target}: {err.strerror}; the same command goes on from here") from err

    def keep(self, encoder: Encoder, last: Coloured[Frame]) -> None:
        """Write down that the next segment is whole, with what is needed to go on after its last frame."""
        number, times = len(self.segments), encoder.times.arrays()
        stored: dict[str, Any] = {"last": last.frame.pts, **times}
        if last.state is not None:
            stored |= last.state.arrays()
        unfinished = self._name(number, "unfinished")
        with unfinished.open("wb") as file:
            np.savez(file, **stored)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(self._name(number, "npz"))
        self.segments.append(Segment(self._name(number, "mkv"), times))
        self.frames += len(times["pts"])

    def remove(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
