"""Many photos: jobs -> outcomes, several side by side, remembered in a ledger.

Each photo stays with one thread from its bytes to its coloured file, and there is one thread more than
processors, for some wait for the disk. On the CPU each runs the network by itself; a GPU takes what several
ask at the same time as one batch. What photos take in memory is added up, so that large ones wait for each
other. Outcomes come as photos end; the ledger has them in order.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from typing import Literal, Self

import numpy as np
from PIL import Image

from colourise import images
from colourise.archives.folders import colour
from colourise.archives.job import Job, Settings
from colourise.archives.ledger import Ledger, RemoteLedger, Row
from colourise.archives.staging import staged
from colourise.colouriser import Colouriser
from colourise.errors import ColouriseError, PhotoError
from colourise.files.atomic import part_prefix
from colourise.files.stamp import Stamp
from colourise.files.storage import is_remote, listing, stamp_of
from colourise.images import pillow
from colourise.lab.pictures import Floats
from colourise.models.backends import Backend, OnnxBackend

HOPELESS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # disk full, or read-only: every photo would meet it
AT_ONCE = 16  # photos in one batch of the network, at most
BYTES_A_PIXEL = 10  # that a photo of 8 bits takes at its peak (benchmarks/memory.py); 16 bits take twice that


@dataclass
class Outcome:
    """What became of a job."""

    job: Job
    """The job."""
    result: Literal["coloured", "skipped", "failed"]
    """"skipped": its coloured version was there already."""
    reason: str = ""
    """Why it failed, in one line."""
    notes: list[str] = field(default_factory=list)
    """What the user must hear about a coloured photo."""
    seconds: float = 0.0
    """What it took, waiting included."""
    hash: bytes = b""
    """SHA-256 of the photo's bytes, where a ledger asks for it."""
    hopeless: bool = False
    """Whether every later photo would fail for the same reason: the disk is full."""
    made: Stamp | None = None
    """What is in the place of its coloured version at the end, where a ledger asks for it."""


@dataclass(frozen=True)
class Due:
    """A job that is to be done."""

    job: Job
    """The job."""
    why: str
    """In a word or a few, for people."""
    overwrite: bool = False
    """Whether what is there was made by an earlier run, and may be written over."""
    hash: bytes = b""
    """Of the photo as it was coloured before: if it still has it, nothing is to be done."""
    in_vain: bool = False
    """Whether it failed before and has not changed since."""
    there: Stamp | None = None
    """What is in the place of its coloured version now."""


@contextmanager
def many_objects() -> Iterator[None]:
    """Make hundreds of thousands of objects that stay, without the collector walking over them meanwhile."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def how_of(colouriser: Colouriser, settings: Settings) -> str:
    """Model and options as one text, equal for equal ones."""
    options = asdict(settings)
    options.pop("overwrite")
    options |= {"input_size": colouriser.input_size, "saturation": colouriser.saturation}
    return json.dumps({"model": str(colouriser.model), **options}, sort_keys=True)


class Settled:
    """Says of photos whether an earlier run has done all that there is to do, and counts them.

    Args:
        rows: what a ledger knows, by `Job.key`.
        how: model and options of this run.
    """

    def __init__(self, rows: Mapping[bytes, Row], how: str) -> None:
        self.rows, self.how, self.count = rows, how, 0

    def __call__(self, key: bytes, found: os.stat_result) -> bool:
        """Look at one photo as quickly as can be: an archive has a hundred thousand."""
        row = self.rows.get(key)
        if row is None or row.result != "coloured" or row.how != self.how or row.made is None:
            return False
        if (row.stamp.size, row.stamp.changed) != (found.st_size, found.st_mtime_ns):
            return False
        try:
            there = os.stat(row.output)
        except OSError:
            return False
        if (there.st_size, there.st_mtime_ns) != (row.made.size, row.made.changed):
            return False
        self.count += 1
        return True


def due(
    jobs: Iterable[Job],
    rows: Mapping[bytes, Row],
    how: str,
    *,
    overwrite: bool = False,
    retry: bool = False,
    stamp_of: Callable[[Path], Stamp | None] = stamp_of,
) -> tuple[list[Due], list[Outcome]]:
    """Sort jobs into those that are to be done, and outcomes of those that are not.

    Args:
        jobs: every photo that is meant.
        rows: what a ledger knows, by `Job.key`.
        how: model and options of this run.
        overwrite: whether coloured versions that are there are made again.
        retry: whether only those are done that failed before.
        stamp_of: looks at a coloured version.
    """
    todo: list[Due] = []
    done: list[Outcome] = []
    for job in jobs:
        row = rows.get(job.key)
        if retry and (row is None or row.result != "failed"):
            done.append(Outcome(job, "skipped"))
            continue
        there = stamp_of(job.target)
        reason, notes = why(job, row, how, there, overwrite=overwrite)
        if reason:
            ours = row is not None or overwrite
            old = row.hash if row and reason == "changed" else b""
            in_vain = row is not None and row.result == "failed" and row.stamp == job.stamp
            todo.append(Due(job, reason, ours, old, in_vain, there))
        else:
            done.append(Outcome(job, "skipped", notes=notes))
    return todo, done


def stamps_below(output: Path | None) -> Callable[[Path], Stamp | None]:
    """What looks at coloured versions: of a folder that is on no disk, all are listed at once."""
    if output is None or not is_remote(output):
        return stamp_of
    there = {url: Stamp(found.st_size, found.st_mtime_ns) for url, found in listing(output).items()}
    return lambda file: there.get(str(file))


def why(
    job: Job, row: Row | None, how: str, there: Stamp | None, *, overwrite: bool
) -> tuple[str, list[str]]:
    """Why a job is to be done whose output is `there`; or "" and what the user must hear."""
    if overwrite:
        return "asked for", []
    if row is None:  # a photo that is named must not find another file in its place
        return ("new" if there is None or job.named else ""), []
    same = row.how == how
    if row.result == "planned":
        if there is None or there == row.made:
            return "not finished", []
        return ("" if same and row.stamp == job.stamp else "changed"), []
    if row.result == "failed" and there == row.made:  # else somebody has put a file there since
        return "failed before", []
    if there is None:
        return "missing", []
    if there != row.made:
        return "", [
            f"{job.target} was changed by somebody else and is left alone; --overwrite makes it again"
        ]
    if not same:
        return "other model or options", []
    return ("changed" if row.stamp != job.stamp else ""), []


def run(
    todo: Sequence[Due],
    colouriser: Colouriser,
    settings: Settings,
    *,
    ledger: Ledger | None = None,
    workers: int | None = None,
    memory: int | None = None,
) -> Iterator[Outcome]:
    """Do jobs, and tell of each as it ends; never raises for one photo.

    Ends early where the disk is full or read-only. On Ctrl-C, photos that are begun are ended first.

    Args:
        todo: what `due` gives.
        colouriser: what colours.
        settings: how photos are written.
        ledger: where it is remembered.
        workers: photos at a time; by default one more than there are processors.
        memory: bytes that photos may take at once; by default half of the machine's.
    """
    if not todo:
        return
    how = how_of(colouriser, settings)
    if ledger is not None:
        ledger.write(planned(one, how, str(colouriser.model)) for one in todo)
        ledger.save()
    workers = workers or default_workers()
    budget = Budget(memory or machine_memory() // 2)
    many = (
        ledger is not None or len(todo) > workers
    )  # not so few that getting ready takes longer than they do
    with for_many(colouriser, many=many) as ready, ThreadPoolExecutor(workers) as pool:
        waiting, running = deque(todo), set[Future[Outcome]]()

        def ended(some: set[Future[Outcome]]) -> Iterator[Outcome]:
            for future in some:
                outcome = future.result()
                if ledger is not None and not outcome.hopeless:
                    ledger.write([row_of(outcome, how, str(colouriser.model))])
                if outcome.hopeless:
                    waiting.clear()
                yield outcome

        try:
            while waiting or running:
                while waiting and len(running) < 2 * workers:
                    running.add(
                        pool.submit(do, waiting.popleft(), ready, settings, budget, ledger is not None)
                    )
                over, running = wait(running, return_when=FIRST_COMPLETED)
                yield from ended(over)
        except KeyboardInterrupt:
            begun = {future for future in running if not future.cancel()}
            wait(begun)
            yield from ended(begun)
            raise
        finally:
            if ledger is not None:
                ledger.save()


def do(one: Due, colouriser: Colouriser, settings: Settings, budget: Budget, hashed: bool) -> Outcome:
    """Do one job, whatever happens."""
    start = time.perf_counter()
    settings = replace(settings, overwrite=settings.overwrite or one.overwrite)
    outcome = Outcome(one.job, "failed")
    try:
        with staged(one.job, overwrite=settings.overwrite) as here:
            before = stamp_of(here.source)
            if hashed and before is not None:
                with here.source.open("rb") as file:
                    outcome.hash = file_digest(file, "sha256").digest()
            if hashed and before is not None and outcome.hash == one.hash:
                raise Unchanged
            with budget.taken(footprint(here.source)):
                outcome.notes = colour(
                    here.source, here.target, colouriser, settings, sheet=here.sheet, stamp=before
                )
        outcome.result = "coloured"
    except Unchanged:
        outcome.result = "skipped"
    except ColouriseError as err:
        outcome.reason = str(err) if isinstance(err, PhotoError) else f"{one.job.source}: {err}"
        outcome.hopeless = isinstance(err.__cause__, OSError) and err.__cause__.errno in HOPELESS
    except OSError as err:  # of looking whether files are there
        outcome.reason = f"{err.filename or one.job.source}: {err.strerror}"
        outcome.hopeless = err.errno in HOPELESS
    except MemoryError:
        outcome.reason = f"{one.job.source}: not enough memory for this photo"
    if outcome.result == "failed":
        outcome.notes = []
    if hashed:
        with suppress(PhotoError):  # a store that no longer answers
            outcome.made = stamp_of(one.job.target)
    outcome.seconds = time.perf_counter() - start
    return outcome


class Unchanged(Exception):  # noqa: N818  # nothing is wrong
    """Leaves a job whose photo is what it was when it was coloured."""


@contextmanager
def remembered(
    output: Path | None, shard: tuple[int, int] | None, waits: Callable[[], None]
) -> Iterator[Ledger | None]:
    """The ledger of an output folder, which no other run uses meanwhile; None where there is no such folder.

    Args:
        output: the folder.
        shard: which part of the photos is meant; each has its own ledger.
        waits: called once if another run is at work there, whose end is waited for.
    """
    if output is None:
        yield None
        return
    kind = RemoteLedger if is_remote(output) else Ledger
    with kind(output, "{}of{}".format(*shard) if shard else "") as ledger:
        if not ledger.hold(0):
            waits()
            while not ledger.hold(3600):
                pass
        sweep(ledger.among("result = 'planned'"))
        yield ledger


def settle(ledger: Ledger, rows: Mapping[bytes, Row], done: Iterable[Outcome]) -> None:
    """Write down as coloured what a killed run had finished without having written it down."""
    found = (rows.get(outcome.job.key) for outcome in done)
    ledger.write(
        replace(row, result="coloured", made=stamp_of(row.output), at=time.time())
        for row in found
        if row is not None and row.result == "planned"
    )


def planned(one: Due, how: str, model: str) -> Row:
    """The row of a job that has not begun."""
    job = one.job
    stamp = job.stamp or Stamp(0, 0)
    return Row(job.key, str(job.source), str(job.target), stamp, how, model, made=one.there, hash=one.hash)


def row_of(outcome: Outcome, how: str, model: str) -> Row:
    """The row of a job that has ended."""
    job = outcome.job
    return Row(
        job.key,
        str(job.source),
        str(job.target),
        job.stamp or Stamp(0, 0),
        how,
        model,
        "failed" if outcome.result == "failed" else "coloured",
        outcome.hash,
        outcome.reason,
        outcome.notes,
        outcome.seconds,
        outcome.made,
        time.time(),
    )


def sweep(rows: Iterable[Row]) -> None:
    """Remove the unfinished files that a killed run left of photos that it had planned."""
    places: dict[Path, set[str]] = {}
    for row in rows:
        places.setdefault(row.target.parent, set()).add(part_prefix(row.target))
    for folder, prefixes in places.items():
        with suppress(FileNotFoundError):  # a store without such a folder
            for part in folder.glob(".colourise-*.part"):
                if part.name[: len(next(iter(prefixes)))] in prefixes:
                    part.unlink(missing_ok=True)


def still_needed(todo: Iterable[Due]) -> str:
    """What a user whose disk is full must know."""
    read = made = left = photos = 0
    for one in todo:
        size, there = one.job.stamp.size if one.job.stamp else 0, stamp_of(one.job.target)
        if there is None:
            left, photos = left + size, photos + 1
        else:
            read, made = read + size, made + there.size
    need = left * (made / read if read else 1.5)
    return (
        f"{photos} photos are left, and need about {need / 1e9:.2g} GB; free some space and run the same "
        "command again"
    )


def footprint(source: Path) -> int:
    """About how many bytes it takes to colour a photo; what cannot be told is found out by reading it."""
    pillow.prepare(images.MAX_PIXELS)
    try:
        with Image.open(source) as image:
            deep = image.mode.startswith(("I", "F"))
            return image.width * image.height * BYTES_A_PIXEL * (2 if deep else 1)
    except Exception:  # Pillow does not know it, or nobody does
        try:
            return source.stat().st_size * 4
        except OSError:
            return 0


def default_workers() -> int:
    """Photos at a time: one more than there are processors, for one often waits for the disk."""
    return (os.cpu_count() or 1) + 1


def machine_memory() -> int:
    """Bytes of memory that this machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 8 << 30


class Budget:
    """Bytes that photos may take at once: first come, first served; one that is too large goes alone.

    Args:
        total: how many there are.
    """

    def __init__(self, total: int) -> None:
        self.total = self.free = total
        self.line: deque[object] = deque()
        self.change = threading.Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Wait for so many bytes, and keep them for a while."""
        size, ticket = min(size, self.total), object()
        with self.change:
            self.line.append(ticket)
            self.change.wait_for(lambda: self.line[0] is ticket and self.free >= size)
            self.line.popleft()
            self.free -= size
            self.change.notify_all()
        try:
            yield
        finally:
            with self.change:
                self.free += size
                self.change.notify_all()


@contextmanager
def for_many(colouriser: Colouriser, *, many: bool = True) -> Iterator[Colouriser]:
    """A colouriser for many threads, of which each does a whole picture.

    Args:
        colouriser: for one thread.
        many: whether it is worth while to load what is faster for many pictures.
    """
    backend = colouriser.backend
    if many and isinstance(backend, OnnxBackend) and backend.provider == "CPUExecutionProvider":
        yield colouriser.over(backend.single, compiled=True)
    else:
        with Shared(backend) as shared:
            yield colouriser.over(shared, compiled=many)


class Shared:
    """A backend for many threads: what they ask at the same time goes through the network as one batch.

    Args:
        backend: what predicts.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend, self.name = backend, backend.name
        self.asked: queue.SimpleQueue[tuple[Floats, Future[Floats]] | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._serve, name="network", daemon=True)

    def __enter__(self) -> Self:
        """Begin to serve."""
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop when all that was asked is answered."""
        self.asked.put(None)
        self.thread.join()

    def predict_ab(self, L: Floats) -> Floats:
        """L (N, 1, H, W) float32 0..100 -> ab (N, 2, H, W) float32."""
        answer: Future[Floats] = Future()
        self.asked.put((L, answer))
        return answer.result()

    def _serve(self) -> None:
        more = True
        while more:
            batch = [self.asked.get()]
            while len(batch) < AT_ONCE and batch[-1] is not None and not self.asked.empty():
                batch.append(self.asked.get())
            asked = [one for one in batch if one is not None]
            more = len(asked) == len(batch)
            if not asked:
                return
            try:
                ab = self.backend.predict_ab(np.concatenate([L for L, _ in asked]))
            except Exception as err:  # goes to those who asked
                for _, answer in asked:
                    answer.set_exception(err)
            else:
                ends = np.cumsum([len(L) for L, _ in asked])
                for (_, answer), part in zip(asked, np.split(ab, ends[:-1]), strict=True):
                    answer.set_result(part)
