"""Which photos are to be coloured, by what a ledger knows of earlier runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from colourise.archives.job import Outcome, PhotoJob, PhotoOptions
from colourise.archives.ledger import LedgerEntry
from colourise.colouriser import Colouriser
from colourise.files.stamp import Stamp
from colourise.files.storage import is_remote, listing, stamp_of


class Status(Enum):
    """What a photo and its coloured version are to this run; the text is for people."""

    NEW = "new"
    UNFINISHED = "not finished"
    FAILED = "failed before"
    MISSING = "missing"
    OTHER_SETTINGS = "other model or options"
    CHANGED = "changed"
    DONE = "there already"
    FINISHED = "there already, though a killed run has not written it down"
    FOREIGN = "another file is there"
    ALTERED = "changed by somebody else"

    @property
    def pending(self) -> bool:
        """Tell whether the photo is to be coloured."""
        return self not in (Status.DONE, Status.FINISHED, Status.FOREIGN, Status.ALTERED)


def status(
    entry: LedgerEntry | None,
    photo: Stamp | None,
    written: Stamp | None,
    settings_key: str,
    *,
    named: bool = False,
) -> Status:
    """Compare what an earlier run wrote down with what is there now.

    Args:
        entry: what the ledger knows of the photo; None: nothing.
        photo: of the photo now.
        written: of what is in the place of its coloured version now; None: nothing is.
        settings_key: model and options of this run.
        named: whether the user named the photo, which then must not find another file in its place.
    """
    if entry is None:
        return Status.NEW if written is None or named else Status.FOREIGN
    if entry.result == "planned":
        if written is None or written == entry.written_stamp:
            return Status.UNFINISHED
        same = entry.settings_key == settings_key and entry.stamp == photo
        return Status.FINISHED if same else Status.CHANGED
    if entry.result == "failed" and written == entry.written_stamp:  # else somebody has put a file there
        return Status.FAILED
    if written is None:
        return Status.MISSING
    if written != entry.written_stamp:
        return Status.ALTERED
    if entry.settings_key != settings_key:
        return Status.OTHER_SETTINGS
    return Status.DONE if entry.stamp == photo else Status.CHANGED


@dataclass(frozen=True)
class PendingJob:
    """A job that is to be done."""

    job: PhotoJob
    """The job."""
    reason: str
    """Why, in a word or a few, for people."""
    overwrite: bool = False
    """Whether what is there was made by an earlier run, and may be written over."""
    hash: bytes = b""
    """Of the photo as it was coloured before: if it still has it, nothing is to be done."""
    in_vain: bool = False
    """Whether it failed before and has not changed since."""
    there: Stamp | None = None
    """What is in the place of its coloured version now."""


def settings_key_of(colouriser: Colouriser, options: PhotoOptions) -> str:
    """Return model and options as one text, equal for equal ones; old ledgers have the same text."""
    return json.dumps(
        {
            "compare": options.compare,
            "format": options.format,
            "history": options.history,
            "input_size": colouriser.input_size,
            "model": str(colouriser.model),
            "quality": options.quality,
            "saturation": colouriser.saturation,
        }
    )


def done_before(
    entries: Mapping[bytes, LedgerEntry], settings_key: str
) -> Callable[[bytes, os.stat_result], bool]:
    """Return what tells of a photo, by its key and state, whether there is nothing left to do.

    It looks at each photo as quickly as can be: an archive has a hundred thousand.
    """

    def done(key: bytes, found: os.stat_result) -> bool:
        entry = entries.get(key)
        return (
            entry is not None
            and status(entry, Stamp(found.st_size, found.st_mtime_ns), Stamp.of(entry.output), settings_key)
            is Status.DONE
        )

    return done


def find_pending(
    jobs: Iterable[PhotoJob],
    entries: Mapping[bytes, LedgerEntry],
    settings_key: str,
    *,
    overwrite: bool = False,
    retry: bool = False,
    stamp_of: Callable[[Path], Stamp | None] = stamp_of,
) -> tuple[list[PendingJob], list[Outcome]]:
    """Sort jobs into those that are to be done, and outcomes of those that are not.

    Args:
        jobs: every photo that is meant.
        entries: what a ledger knows, by `PhotoJob.key`.
        settings_key: model and options of this run.
        overwrite: whether coloured versions that are there are made again.
        retry: whether only those are done that failed before.
        stamp_of: looks at a coloured version.
    Returns:
        Jobs to be done; and outcomes, of which those have a `written_stamp` that a killed run had finished
        without writing it down.
    """
    pending: list[PendingJob] = []
    skipped: list[Outcome] = []
    for job in jobs:
        entry = entries.get(job.key)
        if retry and (entry is None or entry.result != "failed"):
            skipped.append(Outcome(job, "skipped"))
            continue
        there = stamp_of(job.target)
        found = status(entry, job.stamp, there, settings_key, named=job.named)
        if overwrite or found.pending:
            changed = entry is not None and found is Status.CHANGED and not overwrite
            pending.append(
                PendingJob(
                    job,
                    reason="asked for" if overwrite else found.value,
                    overwrite=entry is not None or overwrite,
                    hash=entry.hash if entry is not None and changed else b"",
                    in_vain=entry is not None and entry.result == "failed" and entry.stamp == job.stamp,
                    there=there,
                )
            )
        else:
            notes = [
                f"{job.target} was changed by somebody else and is left alone; --overwrite makes it again"
            ]
            skipped.append(
                Outcome(
                    job,
                    "skipped",
                    notes=notes if found is Status.ALTERED else [],
                    written_stamp=there if found is Status.FINISHED else None,
                )
            )
    return pending, skipped


def stamps_below(output: Path | None) -> Callable[[Path], Stamp | None]:
    """Return what looks at coloured versions: of a folder that is on no disk, all are listed at once."""
    if output is None or not is_remote(output):
        return stamp_of
    there = {url: Stamp(found.st_size, found.st_mtime_ns) for url, found in listing(output).items()}
    return lambda file: there.get(str(file))
