"""Which photos are still to be coloured, judged by the ledger of earlier runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from colourise.archives.job import HAS_COLOUR, Outcome, PhotoJob, PhotoOptions
from colourise.archives.ledger import LedgerEntry
from colourise.colouriser import Colouriser
from colourise.files.stamp import Stamp
from colourise.files.storage import is_remote, listing, stamp_of

if TYPE_CHECKING:
    from colourise.files.storage import Location


class Status(Enum):
    """State of a photo and its coloured version; the values are for people to read."""

    NEW = "new"
    UNFINISHED = "not finished"
    FAILED = "failed before"
    MISSING = "missing"
    OTHER_SETTINGS = "other model or options"
    CHANGED = "changed"
    IN_COLOUR = "has colour, and was left alone before"
    DONE = "there already"
    FINISHED = "there already, though a killed run has not written it down"
    FOREIGN = "another file is there"
    ALTERED = "changed by somebody else"
    LEFT_ALONE = "has colour already"

    @property
    def pending(self) -> bool:
        """Tell whether the photo has to be coloured."""
        return self not in (
            Status.DONE,
            Status.FINISHED,
            Status.FOREIGN,
            Status.ALTERED,
            Status.LEFT_ALONE,
        )


def status(
    entry: LedgerEntry | None,
    photo: Stamp | None,
    written: Stamp | None,
    settings_key: str,
    *,
    exact: bool = False,
    leave_colour: bool = True,
) -> Status:
    """Compare what the ledger recorded with what is there now.

    Args:
        entry: the photo's entry in the ledger; None: it has none.
        photo: the photo's stamp now; None: it could not be read.
        written: the stamp of the file at the target now; None: there is no file.
        settings_key: model and options of this run.
        exact: `PhotoJob.exact`; the photo is then pending even if another file lies at its target, so that
            the user hears of that.
        leave_colour: whether it is left alone if it has colour already.
    """
    if entry is None:
        return Status.NEW if written is None or exact else Status.FOREIGN
    if entry.result == "planned":
        if written is None or written == entry.written_stamp:
            return Status.UNFINISHED
        same = entry.settings_key == settings_key and entry.stamp == photo
        return Status.FINISHED if same else Status.CHANGED
    if entry.result == "failed" and written == entry.written_stamp:  # else somebody has put a file there
        return Status.FAILED
    if entry.result == "left alone" and written in (None, entry.written_stamp):
        if entry.stamp != photo:
            return Status.CHANGED
        return Status.LEFT_ALONE if leave_colour else Status.IN_COLOUR
    if written is None:
        return Status.MISSING
    if written != entry.written_stamp:
        return Status.ALTERED
    if entry.settings_key != settings_key:
        return Status.OTHER_SETTINGS
    return Status.DONE if entry.stamp == photo else Status.CHANGED


@dataclass(frozen=True)
class PendingJob:
    """A job that has to be done."""

    job: PhotoJob
    """The job."""
    reason: str
    """Why, in a few words for people."""
    overwrite: bool = False
    """Whether the file at the target comes from an earlier run, and may be overwritten."""
    hash: bytes = b""
    """SHA-256 of the photo that was coloured before: if it is the same now, nothing has to be done."""
    in_vain: bool = False
    """Whether it failed before and has not changed since."""
    there: Stamp | None = None
    """Stamp of the file at the target now."""


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
    """Return a function that tells from a photo's key and state whether an earlier run has done it.

    It has to be fast, because an archive has a hundred thousand photos.
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
    options: PhotoOptions | None = None,
    *,
    overwrite: bool = False,
    retry: bool = False,
    stamp_of: Callable[[Location], Stamp | None] = stamp_of,
) -> tuple[list[PendingJob], list[Outcome]]:
    """Sort jobs into pending ones, and outcomes of those that are skipped.

    Args:
        jobs: a job for each selected photo.
        entries: those of the ledger, by `PhotoJob.key`.
        settings_key: model and options of this run.
        options: say which photos that have colour already are left alone.
        overwrite: whether existing coloured versions are overwritten.
        retry: whether only photos that failed before are pending.
        stamp_of: returns the stamp of a target.
    Returns:
        Pending jobs; and outcomes, which have a `written_stamp` if a killed run finished the photo without
        recording it.
    """
    options = options or PhotoOptions()
    pending: list[PendingJob] = []
    skipped: list[Outcome] = []
    for job in jobs:
        entry = entries.get(job.key)
        there = stamp_of(job.target)
        leave = options.leaves(job)
        no_sheet = job.named and job.sheet is not None and stamp_of(job.sheet) is None
        exact = job.exact or no_sheet
        found = status(entry, job.stamp, there, settings_key, exact=exact, leave_colour=leave)
        if found is Status.LEFT_ALONE and (retry or not overwrite):
            skipped.append(Outcome(job, "left alone", HAS_COLOUR))
            continue
        if retry and (entry is None or entry.result != "failed"):
            skipped.append(Outcome(job, "skipped", later=found.pending))
            continue
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


def stamps_below(output: Location | None) -> Callable[[Location], Stamp | None]:
    """Return a function that returns stamps of targets; a remote folder is listed once for all of them."""
    if output is None or not is_remote(output):
        return stamp_of
    there = {url: Stamp(found.st_size, found.st_mtime_ns) for url, found in listing(output).items()}
    return lambda file: there.get(str(file))
