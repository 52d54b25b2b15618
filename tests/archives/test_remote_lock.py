"""A lock in a store: never two runs inside, however long one of them is silent."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.commands import ROOT
from upath import UPath

from colourise.archives import remote_lock
from colourise.archives.remote_ledger import RemoteLedger
from colourise.archives.remote_lock import RemoteLock
from colourise.errors import LedgerError

RUN = """
import sys, time
from upath import UPath
from colourise.archives import remote_lock
from colourise.archives.remote_ledger import RemoteLedger
from colourise.errors import LedgerError

remote_lock.STALE, remote_lock.RENEW_EVERY, remote_lock.SETTLE, remote_lock.POLL = 3.0, 0.2, 0.2, 0.05
with RemoteLedger(UPath(sys.argv[1])) as ledger:
    while not ledger.hold(1):
        pass
    print("in", time.monotonic(), flush=True)
    time.sleep(float(sys.argv[2]))  # a listing that takes its time, in which nothing is saved
    try:
        ledger.write([])
    except LedgerError as err:
        print("lost", time.monotonic(), err, flush=True)
    else:
        print("out", time.monotonic(), flush=True)
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_lock, "STALE", 0.6)
    monkeypatch.setattr(remote_lock, "RENEW_EVERY", 0.1)
    monkeypatch.setattr(remote_lock, "SETTLE", 0.1)
    monkeypatch.setattr(remote_lock, "POLL", 0.02)


@pytest.fixture(params=["file", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[UPath]:
    """A folder that several processes see: on a disk, as fsspec has it, and in an object store."""
    if request.param == "file":
        yield UPath(f"file://{tmp_path}/out")
    else:
        yield request.getfixturevalue("bucket") / "out"


def begin(place: UPath, seconds: float) -> subprocess.Popen[str]:
    """Start a run that holds the folder for some seconds without a word."""
    command = [sys.executable, "-c", RUN, str(place), str(seconds)]
    return subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )


def told(process: subprocess.Popen[str]) -> list[tuple[str, float, str]]:
    """What a run has said, and when."""
    out, _ = process.communicate(timeout=60)
    lines = [line.split(maxsplit=2) for line in out.splitlines()]
    return [(words[0], float(words[1]), " ".join(words[2:])) for words in lines]


def left(place: Any) -> list[str]:
    """Files of ours in a folder."""
    place.fs.invalidate_cache()
    return [path.rpartition("/")[2] for path in place.fs.find(place.path)] if place.exists() else []


def test_a_listing_that_takes_long_lets_nobody_in(place: UPath) -> None:
    runs = [begin(place, 4.5) for _ in range(2)]  # each is silent for longer than a dead run would be
    (entered, in_at, _), (ended, out_at, _) = told(runs[0])
    (second_entered, second_in, _), (second_ended, second_out, _) = told(runs[1])
    assert (entered, ended, second_entered, second_ended) == ("in", "out", "in", "out")
    assert out_at <= second_in or second_out <= in_at
    assert left(place) == []


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="processes cannot be stopped here")
def test_a_run_that_slept_stops_when_another_one_has_begun(place: UPath) -> None:
    """As of a laptop whose lid was shut."""
    first = begin(place, 4)
    assert first.stdout
    while not first.stdout.readline().startswith("in"):
        pass
    first.send_signal(signal.SIGSTOP)
    try:
        second = begin(place, 9)
        assert second.stdout and second.stdout.readline().startswith("in")
    finally:
        first.send_signal(signal.SIGCONT)
    ((ended, _, line),) = told(first)
    assert ended == "lost"
    assert line.startswith(f"{place}: another run has begun here")
    assert [what for what, _, _ in told(second)] == ["out"]
    assert left(place) == []


def dead(place: UPath) -> RemoteLock:
    """A lock whose run was killed."""
    lock = RemoteLock(place / ".colourise.lock")
    assert lock.take(0)
    lock.ended.set()
    lock.thread.join()
    return lock


def test_of_many_who_wait_for_a_dead_run_one_goes_in_at_a_time(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_lock, "STALE", 3.0)  # a loaded machine is not a dead one
    dead(place)
    inside, most = [0], [0]
    count = threading.Lock()

    def run() -> None:
        lock = RemoteLock(place / ".colourise.lock")
        assert lock.take(60)
        with count:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        time.sleep(0.3)
        lock.renew()
        with count:
            inside[0] -= 1
        lock.release()

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert (inside, most) == ([0], [1])
    assert left(place) == []


def test_a_dead_run_that_was_asleep_does_not_stop_its_successor(place: UPath) -> None:
    sleeper, heir = dead(place), RemoteLock(place / ".colourise.lock")
    assert not heir.take(0)
    assert heir.take(10)
    with pytest.raises(LedgerError, match="another run has begun here"):
        sleeper.renew()
    heir.renew()
    sleeper.release()
    heir.renew()
    heir.release()
    assert left(place) == []


def test_a_run_that_moves_at_the_last_moment_keeps_its_lock(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, other = dead(place), RemoteLock(place / ".colourise.lock")
    create = other._create

    def and_then(file: Path) -> bool:
        slow.count += 1
        slow._put(slow.own)  # type: ignore[arg-type]
        return create(file)

    monkeypatch.setattr(other, "_create", and_then)
    assert not other.take(1.5)
    assert left(place) == [".colourise.lock"]
    slow.renew()
    slow.release()


def test_stores_that_create_what_is_there_already(place: UPath, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seem to have made the lock; one of them has."""

    def create(lock: RemoteLock, file: Path) -> bool:
        file.parent.mkdir(parents=True, exist_ok=True)
        there = lock._read(file) is not None
        time.sleep(0.03)  # in which the other one looks too
        lock._put(file)
        return not there

    monkeypatch.setattr(RemoteLock, "_create", create)
    monkeypatch.setattr(remote_lock, "SETTLE", 0.3)
    locks = [RemoteLock(place / ".colourise.lock") for _ in range(2)]
    results: list[bool] = []
    threads = [threading.Thread(target=lambda lock=lock: results.append(lock.take(0))) for lock in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(results) in ([False, False], [False, True])
    for lock in locks:
        lock.release()


def test_a_lock_of_an_old_version_is_one(place: UPath) -> None:
    (place / ".colourise.lock").parent.mkdir(parents=True, exist_ok=True)
    (place / ".colourise.lock").write_bytes(b"1700000000.5")  # a time long ago; clocks are not asked
    with RemoteLedger(place) as ledger:
        began = time.monotonic()
        assert not ledger.hold(0.2)
        assert ledger.hold(10)
        assert time.monotonic() - began > 0.6
        assert ledger.rows() == {}
    assert left(place) == []


def test_another_ones_lock_in_the_place_of_ours_stops_the_run(place: UPath) -> None:
    line = r"out: another run has begun here.*run the same command again to go on$"
    with pytest.raises(LedgerError, match=line), RemoteLedger(place) as ledger:
        assert ledger.hold(0)
        (place / ".colourise.lock").write_bytes(b"somebody 1")
        for _ in range(200):  # until the thread that renews the lock has had its turn
            time.sleep(0.05)
            ledger.write([])
    assert left(place) == [".colourise.lock"]  # neither their lock nor their table is touched


def test_a_store_that_no_longer_answers_stops_the_run_in_time(
    place: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LedgerError, match="cannot be reached") as stopped, RemoteLedger(place) as ledger:
        assert ledger.hold(0)

        def silent(*anything: object, **options: object) -> None:
            raise OSError("no route to host")

        monkeypatch.setattr(ledger.lock, "_put", silent)
        began = time.monotonic()
        while time.monotonic() - began < 5:
            ledger.write([])
            time.sleep(0.01)
    assert time.monotonic() - began < 0.6
    assert "\n" not in str(stopped.value)
