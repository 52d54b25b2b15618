"""Many workers: that what one of them leaves behind, however it ends, is neither lost nor done twice."""

import json
import os
import pickle
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from helpers.archives import made, rows, summary
from helpers.ray import with_ray
from PIL import Image
from typer.testing import Result

from colourise import extras
from colourise.archives import ray_cluster
from colourise.archives.events import Event, WorkersRestarted
from colourise.archives.job import PhotoJob, PhotoOptions
from colourise.archives.ledger import Ledger
from colourise.archives.pending import PendingJob, settings_key_of
from colourise.archives.ray_cluster import MAX_ATTEMPTS, RayWorker, Task, WorkerSpec, may_overwrite, run_jobs
from colourise.archives.run import planned_entry
from colourise.colouriser import Colouriser, load_model
from colourise.errors import DeviceError, ModelError
from colourise.files.atomic import part_prefix
from colourise.files.stamp import Stamp
from colourise.lab.pictures import rgb_to_L

Colourise = Callable[..., Result]
PLAIN = PhotoOptions(history=False)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """40 photos in three folders, each of one grey; four of them bad."""
    for number in range(40):
        path = (
            tmp_path / "archive" / f"box {number % 3}" / f"{number:02d}.{('jpg', 'png', 'tif')[number % 3]}"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (24, 16), 40 + 5 * number).save(path)
        if number % 10 == 5:
            path.write_bytes((b"", b"no photo at all")[number % 20 == 5])
    return tmp_path / "archive"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


# Without Ray


def test_ray_that_is_not_installed_is_one_clear_line(
    colourise: Colourise, archive: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = colourise(archive, "-o", out, "--engine", "ray")
    assert result.exit_code == 1
    assert result.stderr.startswith("error --engine ray needs ray, which is not installed; run: ")
    assert result.stderr.count("\n") == 1 and "[ray]" in result.stderr
    assert not out.exists()


def test_what_a_cluster_is_not_for(
    colourise: Colourise, archive: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: True)  # whether it is installed or not
    assert colourise(archive, "--engine", "ray").exit_code == 2
    assert colourise(archive / "box 0" / "00.jpg", "-o", out, "--engine", "ray").exit_code == 2
    assert colourise(archive, "-o", out, "--engine", "ray", "--watch").exit_code == 2
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = "{}:{}".format(*free.getsockname())
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(DeviceError, match=f"RAY_ADDRESS={address}: no cluster answers there"):
        ray_cluster.check()


class Alone:
    """A `AttemptCounter` that is here."""

    def __init__(self) -> None:
        self.begin = self

    def remote(self, what: int | str) -> int:
        return 1


@pytest.fixture
def worker(tiny_model: Path, out: Path) -> WorkerSpec:
    """What a worker is told that finishes in this process."""
    load = partial(load_model, str(tiny_model))
    out.mkdir()
    with Ledger(out) as ledger:
        file = ledger.file
    file.touch()
    return WorkerSpec(load, PLAIN, settings_key_of(load(), PLAIN), Path.cwd(), file, 2, Alone())


def task_for(source: Path, target: Path, worker: WorkerSpec, sheet: Path | None = None) -> Task:
    """A task as the driver makes it."""
    job = PhotoJob(
        source, target, named=False, sheet=sheet, key=os.fsencode(source.name), stamp=Stamp.of(source)
    )
    row = planned_entry(PendingJob(job, "new"), worker.settings_key, "tiny")
    return Task(7, may_overwrite(PendingJob(job, "new"), row), row)


def test_what_a_killed_worker_had_written_is_done(archive: Path, out: Path, worker: WorkerSpec) -> None:
    source, target = archive / "box 0" / "00.jpg", out / "00.jpg"
    task = task_for(source, target, worker)
    loaded = RayWorker(worker)
    number, first = loaded.do(task, 1)
    assert (number, first.result, len(first.hash)) == (7, "coloured", 32)
    assert first.written_stamp is not None and first.written_stamp == Stamp.of(target)
    number, again = loaded.do(task, 1)
    assert (number, again.result, again.written_stamp) == (
        7,
        "coloured",
        first.written_stamp,
    )  # and nobody wrote it anew
    target.unlink()
    Image.new("L", (20, 20), 99).save(source)
    assert loaded.do(task, MAX_ATTEMPTS - 1)[1].result == "coloured"  # the photo that is there now
    with Image.open(target) as image:
        assert image.size == (20, 20)
    target.unlink()
    assert "kills whoever works on it" in loaded.do(task, MAX_ATTEMPTS)[1].reason
    assert not target.exists()


def test_half_of_a_pair_of_files_is_made_again(archive: Path, out: Path, worker: WorkerSpec) -> None:
    """A worker that is killed between before | after and the photo leaves only the first."""
    source, sheet = archive / "box 0" / "00.jpg", out / "00.compare.jpg"
    task = task_for(source, out / "00.jpg", worker, sheet)
    sheet.write_text("half of it")
    assert RayWorker(worker).do(task, 1)[1].result == "coloured"
    foreign = task_for(source, out / "01.jpg", worker, sheet)  # it was there before anything was planned
    assert "is there already" in RayWorker(worker).do(foreign, 1)[1].reason


def test_a_worker_of_another_world_says_so(tiny_model: Path, worker: WorkerSpec, tmp_path: Path) -> None:
    def wrong(**changes: Any) -> Exception:
        loaded = RayWorker(replace(worker, **changes))
        (answer,) = loaded({"task": [pickle.dumps(None)]})["answer"]
        return pickle.loads(answer)  # noqa: S301

    assert isinstance(wrong(ledger=tmp_path / "none"), DeviceError)
    assert "a disk that all machines share" in str(wrong(ledger=tmp_path / "none"))
    other = partial(load_model, str(tiny_model), saturation=2.0)
    assert isinstance(wrong(load=other), ModelError)
    assert "another model" in str(wrong(load=other))
    assert "none" in str(wrong(load=partial(load_model, str(tmp_path / "none"))))


# With Ray


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    """Ray on this machine, which takes seconds to begin."""
    with ray_cluster.joined() as ray:
        yield ray


def at_work() -> list[psutil.Process]:
    """Processes of the workers that there are."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "RayWorker" in " ".join(process.cmdline()):
                found.append(process)
    return found


@with_ray
def test_a_worker_that_is_killed_midway_loses_nothing(
    colourise: Colourise, archive: Path, out: Path, tmp_path: Path, ray: Any
) -> None:
    """The end is that of a run on this machine alone, and either engine goes on with the other's."""
    assert colourise(archive, "-o", tmp_path / "whole", "--no-history").exit_code == 1
    whole = made(tmp_path / "whole")
    assert len(whole) == 36
    left = []

    def kill() -> None:
        victims: list[psutil.Process] = []
        while not victims or len(list(out.glob("*/??.*"))) < 4:
            victims = victims or at_work()
            time.sleep(0.002)
        victims[0].kill()
        left.append(36 - len(list(out.glob("*/??.*"))))

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    result = colourise(
        archive, "-o", out, "--no-history", "--engine", "ray", "--workers", "2", "--json-lines"
    )
    killer.join(10)
    assert left[0] > 0  # it was midway
    assert result.exit_code == 1
    assert result.stderr.startswith("Ray: 2 workers on 1 machine\n")
    assert summary(result).startswith("36 coloured, 4 failed")
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(told) == 40 == len({one["source"] for one in told})
    assert made(out) == whole  # and no part of a file
    ledger, reference = rows(out), rows(tmp_path / "whole")
    assert {name: (row.result, row.reason, row.settings_key) for name, row in ledger.items()} == {
        name: (row.result, row.reason, row.settings_key) for name, row in reference.items()
    }
    assert all(row.written_stamp == Stamp.of(row.target) for row in ledger.values())
    again = colourise(archive, "-o", out, "--no-history")
    assert summary(again).startswith("0 coloured, 36 there already, 4 failed")


class Deadly:
    """A backend that notes what it sees, and that one photo kills with its process."""

    name, stride = "deadly", 1

    def __init__(self, log: Path, deadly: int) -> None:
        self.log, self.deadly = log, deadly

    def predict_ab(self, L: np.ndarray) -> np.ndarray:
        with self.log.open("a") as file:
            file.writelines(f"{one.mean():.0f}\n" for one in L)
        if any(round(float(one.mean())) == self.deadly for one in L):
            os.kill(os.getpid(), signal.SIGKILL)
        return np.repeat(L, 2, 1)


@with_ray
def test_a_photo_that_kills_its_workers_fails_and_no_other_is_done_twice(
    tmp_path: Path, out: Path, ray: Any
) -> None:
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    pending = []
    light = {
        grey: round(float(rgb_to_L(np.full((1, 1), grey, np.uint8))[0, 0])) for grey in range(10, 250, 10)
    }
    for grey in light:
        source = tmp_path / f"{grey}.png"
        Image.new("L", (24, 16), grey).save(source)
        job = PhotoJob(
            source, out / source.name, named=False, key=source.name.encode(), stamp=Stamp.of(source)
        )
        pending.append(PendingJob(job, "new"))
    load = partial(Colouriser, Deadly(tmp_path / "log", light[60]), input_size=32, model="deadly")
    heard: list[Event] = []
    with Ledger(out) as ledger:
        part = out / f"{part_prefix('60.png')}dead.part"  # as of a worker that was killed writing
        part.touch()
        outcomes = list(
            run_jobs(pending, load(), PLAIN, load=load, ledger=ledger, workers=2, on_event=heard.append)
        )
    assert not part.exists()
    assert sorted(one.job.key for one in outcomes) == sorted(one.job.key for one in pending)
    found = rows(out)
    assert {name for name, row in found.items() if row.result == "coloured"} == made(out).keys()
    assert made(out).keys() == {one.job.source.name for one in pending} - {"60.png"}
    assert all(row.written_stamp == Stamp.of(row.target) for row in found.values())
    assert found["60.png"].reason.startswith(f"{tmp_path / '60.png'}: kills whoever works on it")
    assert heard[1:] == [WorkersRestarted(MAX_ATTEMPTS)]
    seen = Counter(map(int, (tmp_path / "log").read_text().split()))
    assert seen == {light[grey]: MAX_ATTEMPTS if grey == 60 else 1 for grey in light}
    assert not list(run_jobs([], load(), PLAIN, load=load, ledger=ledger))
