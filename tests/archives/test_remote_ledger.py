"""The ledger of an output folder in a store: what is there however a run ends, and who waits for whom."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.photos import black_and_white
from typer.testing import Result
from upath import UPath

from colourise.archives import remote_lock
from colourise.archives.ledger import LedgerEntry
from colourise.archives.remote_ledger import RemoteLedger
from colourise.errors import LedgerError
from colourise.files.stamp import Stamp

Colourise = Callable[..., Result]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_lock, "SETTLE", 0.05)
    monkeypatch.setattr(remote_lock, "POLL", 0.2)


def row(key: bytes, out: UPath) -> LedgerEntry:
    return LedgerEntry(key, f"s3://in/{key.decode()}", f"{out}/{key.decode()}", Stamp(1, 2), "how")


def test_what_a_killed_run_had_planned_is_known(bucket: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    out = bucket / "coloured"
    killed = RemoteLedger(out).__enter__()
    assert killed.hold(0)
    killed.write([row(b"a.jpg", out), row(b"b.jpg", out)])
    killed.save()  # goes there
    killed.lock.ended.set()  # and then it is killed
    with RemoteLedger(out) as ours:
        assert not ours.hold(0)  # for all we know it is alive
        monkeypatch.setattr(remote_lock, "STALE", 0)
        assert ours.hold(2)
        assert [(one.key, one.result) for one in ours] == [(b"a.jpg", "planned"), (b"b.jpg", "planned")]
        assert ours.rows()[b"a.jpg"].target == out / "a.jpg"
    assert not (out / ".colourise.lock").exists()
    with pytest.raises(LedgerError, match="another run has begun here"):
        killed.stack.close()


def test_a_second_run_waits_for_the_first(
    colourise: Colourise, bucket: UPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_lock, "STALE", 2)
    out = bucket / "coloured"
    (out / ".colourise.lock").write_bytes(str(time.time()).encode())
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "chelsea.jpg").write_bytes(black_and_white("chelsea.jpg"))
    result = colourise(tmp_path / "archive", "-o", out)
    assert result.stderr.startswith("waiting another run is at work in s3://bucket/coloured\n")
    assert (out / "chelsea.jpg").exists()
    bucket.fs.invalidate_cache()
    assert {path.name for path in out.iterdir()} == {"chelsea.jpg", ".colourise.sqlite"}


def test_who_has_waited_knows_what_was_done_meanwhile(bucket: UPath) -> None:
    out, found = bucket / "coloured", {}

    def second() -> None:
        with RemoteLedger(out) as ours:
            while not ours.hold(1):
                pass
            found.update(ours.rows())
            ours.write([row(b"b.jpg", out)])

    with RemoteLedger(out) as first:
        assert first.hold(0)
        waiting = threading.Thread(target=second)
        waiting.start()
        time.sleep(1)
        first.write([row(b"a.jpg", out)])
    waiting.join(30)
    assert found.keys() == {b"a.jpg"}
    with RemoteLedger(out) as third:
        assert third.hold(5)
        assert third.rows().keys() == {b"a.jpg", b"b.jpg"}


def test_a_ledger_of_nothing_leaves_nothing(bucket: UPath) -> None:
    for write in (False, True):
        with RemoteLedger(bucket / "coloured") as ours:
            assert ours.hold(0)
            if write:
                ours.write([])
        bucket.fs.invalidate_cache()
        assert bucket.fs.find("bucket") == []


def test_a_damaged_ledger_is_one_clear_line(bucket: UPath) -> None:
    (bucket / ".colourise.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(LedgerError, match="cannot be read or written"), RemoteLedger(bucket) as ours:
        ours.hold(0)
