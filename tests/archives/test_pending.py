"""Which photos are done again: one answer for a walk, a list of jobs, and the heir of a killed worker."""

import itertools
import os
from pathlib import Path

import pytest

from colourise.archives.job import PhotoJob
from colourise.archives.ledger import LedgerEntry
from colourise.archives.pending import Status, done_before, find_pending, status
from colourise.files.stamp import Stamp

PHOTO, OTHER, MADE = Stamp(1, 1), Stamp(2, 2), Stamp(3, 3)


def entry(result: str = "coloured", written: Stamp | None = MADE, key: str = "how") -> LedgerEntry:
    return LedgerEntry(b"a", "a", "out/a", PHOTO, key, result=result, written_stamp=written)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "photo", "written", "expected"),
    [
        (None, PHOTO, None, Status.NEW),
        (None, PHOTO, OTHER, Status.FOREIGN),
        (entry(), PHOTO, MADE, Status.DONE),
        (entry(), OTHER, MADE, Status.CHANGED),
        (entry(), None, MADE, Status.CHANGED),
        (entry(), PHOTO, None, Status.MISSING),
        (entry(), PHOTO, OTHER, Status.ALTERED),
        (entry(key="another"), PHOTO, MADE, Status.OTHER_SETTINGS),
        (entry(key="another"), PHOTO, OTHER, Status.ALTERED),
        (entry("failed", None), PHOTO, None, Status.FAILED),
        (entry("failed", None), PHOTO, OTHER, Status.ALTERED),
        (entry("failed", MADE), PHOTO, MADE, Status.FAILED),
        (entry("planned", None), PHOTO, None, Status.UNFINISHED),
        (entry("planned", MADE), PHOTO, MADE, Status.UNFINISHED),
        (entry("planned", None), PHOTO, MADE, Status.FINISHED),
        (entry("planned", None), OTHER, MADE, Status.CHANGED),
        (entry("planned", None, "another"), PHOTO, MADE, Status.CHANGED),
    ],
)
def test_status(
    known: LedgerEntry | None, photo: Stamp | None, written: Stamp | None, expected: Status
) -> None:
    assert status(known, photo, written, "how") is expected


def test_a_photo_that_is_named_does_not_find_another_file_in_its_place() -> None:
    assert status(None, PHOTO, OTHER, "how", exact=True) is Status.NEW


def test_a_walk_and_a_list_agree(tmp_path: Path) -> None:
    """Whatever a walk leaves out has nothing pending, and whatever is done is left out."""
    photo, target = tmp_path / "photo", tmp_path / "target"
    photo.write_text("photo")
    found, stamp = photo.stat(), Stamp.of(photo)
    for there in (False, True):
        if there:
            target.write_text("target")
        made = Stamp.of(target)
        for result, written, key, read in itertools.product(
            ("planned", "coloured", "failed"), (None, made, OTHER), ("how", "another"), (stamp, OTHER)
        ):
            known = LedgerEntry(
                b"k",
                str(photo),
                str(target),
                read,
                key,
                result=result,
                written_stamp=written,  # type: ignore[arg-type]
            )
            left_out = done_before({b"k": known}, "how")(b"k", found)
            job = PhotoJob(photo, target, named=False, key=b"k", stamp=stamp)
            pending, skipped = find_pending([job], {b"k": known}, "how")
            assert not (left_out and pending)
            assert left_out == (bool(skipped) and status(known, stamp, made, "how") is Status.DONE)


def test_only_failures_are_retried_and_a_killed_run_is_left_to_the_next(tmp_path: Path) -> None:
    job = PhotoJob(tmp_path / "a", tmp_path / "b", named=False, key=b"a", stamp=PHOTO)
    for known in (None, entry(), entry("planned", None)):
        entries = {b"a": known} if known else {}
        pending, (skipped,) = find_pending([job], entries, "how", retry=True, stamp_of=lambda file: MADE)
        assert (pending, skipped.result, skipped.written_stamp) == ([], "skipped", None)
    (pending,), _ = find_pending(
        [job], {b"a": entry("failed", None)}, "how", retry=True, stamp_of=lambda _: None
    )
    assert (pending.reason, pending.in_vain) == ("failed before", True)
    _, (finished,) = find_pending([job], {b"a": entry("planned", None)}, "how", stamp_of=lambda file: MADE)
    assert finished.written_stamp == MADE  # it is written down now


def test_overwriting_is_a_reason(tmp_path: Path) -> None:
    job = PhotoJob(tmp_path / "a", tmp_path / "b", named=False, key=b"a", stamp=OTHER)
    (pending,), _ = find_pending([job], {b"a": entry()}, "how", overwrite=True, stamp_of=lambda file: MADE)
    assert (pending.reason, pending.overwrite, pending.hash) == ("asked for", True, b"")
    assert os.fspath(pending.job.source) == str(tmp_path / "a")
