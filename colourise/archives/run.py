"""Many jobs, several at a time, recorded in a ledger.

Each photo stays with one thread from its bytes to its coloured file, and there is one thread more than
processors, because some wait for the disk. On the CPU each thread runs the network by itself; a GPU takes
the requests of several threads as one batch. The memory that photos take is added up, so that large ones
wait for each other. Outcomes are yielded as photos end.
"""

from __future__ import annotations

import errno
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import replace
from hashlib import file_digest
from typing import TYPE_CHECKING

from colourise.archives.job import HAS_COLOUR, Outcome, PhotoOptions
from colourise.archives.ledger import LedgerEntry
from colourise.archives.pending import PendingJob, settings_key_of
from colourise.archives.photo import HasColour, write_coloured
from colourise.archives.pool import Budget, default_workers, footprint, for_threads, machine_memory
from colourise.archives.remote_ledger import AnyLedger
from colourise.archives.staging import staged
from colourise.colouriser import Colouriser
from colourise.errors import ColouriseError, PhotoError
from colourise.files.atomic import part_prefix
from colourise.files.containment import is_really_below
from colourise.files.stamp import Stamp
from colourise.files.storage import stamp_of

if TYPE_CHECKING:
    from colourise.files.storage import Location

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # or read-only: every other photo would fail too


def run_jobs(
    pending: Sequence[PendingJob],
    colouriser: Colouriser,
    options: PhotoOptions,
    *,
    ledger: AnyLedger | None = None,
    workers: int | None = None,
    memory: int | None = None,
) -> Generator[Outcome, None, None]:
    """Do jobs, and yield the outcome of each as it ends; no photo raises an error.

    It ends early if the disk is full or read-only. On Ctrl-C, photos that were begun are finished first.

    Args:
        pending: jobs from `find_pending`.
        colouriser: what colours.
        options: how photos are written.
        ledger: where outcomes are recorded.
        workers: photos at a time; by default one more than there are processors.
        memory: bytes that photos may take together; by default half of this machine's.
    """
    if not pending:
        return
    settings_key = settings_key_of(colouriser, options)
    if ledger is not None:
        ledger.write(planned_entry(one, settings_key, str(colouriser.model)) for one in pending)
        ledger.save()
    workers = workers or default_workers()
    budget = Budget(memory or machine_memory() // 2)
    many = ledger is not None or len(pending) > workers  # else loading takes longer than colouring
    with for_threads(colouriser, many=many) as ready, ThreadPoolExecutor(workers) as pool:
        waiting, running = deque(pending), set[Future[Outcome]]()

        def ended(some: set[Future[Outcome]]) -> Iterator[Outcome]:
            for future in some:
                outcome = future.result()
                if ledger is not None and not outcome.disk_full:
                    ledger.write([ended_entry(outcome, settings_key, str(colouriser.model))])
                if outcome.disk_full:
                    waiting.clear()
                yield outcome

        try:
            while waiting or running:
                while waiting and len(running) < 2 * workers:
                    running.add(
                        pool.submit(colour_job, waiting.popleft(), ready, options, budget, ledger is not None)
                    )
                over, running = wait(running, return_when=FIRST_COMPLETED)
                yield from ended(over)
        except KeyboardInterrupt:
            begun = {future for future in running if not future.cancel()}
            wait(begun)
            yield from ended(begun)
            raise
        finally:
            for future in running:  # of a run that has to end
                future.cancel()
            if ledger is not None:
                ledger.save()


def colour_job(
    one: PendingJob, colouriser: Colouriser, options: PhotoOptions, budget: Budget, hashed: bool
) -> Outcome:
    """Do one job, and turn any failure into its outcome."""
    start = time.perf_counter()
    options = replace(options, overwrite=options.overwrite or one.overwrite)
    outcome = Outcome(one.job, "failed")
    try:
        with staged(one.job, overwrite=options.overwrite) as here:
            before = stamp_of(here.source) if here.source.is_file() else None  # no pipe's
            if hashed and before is not None:
                with here.source.open("rb") as file:
                    outcome.hash = file_digest(file, "sha256").digest()
            if hashed and before is not None and outcome.hash == one.hash:
                raise Unchanged
            with budget.taken(footprint(here.source)):
                outcome.notes = write_coloured(
                    here.source,
                    here.target,
                    colouriser,
                    options,
                    sheet=here.sheet,
                    stamp=before,
                    leave_colour=options.leaves(one.job),
                )
        outcome.result = "coloured"
    except Unchanged:
        outcome.result = "skipped"
    except HasColour:
        outcome.result, outcome.reason, outcome.hash = "left alone", HAS_COLOUR, b""  # it was not coloured
    except ColouriseError as err:
        outcome.reason = str(err) if isinstance(err, PhotoError) else f"{one.job.source}: {err}"
        outcome.disk_full = isinstance(err.__cause__, OSError) and err.__cause__.errno in DISK_FULL
    except OSError as err:  # from looking at files
        outcome.reason = f"{err.filename or one.job.source}: {err.strerror}"
        outcome.disk_full = err.errno in DISK_FULL
    except MemoryError:
        outcome.reason = f"{one.job.source}: not enough memory for this photo"
    if outcome.result == "failed":
        outcome.notes = []
    if hashed:
        with suppress(PhotoError):  # a store that does not answer
            outcome.written_stamp = stamp_of(one.job.target)
    outcome.seconds = time.perf_counter() - start
    return outcome


class Unchanged(Exception):  # noqa: N818  # nothing is wrong
    """Ends a job whose photo is the same as when it was coloured."""


def planned_entry(one: PendingJob, settings_key: str, model: str) -> LedgerEntry:
    """Return the ledger entry of a job that has not begun."""
    job = one.job
    stamp = job.stamp or Stamp(0, 0)
    return LedgerEntry(
        job.key,
        str(job.source),
        str(job.target),
        stamp,
        settings_key,
        model,
        written_stamp=one.there,
        hash=one.hash,
    )


def ended_entry(outcome: Outcome, settings_key: str, model: str) -> LedgerEntry:
    """Return the ledger entry of a job that has ended."""
    job = outcome.job
    return LedgerEntry(
        job.key,
        str(job.source),
        str(job.target),
        job.stamp or Stamp(0, 0),
        settings_key,
        model,
        "coloured" if outcome.result == "skipped" else outcome.result,
        outcome.hash,
        outcome.reason,
        outcome.notes,
        outcome.seconds,
        outcome.written_stamp,
        time.time(),
    )


def remove_parts(rows: Iterable[LedgerEntry], output: Location) -> None:
    """Remove the unfinished files that a killed run left of its planned photos.

    A ledger may have been changed by others: nothing outside the output folder is removed, nor behind a link.
    """
    places: dict[Location, set[str]] = {}
    for row in rows:
        with suppress(PhotoError):  # no place that this version goes to
            places.setdefault(row.target.parent, set()).add(part_prefix(row.target.name))
    for folder, prefixes in places.items():
        if not is_really_below(folder, output):
            continue
        with suppress(FileNotFoundError):  # a store without such a folder
            for part in folder.glob(".colourise-*.part"):
                if part.name[: len(next(iter(prefixes)))] in prefixes and part.is_file():
                    part.unlink(missing_ok=True)


def still_needed(pending: Iterable[PendingJob]) -> tuple[int, int]:
    """Return how many photos are left, and about how many bytes their coloured versions need."""
    read = written = left = photos = 0
    for one in pending:
        size, there = one.job.stamp.size if one.job.stamp else 0, stamp_of(one.job.target)
        if there is None:
            left, photos = left + size, photos + 1
        else:
            read, written = read + size, written + there.size
    return photos, round(left * (written / read if read else 1.5))
