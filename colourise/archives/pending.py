"""Which jobs are to be done, by what a ledger knows of earlier runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from colourise.archives.job import Outcome, PhotoJob, PhotoOptions
from colourise.archives.ledger import LedgerEntry
from colourise.colouriser import Colouriser
from colourise.files.stamp import Stamp
from colourise.files.storage import is_remote, listing, stamp_of


@dataclass(frozen=True)
class PendingJob:
    """A job that is to be done."""

    job: PhotoJob
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


def settings_key_of(colouriser: Colouriser, settings: PhotoOptions) -> str:
    """Model and options as one text, equal for equal ones."""
    options = asdict(settings)
    options.pop("overwrite")
    options |= {"input_size": colouriser.input_size, "saturation": colouriser.saturation}
    return json.dumps({"model": str(colouriser.model), **options}, sort_keys=True)


class Settled:
    """Says of photos whether an earlier run has done all that there is to do, and counts them.

    Args:
        rows: what a ledger knows, by `PhotoJob.key`.
        settings_key: model and options of this run.
    """

    def __init__(self, rows: Mapping[bytes, LedgerEntry], settings_key: str) -> None:
        self.rows, self.settings_key, self.count = rows, settings_key, 0

    def __call__(self, key: bytes, found: os.stat_result) -> bool:
        """Look at one photo as quickly as can be: an archive has a hundred thousand."""
        row = self.rows.get(key)
        if (
            row is None
            or row.result != "coloured"
            or row.settings_key != self.settings_key
            or row.written_stamp is None
        ):
            return False
        if (row.stamp.size, row.stamp.changed) != (found.st_size, found.st_mtime_ns):
            return False
        try:
            there = os.stat(row.output)
        except OSError:
            return False
        if (there.st_size, there.st_mtime_ns) != (row.written_stamp.size, row.written_stamp.changed):
            return False
        self.count += 1
        return True


def find_pending(
    jobs: Iterable[PhotoJob],
    rows: Mapping[bytes, LedgerEntry],
    settings_key: str,
    *,
    overwrite: bool = False,
    retry: bool = False,
    stamp_of: Callable[[Path], Stamp | None] = stamp_of,
) -> tuple[list[PendingJob], list[Outcome]]:
    """Sort jobs into those that are to be done, and outcomes of those that are not.

    Args:
        jobs: every photo that is meant.
        rows: what a ledger knows, by `PhotoJob.key`.
        settings_key: model and options of this run.
        overwrite: whether coloured versions that are there are made again.
        retry: whether only those are done that failed before.
        stamp_of: looks at a coloured version.
    """
    todo: list[PendingJob] = []
    done: list[Outcome] = []
    for job in jobs:
        row = rows.get(job.key)
        if retry and (row is None or row.result != "failed"):
            done.append(Outcome(job, "skipped"))
            continue
        there = stamp_of(job.target)
        reason, notes = reason_to_colour(job, row, settings_key, there, overwrite=overwrite)
        if reason:
            ours = row is not None or overwrite
            old = row.hash if row and reason == "changed" else b""
            in_vain = row is not None and row.result == "failed" and row.stamp == job.stamp
            todo.append(PendingJob(job, reason, ours, old, in_vain, there))
        else:
            done.append(Outcome(job, "skipped", notes=notes))
    return todo, done


def stamps_below(output: Path | None) -> Callable[[Path], Stamp | None]:
    """What looks at coloured versions: of a folder that is on no disk, all are listed at once."""
    if output is None or not is_remote(output):
        return stamp_of
    there = {url: Stamp(found.st_size, found.st_mtime_ns) for url, found in listing(output).items()}
    return lambda file: there.get(str(file))


def reason_to_colour(
    job: PhotoJob, row: LedgerEntry | None, settings_key: str, there: Stamp | None, *, overwrite: bool
) -> tuple[str, list[str]]:
    """Why a job is to be done whose output is `there`; or "" and what the user must hear."""
    if overwrite:
        return "asked for", []
    if row is None:  # a photo that is named must not find another file in its place
        return ("new" if there is None or job.named else ""), []
    same = row.settings_key == settings_key
    if row.result == "planned":
        if there is None or there == row.written_stamp:
            return "not finished", []
        return ("" if same and row.stamp == job.stamp else "changed"), []
    if row.result == "failed" and there == row.written_stamp:  # else somebody has put a file there since
        return "failed before", []
    if there is None:
        return "missing", []
    if there != row.written_stamp:
        return "", [
            f"{job.target} was changed by somebody else and is left alone; --overwrite makes it again"
        ]
    if not same:
        return "other model or options", []
    return ("changed" if row.stamp != job.stamp else ""), []
