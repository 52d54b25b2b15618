"""Many photos: what is done again and what is not, and that nothing is lost however a run ends."""

import json
import os
import random
import re
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.commands import start
from PIL import Image
from typer.testing import Result

from colourise import images
from colourise.archives.ledger import Ledger, LedgerEntry
from colourise.archives.pool import AT_ONCE, Budget, SharedBackend
from colourise.files.stamp import Stamp

Colourise = Callable[..., Result]


def rows(out: Path) -> dict[str, LedgerEntry]:
    """What the ledger of an output folder says, by place."""
    return {os.fsdecode(key): row for key, row in Ledger.peek(out).items()}


def made(out: Path) -> dict[str, bytes]:
    """Every file below a folder that is not the ledger's."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not (path.name.startswith(".colourise") and ".part" not in path.name)
    }


def placed(out: Path) -> set[str]:
    """What a run at work has put in its place; the parts, which come and go meanwhile, are not opened."""
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    return {name for name in names if not Path(name).name.startswith(".colourise")}


def summary(result: Result) -> str:
    return result.stderr.splitlines()[-1]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Six small photos in two folders."""
    chance = np.random.default_rng(0)
    for name in ("a", "b", "deep/c", "deep/d", "deep/e", "deep/f"):
        path = tmp_path / "album" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(chance.integers(0, 256, (24, 32)).astype(np.uint8)).save(path)
    return tmp_path / "album"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


# What a second run does


def test_the_ledger_tells_what_became_of_each_photo(colourise: Colourise, album: Path, out: Path) -> None:
    (album / "bad.jpg").write_text("no photo")
    began = time.time()
    assert colourise(album, "-o", out).exit_code == 1
    found = rows(out)
    assert sorted(found) == ["a.jpg", "b.jpg", "bad.jpg", *(f"deep/{name}.jpg" for name in "cdef")]
    a, bad = found["a.jpg"], found["bad.jpg"]
    assert (a.result, a.source, a.target) == ("coloured", album / "a.jpg", out / "a.jpg")
    assert (a.stamp, a.written_stamp) == (Stamp.of(album / "a.jpg"), Stamp.of(out / "a.jpg"))
    assert re.fullmatch(r"tiny [0-9a-f]{12}", a.model) and json.loads(a.settings_key)["saturation"] == 1.0
    assert began <= a.at <= time.time() and 0 < a.seconds < 60 and len(a.hash) == 32
    assert bad.result == "failed" and "not an image" in bad.reason


def test_a_second_run_does_what_is_missing_or_failed(colourise: Colourise, album: Path, out: Path) -> None:
    (album / "bad.jpg").write_text("no photo")
    colourise(album, "-o", out)
    before = made(out)
    (out / "deep" / "c.jpg").unlink()
    shutil.copy(album / "a.jpg", album / "bad.jpg")
    result = colourise(album, "-o", out, "--no-history")
    assert result.exit_code == 0
    assert summary(result).startswith("7 coloured")  # other options: all of them
    result = colourise(album, "-o", out, "--no-history")
    assert summary(result).startswith("0 coloured, 7 there already")
    (out / "deep" / "c.jpg").unlink()
    result = colourise(album, "-o", out, "--no-history")
    assert summary(result).startswith("1 coloured, 6 there already")
    assert made(out).keys() == before.keys() | {"bad.jpg"}


def test_a_photo_that_was_changed_is_coloured_anew(colourise: Colourise, album: Path, out: Path) -> None:
    colourise(album, "-o", out)
    before = made(out)
    Image.new("L", (20, 20), 99).save(album / "a.jpg")
    os.utime(album / "b.jpg", (1, 1))  # touched, but the same
    result = colourise(album, "-o", out)
    assert summary(result).startswith("1 coloured, 5 there already")
    after = made(out)
    assert {name for name in before if before[name] != after[name]} == {"a.jpg"}
    assert summary(colourise(album, "-o", out)).startswith("0 coloured, 6 there already")
    assert rows(out)["b.jpg"].stamp == Stamp.of(album / "b.jpg")


def test_another_model_or_option_colours_all_anew(colourise: Colourise, album: Path, out: Path) -> None:
    colourise(album, "-o", out)
    assert summary(colourise(album, "-o", out, "--saturation", "2")).startswith("6 coloured")
    assert summary(colourise(album, "-o", out, "--saturation", "2")).startswith("0 coloured, 6 there already")
    assert summary(colourise(album, "-o", out, model=False)).startswith("6 coloured")


def test_what_somebody_else_put_there_stays(colourise: Colourise, album: Path, out: Path) -> None:
    out.mkdir()
    (out / "a.jpg").write_text("mine")
    assert summary(colourise(album, "-o", out)).startswith("5 coloured, 1 there already")
    (out / "b.jpg").write_text("retouched")
    result = colourise(album, "-o", out, "--saturation", "2")
    assert f"{out / 'b.jpg'} was changed by somebody else" in result.stderr
    assert ((out / "a.jpg").read_text(), (out / "b.jpg").read_text()) == ("mine", "retouched")
    colourise(album, "-o", out, "--overwrite")
    assert all(data[:2] == b"\xff\xd8" for data in made(out).values())


def test_retry_failed_does_nothing_else(colourise: Colourise, album: Path, out: Path) -> None:
    (album / "bad.jpg").write_text("no photo")
    colourise(album, "-o", out)
    (out / "a.jpg").unlink()
    shutil.copy(album / "b.jpg", album / "bad.jpg")
    assert summary(colourise(album, "-o", out, "--retry-failed")).startswith("1 coloured")
    assert "a.jpg" not in made(out) and "bad.jpg" in made(out)


def test_what_somebody_put_in_the_place_of_a_failure_stays(
    colourise: Colourise, album: Path, out: Path
) -> None:
    (album / "bad.jpg").write_text("no photo")
    colourise(album, "-o", out)
    (out / "bad.jpg").write_text("mine")
    shutil.copy(album / "a.jpg", album / "bad.jpg")
    result = colourise(album, "-o", out)
    assert f"{out / 'bad.jpg'} was changed by somebody else" in result.stderr
    assert (out / "bad.jpg").read_text() == "mine"


def test_names_that_were_given_stay(colourise: Colourise, tmp_path: Path, album: Path, out: Path) -> None:
    """A newcomer takes another name; the photo that had it first keeps it."""
    colourise(album, "-o", out, "--format", "png")
    Image.new("L", (20, 20), 99).save(album / "a.bmp")
    colourise(album, "-o", out, "--format", "png")
    assert {"a.png", "a.bmp.png"} <= made(out).keys()
    assert summary(colourise(album, "-o", out, "--format", "png")).startswith("0 coloured, 7 there already")


# Which photos


def test_choosing_photos(colourise: Colourise, album: Path, out: Path) -> None:
    os.utime(album / "a.jpg", (1, 1))

    def planned(*options: str) -> set[str]:
        told = colourise(album, "-o", out, "--dry-run", *options).stdout
        return {Path(line.split(" -> ")[0]).stem for line in told.splitlines()}

    assert planned() == set("abcdef")
    assert planned("--include", "[a-c].jpg") == set("abc")
    assert planned("--include", "deep/*") == set("cdef")
    assert planned("--exclude", "deep/*", "--exclude", "b.*") == {"a"}
    assert planned("--since", "2001-01-01") == set("bcdef")
    assert len(planned("--limit", "2")) == 2
    parts = [planned("--shard", f"{part}/3") for part in (1, 2, 3)]
    assert set.union(*parts) == set("abcdef") and sum(map(len, parts)) == 6
    assert not out.exists()  # a dry run makes nothing


def test_limit_leaves_the_rest_for_later(colourise: Colourise, album: Path, out: Path) -> None:
    result = colourise(album, "-o", out, "--limit", "4")
    assert result.exit_code == 0
    assert summary(result).startswith("4 coloured, 2 left for later")
    assert summary(colourise(album, "-o", out, "--limit", "4")).startswith("2 coloured, 4 there already")


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "a/b"])
def test_shards_that_make_no_sense(colourise: Colourise, album: Path, out: Path, shard: str) -> None:
    assert colourise(album, "-o", out, "--shard", shard).exit_code == 2


def test_shards_share_an_output_folder(colourise: Colourise, album: Path, out: Path) -> None:
    for part in (1, 2):
        assert colourise(album, "-o", out, "--shard", f"{part}/2").exit_code == 0
    assert len(made(out)) == 6
    again = [summary(colourise(album, "-o", out, "--shard", f"{part}/2")) for part in (1, 2)]
    assert all(line.startswith("0 coloured") for line in again)


def test_linked_folders_are_walked_once_if_asked(colourise: Colourise, album: Path, out: Path) -> None:
    (album / "deep" / "up").symlink_to(album)  # a loop
    (album / "other").symlink_to(album / "deep")
    (album / "self").symlink_to("self")
    assert summary(colourise(album, "-o", out)).startswith("6 coloured")
    shutil.rmtree(out)
    assert summary(colourise(album, "-o", out, "--follow-symlinks")).startswith("6 coloured")
    away = album.parent / "away"
    away.mkdir()
    shutil.copy(album / "a.jpg", away / "g.jpg")
    (album / "linked").symlink_to(away)
    assert summary(colourise(album, "-o", out, "--follow-symlinks")).startswith("1 coloured, 6 there already")
    assert "linked/g.jpg" in made(out)


def test_pipes_sockets_and_devices_are_named_and_never_opened(
    colourise: Colourise, album: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(album / "pipe.jpg")
    monkeypatch.chdir(album)  # sockets have short names
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
        (album / "null.tif").symlink_to("/dev/null")
        result = colourise(album, "-o", out)
    assert result.exit_code == 1
    assert (
        sum("is a pipe, a socket or a device, not a photo" in line for line in result.stderr.splitlines())
        == 3
    )
    assert summary(result).startswith("6 coloured, 3 failed")


def test_odd_names_are_printed_on_one_line(colourise: Colourise, album: Path, out: Path) -> None:
    for name in (b"new\nline.jpg", b"\x1b[31mred.jpg", b"K\xf6ln.jpg", b"x" * 250 + b".jpg"):
        (album / os.fsdecode(name)).write_text("no photo")
    result = colourise(album, "-o", out, "--json-lines")
    assert result.exit_code == 1
    *failed, last = result.stderr.splitlines()
    assert len(failed) == 4 and last.startswith("6 coloured, 4 failed")
    assert "\x1b" not in result.stderr and "new\\nline.jpg" in result.stderr and "K\\udcf6ln" in result.stderr
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(told) == 10
    assert {os.fsencode(one["source"]) for one in told} >= {os.fsencode(album / os.fsdecode(b"K\xf6ln.jpg"))}
    assert {one["result"] for one in told} == {"coloured", "failed"}


def test_a_report_is_written(colourise: Colourise, album: Path, out: Path, tmp_path: Path) -> None:
    (album / "bad.jpg").write_text("no photo")
    colourise(album, "-o", out, "--report", tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert page.count("<img") == 6
    assert "bad.jpg" in page and "not an image" in page
    assert colourise(album / "a.jpg", "--report", tmp_path / "report.html").exit_code == 2


# Watching


def test_what_arrives_in_a_watched_folder_is_coloured(album: Path, out: Path, tiny_model: Path) -> None:
    def eventually(condition: Callable[[], bool]) -> bool:
        end = time.monotonic() + 30
        while not condition() and time.monotonic() < end:
            time.sleep(0.05)
        return condition()

    photo = (album / "a.jpg").read_bytes()
    process = start(album, "-o", out, "--watch", "--model", tiny_model)
    try:
        assert eventually(lambda: len(placed(out)) == 6)
        time.sleep(0.5)  # until it listens
        with (album / "slow.jpg").open("wb") as slow:  # a scanner that takes its time
            for part in (photo[:200], photo[200:]):
                slow.write(part)
                slow.flush()
                (album / "deep" / "quick.jpg").write_bytes(photo)
                time.sleep(1)
                assert "slow.jpg" not in placed(out)
        (album / "notes.txt").write_text("no photo")
        assert eventually(lambda: {"slow.jpg", "deep/quick.jpg"} <= placed(out))
        assert eventually(lambda: rows(out)["slow.jpg"].result == "coloured")  # and written down at once
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, told.decode()
    assert len(made(out)) == 8
    assert b"failed" not in told and b"Traceback" not in told


# However it ends


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


def test_a_second_run_waits_for_the_first(colourise: Colourise, album: Path, out: Path) -> None:
    with Ledger(out) as ledger:
        assert ledger.hold(0)
        results: list[Result] = []
        other = threading.Thread(target=lambda: results.append(colourise(album, "-o", out)))
        other.start()
        time.sleep(0.5)
        assert not results and not placed(out)
        ledger.write([LedgerEntry(b"none", "none", "none", Stamp(0, 0), "", result="failed")])
    other.join(60)
    assert results[0].exit_code == 0
    assert results[0].stderr.startswith(f"waiting another run is at work in {out}\n")
    assert len(made(out)) == 6


# Side by side


def test_large_photos_wait_for_each_other() -> None:
    budget = Budget(100)
    inside, most, order = [0], [0], []
    lock = threading.Lock()

    def take(number: int, size: int) -> None:
        with budget.taken(size):
            with lock:
                order.append(number)
                inside[0] += min(size, 100)
                most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            with lock:
                inside[0] -= min(size, 100)

    sizes = [60, 500, 60, 30, 30, 30, 100, 10]  # one is larger than all there is
    threads = [threading.Thread(target=take, args=(number, size)) for number, size in enumerate(sizes)]
    for thread in threads:
        thread.start()
        time.sleep(0.002)
    for thread in threads:
        thread.join(10)
    assert most[0] <= 100
    assert order == list(range(8))  # first come, first served: the large one is not overtaken for ever
    assert budget.free == 100


def test_many_threads_share_one_batch() -> None:
    batches = []

    class Backend:
        name = "test"

        def predict_ab(self, L: np.ndarray) -> np.ndarray:
            batches.append(len(L))
            time.sleep(0.02)
            if (L < 0).any():
                raise ValueError("no such light")
            return np.repeat(L, 2, 1) + np.array([0, 1000], np.float32)[None, :, None, None]

    answers: dict[int, np.ndarray] = {}
    with SharedBackend(Backend()) as shared:

        def ask(number: int) -> None:
            answers[number] = shared.predict_ab(np.full((1, 1, 2, 2), number, np.float32))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        with pytest.raises(ValueError, match="no such light"):
            shared.predict_ab(np.full((1, 1, 2, 2), -1, np.float32))
        assert shared.predict_ab(np.zeros((1, 1, 2, 2), np.float32)).shape == (1, 2, 2, 2)
    assert all((answers[n][0, 0] == n).all() and (answers[n][0, 1] == n + 1000).all() for n in range(40))
    assert sum(batches[:-2]) == 40 and 1 < max(batches) <= AT_ONCE
