"""Many photos side by side: nothing is lost however a run ends."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.archives import colour_all, made, placed, rows
from helpers.commands import start
from helpers.photos import PHOTOS
from PIL import Image
from typer.testing import Result

from colourise import images
from colourise.archives.job import PhotoOptions
from colourise.archives.plan import plan_jobs
from colourise.colouriser import Colouriser
from colourise.files.stamp import Stamp


def test_outcomes_come_in_order_and_one_failure_is_not_all(
    tree: Path, colouriser: Colouriser, tmp_path: Path
) -> None:
    (tree / "broken.jpg").write_text("no photo")
    jobs = plan_jobs([tree], tmp_path / "out", PhotoOptions()).jobs
    jobs[-1].target.parent.mkdir(parents=True)
    shutil.copy(PHOTOS / "camera.png", jobs[-1].target)
    outcomes = colour_all(jobs, colouriser, PhotoOptions())
    assert [outcome.job for outcome in outcomes] == jobs
    assert [outcome.result for outcome in outcomes] == [
        "failed",
        "coloured",
        "coloured",
        "coloured",
        "skipped",
    ]
    assert outcomes[0].reason.startswith(f"{tree / 'broken.jpg'}: not an image")
    assert jobs[-1].target.read_bytes() == (PHOTOS / "camera.png").read_bytes()


Colourise = Callable[..., Result]


def test_a_photo_that_changes_while_it_is_read_is_not_coloured(
    colourise: Colourise, album: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = images.read

    def read_slowly(source: Path) -> images.Photo:
        photo = read(source)
        if source.name == "a.jpg":
            os.utime(source, (5, 5))  # somebody is still writing it
        return photo

    monkeypatch.setattr(images, "read", read_slowly)
    result = colourise(album, "-o", out)
    assert f"{album / 'a.jpg'}: changed while it was read; run again when it is whole" in result.stderr
    assert "a.jpg" not in made(out) and len(made(out)) == 5


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 photos, 30 of them bad in one of several ways."""
    folder = tmp_path_factory.mktemp("archive")
    chance = np.random.default_rng(1)
    for number in range(300):
        path = folder / f"box {number % 7}" / f"{number:03d}.{('jpg', 'png', 'tif')[number % 3]}"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(chance.integers(0, 256, (16, 24)).astype(np.uint8)).resize((96, 64)).save(path)
        if number % 10 == 0:
            data = path.read_bytes()
            path.write_bytes((b"", data[:40], b"no photo at all", data[: len(data) // 2])[number // 10 % 4])
    return folder


def test_twenty_kills_lose_nothing(archive: Path, tiny_model: Path, tmp_path: Path) -> None:
    """SIGKILL at random moments, again and again: the end is that of a run that was let alone."""
    chance = random.Random(0)
    options = ("--model", tiny_model, "--no-history", "--workers", "2")
    with start(archive, "-o", tmp_path / "whole", *options) as process:
        process.communicate(timeout=120)
    assert process.returncode == 1
    whole = made(tmp_path / "whole")
    assert len(whole) == 270

    out = tmp_path / "out"
    kills = 0
    for _ in range(20):
        with start(archive, "-o", out, *options) as process:
            goal = len(placed(out)) + chance.randrange(18)
            while process.poll() is None and len(placed(out)) < goal:
                time.sleep(0.005)
            time.sleep(chance.random() * 0.03)
            process.kill()
            process.communicate()
        kills += process.returncode == -signal.SIGKILL
    assert kills >= 15  # that many runs were not at their end
    for name, data in made(out).items():
        assert name in whole or Path(name).name.startswith(".colourise-")  # a part, of which nobody will hear
        assert data == whole.get(name, data)  # whole or not there
    with start(archive, "-o", out, *options) as process:
        process.communicate(timeout=120)
    assert process.returncode == 1
    assert made(out) == whole  # and no part of a file
    ledger, reference = rows(out), rows(tmp_path / "whole")
    assert {name: row.result for name, row in ledger.items()} == {
        name: row.result for name, row in reference.items()
    }
    assert all(
        row.written_stamp == Stamp.of(row.target) for row in ledger.values() if row.result == "coloured"
    )
