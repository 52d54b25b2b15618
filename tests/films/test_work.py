"""Runs that failed, were stopped or killed are continued."""

import hashlib
import re
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import pan, read, write
from helpers.commands import start
from helpers.films import Colourise, each, job, leftovers, stop_at

from colourise.colouriser import Colouriser
from colourise.errors import FilmError
from colourise.files.atomic import part_prefix
from colourise.films.colouring import colour_job
from colourise.films.events import FilmProgress
from colourise.films.work import WorkFolder


def test_a_run_that_failed_goes_on_to_the_same_film(long: Path, colouriser: Colouriser) -> None:
    colour_job(job(long, "a.mkv"), colouriser)

    def fail(progress: FilmProgress) -> None:
        if progress.done == 70:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        colour_job(job(long, "b.mkv"), colouriser, on_event=each(fail))
    assert not long.with_name("b.mkv").exists()
    assert len(leftovers(long.parent)) == 1
    seen: list[int] = []
    made = colour_job(job(long, "b.mkv"), colouriser, on_event=each(lambda now: seen.append(now.done)))
    assert made.frames == 100
    assert seen[0] > 60
    assert leftovers(long.parent) == []
    times, pictures = read(long.with_name("b.mkv"))
    assert len(times) == 100
    assert all(map(np.array_equal, pictures, read(long.with_name("a.mkv"))[1]))


def test_other_options_begin_anew(long: Path, colouriser: Colouriser) -> None:
    stop = threading.Event()
    colour_job(job(long, "b.mp4"), colouriser, on_event=stop_at(40, stop), stop=stop)
    seen: list[int] = []
    made = colour_job(
        job(long, "b.mp4", deinterlace=True), colouriser, on_event=each(lambda now: seen.append(now.done))
    )
    assert seen[0] == 1
    assert any("was begun anew" in note for note in made.notes)


def test_two_runs_on_one_film_do_not_meet(long: Path, colouriser: Colouriser) -> None:
    one = job(long, "b.mp4")
    with (
        WorkFolder(one.target, "how", one.film, one.options.encoding),
        pytest.raises(FilmError, match="another run"),
    ):
        colour_job(one, colouriser)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_after_a_signal_the_same_command_goes_on(
    tmp_path: Path, tiny_model: Path, how: signal.Signals
) -> None:
    frames = pan("coffee.jpg", 600, step=(0.2, 0.1))
    source = write(tmp_path / "a.mp4", frames, options={"preset": "ultrafast"})
    arguments = (source, "-o", tmp_path / "b.mp4", "--model", tiny_model, "--preset", "ultrafast")
    process = start(*arguments)
    until = time.monotonic() + 60
    while not list(tmp_path.glob(".colourise-*/000000.npz")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(how)
    _, told = process.communicate(timeout=60)
    assert not (tmp_path / "b.mp4").exists()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert b"b.part.mp4 has the first" in told
        assert 240 <= len(read(tmp_path / "b.part.mp4")[0]) < 600
    with start(*arguments) as again:
        _, told = again.communicate(timeout=60)
    assert again.returncode == 0
    assert b"600 frames" in told
    assert read(tmp_path / "b.mp4")[0] == read(source)[0]
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "b.part.mp4").exists()


def test_a_segment_that_is_not_whole_is_made_again(long: Path, colouriser: Colouriser) -> None:
    stop = threading.Event()
    colour_job(job(long, "b.mp4"), colouriser, on_event=stop_at(70, stop), stop=stop)
    *_, last = sorted(long.parent.glob(".colourise-*/*.npz"))
    last.write_bytes(last.read_bytes()[:100])
    assert colour_job(job(long, "b.mp4"), colouriser).complete
    assert read(long.with_name("b.mp4"))[0] == read(long)[0]


def test_the_folder_of_a_half_made_film_is_laid_out_as_in_version_0_1(
    long: Path, colouriser: Colouriser
) -> None:
    stop = threading.Event()
    colour_job(job(long, "b.mp4"), colouriser, on_event=stop_at(30, stop), stop=stop)
    (folder,) = long.parent.glob(".*")
    assert folder.name == f".colourise-{hashlib.sha256(b'b.mp4').hexdigest()[:16]}-film"
    names = {path.name for path in folder.iterdir()} - {"lock"}
    assert names >= {"how.json", "part", "000000.mkv", "000000.npz"}
    assert all(name in ("how.json", "part") or re.fullmatch(r"00000\d\.(mkv|npz)", name) for name in names)
    with np.load(folder / "000000.npz") as stored:
        times = {"pts", "dts", "duration"}
        assert set(stored) == {"last", *times, "carried", "L", "seen", "since", "known", "scenes"}
        assert {stored[name].dtype for name in times} == {np.dtype(np.int64)}


def test_a_film_that_goes_on_counts_the_scenes_of_earlier_runs(long: Path, colouriser: Colouriser) -> None:
    whole = colour_job(job(long, "a.mp4"), colouriser)
    stop = threading.Event()
    first = colour_job(job(long, "b.mp4"), colouriser, on_event=stop_at(70, stop), stop=stop)
    assert first.scenes == whole.scenes == 2
    assert colour_job(job(long, "b.mp4"), colouriser).scenes == 2


def work_folder(target: Path) -> Path:
    return target.with_name(f"{part_prefix(target.name)}film")


def test_a_link_in_the_place_of_the_work_folder_is_not_followed(
    colourise: Colourise, film: Path, tmp_path: Path
) -> None:
    (docs := tmp_path / "docs").mkdir()
    for name in ("how.json", "letter.txt", "000000.mkv"):
        (docs / name).write_text("mine")
    work_folder(tmp_path / "b.mp4").symlink_to(docs)
    result = colourise(film, "-o", tmp_path / "b.mp4")
    assert result.exit_code == 1
    assert "is none of ours; remove it, or choose another output" in " ".join(result.stderr.split())
    assert {path.name: path.read_text() for path in docs.iterdir()} == dict.fromkeys(
        ("how.json", "letter.txt", "000000.mkv"), "mine"
    )


@pytest.mark.parametrize("name", ["how.json", "lock", "part", "000000.mkv", "000000.npz", "000007.mkv"])
@pytest.mark.parametrize("dangling", [False, True])
def test_no_link_in_the_work_folder_is_followed(
    colourise: Colourise, film: Path, tmp_path: Path, name: str, dangling: bool
) -> None:
    letter = tmp_path / "letter.txt"
    if not dangling:
        letter.write_text("mine")
    work_folder(tmp_path / "b.mp4").mkdir()
    (work_folder(tmp_path / "b.mp4") / name).symlink_to(letter)
    result = colourise(film, "-o", tmp_path / "b.mp4")
    assert result.exit_code == 1
    assert "is none of ours" in " ".join(result.stderr.split())
    assert letter.exists() != dangling
    assert dangling or letter.read_text() == "mine"


def test_files_of_others_in_the_work_folder_stay(colourise: Colourise, film: Path, tmp_path: Path) -> None:
    folder = work_folder(tmp_path / "b.mp4")
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    assert colourise(film, "-o", tmp_path / "b.mp4").exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("overwrite", [[], ["--overwrite"]])
@pytest.mark.parametrize("name", ["b.mp4", "b.compare.mp4"])
@pytest.mark.parametrize("dangling", [False, True])
def test_an_output_that_is_a_link_is_refused(
    colourise: Colourise, film: Path, tmp_path: Path, overwrite: list[str], name: str, dangling: bool
) -> None:
    letter = tmp_path / "letter.mp4"
    if not dangling:
        letter.write_text("mine")
    (tmp_path / name).symlink_to(letter)
    result = colourise(film, "-o", tmp_path / "b.mp4", "--compare", *overwrite)
    assert result.exit_code == 1
    assert "is a link, and none is followed" in " ".join(result.stderr.split())
    assert letter.exists() != dangling


@pytest.mark.parametrize("name", ["b.mp4", "b.part.mp4"])
def test_a_link_that_comes_while_a_film_is_coloured_is_not_followed(
    long: Path, colouriser: Colouriser, name: str
) -> None:
    stop = threading.Event()
    letter = long.with_name("letter.mp4")

    def plant(progress: FilmProgress) -> None:
        if progress.done == 30:
            long.with_name(name).symlink_to(letter)
            if "part" in name:
                stop.set()

    with pytest.raises(FilmError, match="is a link"):
        colour_job(job(long, "b.mp4"), colouriser, on_event=each(plant), stop=stop)
    assert not letter.exists()
    long.with_name(name).unlink()
    assert colour_job(job(long, "b.mp4"), colouriser).complete
