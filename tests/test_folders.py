"""From paths to jobs to outcomes: which photos are meant, and where their coloured versions go."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.photos import PHOTOS, pixels
from PIL import Image

from colourise import images
from colourise.archives.job import Outcome, PhotoJob, PhotoOptions
from colourise.archives.pending import find_pending
from colourise.archives.photo import write_coloured
from colourise.archives.plan import plan_jobs
from colourise.archives.run import run_jobs
from colourise.colouriser import Colouriser, load_model
from colourise.errors import PhotoError

PNG = PhotoOptions(format="png")


def colour_all(jobs: list[PhotoJob], colouriser: Colouriser, settings: PhotoOptions) -> list[Outcome]:
    """What the command line does with jobs, in their order."""
    todo, done = find_pending(jobs, {}, "", overwrite=settings.overwrite)
    outcomes = {outcome.job: outcome for outcome in [*done, *run_jobs(todo, colouriser, settings)]}
    return [outcomes[job] for job in jobs if job in outcomes]


@pytest.fixture
def colouriser(tiny_model: Path) -> Colouriser:
    return load_model(str(tiny_model))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*names: str) -> None:
    """Empty files, for `plan`, which only looks at names."""
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def targets(
    *paths: str, output: str | None = None, settings: PhotoOptions | None = None
) -> dict[str, tuple[str, ...]]:
    """Source to target (and sheet) of each job that is planned."""
    jobs = plan_jobs(map(Path, paths), Path(output) if output else None, settings or PhotoOptions()).jobs
    return {
        str(job.source): tuple(file.as_posix() for file in (job.target, job.sheet) if file) for job in jobs
    }


def test_without_an_output_each_photo_gets_a_neighbour(here: Path) -> None:
    make(
        "a.jpg",
        "b/c.TIFF",
        "b/noise",
        "b/moving.gif",
        "b/film.mp4",
        "b/notes.txt",
        "b/.hidden.jpg",
        ".x/d.jpg",
    )
    assert targets("a.jpg", "b") == {"a.jpg": ("a.colourised.jpg",), "b/c.TIFF": ("b/c.colourised.TIFF",)}
    assert targets("b/noise", "b/moving.gif") == {
        "b/noise": ("b/noise.colourised.png",),
        "b/moving.gif": ("b/moving.colourised.png",),
    }
    assert targets("a.jpg", settings=PNG) == {"a.jpg": ("a.colourised.png",)}


def test_one_photo_goes_to_a_file_or_a_folder(here: Path) -> None:
    make("a.jpg", "b/a.png", "there.png/x.jpg")
    assert targets("a.jpg", output="new.PNG") == {"a.jpg": ("new.PNG",)}
    assert targets("a.jpg", output="new") == {"a.jpg": ("new/a.jpg",)}
    assert targets("a.jpg", output="there.png") == {"a.jpg": ("there.png/a.jpg",)}
    assert targets("a.jpg", output="new", settings=PNG) == {"a.jpg": ("new/a.png",)}
    assert targets("a.jpg", output="new.png", settings=PNG) == {"a.jpg": ("new.png",)}


def test_a_tree_is_kept(here: Path) -> None:
    make("in/a.jpg", "in/b/c.jpg", "in/b/d/e.jpg")
    kept = {"in/a.jpg": "out/a.jpg", "in/b/c.jpg": "out/b/c.jpg", "in/b/d/e.jpg": "out/b/d/e.jpg"}
    assert targets("in", output="out") == {source: (target,) for source, target in kept.items()}
    os.chdir("in")
    assert targets(".", output="../out")["b/c.jpg"] == ("../out/b/c.jpg",)


def test_several_folders_keep_their_names(here: Path) -> None:
    make("box 1/001.jpg", "box 2/001.jpg", "box 2/deep/002.jpg", "003.jpg")
    found = targets("box 1", "box 2", "003.jpg", output="out")
    assert [target for (target,) in found.values()] == [
        "out/box 1/001.jpg",
        "out/box 2/001.jpg",
        "out/box 2/deep/002.jpg",
        "out/003.jpg",
    ]
    os.chdir("box 1")
    assert [target for (target,) in targets(".", "../box 2", output="out").values()][:2] == [
        "out/box 1/001.jpg",
        "out/box 2/001.jpg",
    ]


def test_a_photo_named_twice_is_one_job(here: Path) -> None:
    make("in/a.jpg", "in/b.jpg")
    assert len(targets("in/a.jpg", "in", "./in/a.jpg", str(here / "in" / "a.jpg"), output="out")) == 2


@pytest.mark.parametrize("paths", [["in"], ["in/a.jpg", "in/a.png", "in/a.tif"]])
def test_photos_that_would_share_a_target_do_not(here: Path, paths: list[str]) -> None:
    make("in/a.jpg", "in/a.png", "in/a.tif", "in/b.jpg")
    found = targets(*paths, output="out", settings=PhotoOptions(format="png", compare=True))
    assert found["in/a.jpg"] == ("out/a.jpg.png", "out/a.jpg.compare.jpg")
    assert found["in/a.png"] == ("out/a.png", "out/a.compare.jpg")
    assert found["in/a.tif"] == ("out/a.tif.png", "out/a.tif.compare.jpg")
    beside = targets(*paths, settings=PNG)
    assert beside["in/a.jpg"] == ("in/a.jpg.colourised.png",)
    assert beside["in/a.png"] == ("in/a.colourised.png",)
    plain = targets(*paths, output="out", settings=PhotoOptions(compare=True))
    assert plain["in/a.jpg"] == ("out/a.jpg", "out/a.jpg.compare.jpg")
    assert plain["in/a.png"] == ("out/a.png", "out/a.png.compare.jpg")


def test_names_meet_however_they_are_chosen(here: Path) -> None:
    names = ["a.jpg", "a.png", "a.PNG", "a.jpg.tif", "x/a.jpg", "y/a.jpg", "y/a-2.jpg"]
    make(*names)
    for settings in (PhotoOptions(), PNG):
        found = [target for (target,) in targets(*names, output="out", settings=settings).values()]
        assert len(set(found)) == len(names)
        beside = [target for (target,) in targets(*names, settings=settings).values()]
        assert len(set(beside)) == len(names)
        make(*beside)
        assert targets(".", settings=settings).keys() == set(names)  # none of them is taken for a photo
        for file in beside:
            Path(file).unlink()


def test_earlier_outputs_named_along_are_left_out(here: Path) -> None:
    make("a.jpg", "a.colourised.jpg", "a.colourised.png", "a.colourised.compare.jpg", "b.colourised.jpg")
    everything = sorted(path.name for path in here.iterdir())
    assert targets(*everything).keys() == {"a.jpg", "b.colourised.jpg"}
    assert targets("a.colourised.jpg").keys() == {"a.colourised.jpg"}  # this one is meant


@pytest.mark.parametrize(
    ("paths", "output", "settings"),
    [
        (["in/a.jpg"], "in/a.jpg", PhotoOptions(overwrite=True)),
        (["in/a.jpg"], "in", PhotoOptions(overwrite=True)),
        (["in"], "in", PhotoOptions(overwrite=True)),
        (["in"], "in/../in", PhotoOptions(overwrite=True)),
        (["in/a.png", "in/a.jpg"], "in", PhotoOptions(format="png", overwrite=True)),
        (["in/a.png", "in/a.jpg"], "link", PhotoOptions(format="png", overwrite=True)),
    ],
)
def test_no_photo_is_written_over(here: Path, paths: list[str], output: str, settings: PhotoOptions) -> None:
    make("in/a.jpg", "in/a.png")
    Path("link").symlink_to("in")
    with pytest.raises(PhotoError, match="would be written over"):
        plan_jobs(map(Path, paths), Path(output), settings)


@pytest.mark.parametrize(
    ("paths", "output", "message"),
    [
        (["in"], "out.jpg", "out.jpg: is the name of one file"),
        (["in/a.jpg", "in/b.jpg"], "out.jpg", "out.jpg: is the name of one file"),
        (["in/a.jpg", "in/b.jpg"], "in/b.jpg", "in/b.jpg: is the name of one file"),
        (["in/a.jpg"], "in/b.jpg/out/deep", "b.jpg: is a file, not a folder"),
    ],
)
def test_outputs_that_cannot_be(here: Path, paths: list[str], output: str, message: str) -> None:
    make("in/a.jpg", "in/b.jpg")
    with pytest.raises(PhotoError, match=message):
        plan_jobs(map(Path, paths), Path(output), PhotoOptions())


def test_folders_without_photos_are_told_and_the_rest_goes_on(here: Path) -> None:
    make("in/a.jpg", "notes/b.txt", "out/c.jpg")
    plan = plan_jobs(map(Path, ("notes", "in")), None, PhotoOptions())
    assert [job.source for job in plan.jobs] == [Path("in/a.jpg")]
    assert plan.refused == ["notes: no photos in this folder"]
    alone = plan_jobs([Path("notes")], None, PhotoOptions())
    assert (alone.jobs, alone.refused) == ([], plan.refused)


def test_films_in_folders_are_told_but_not_those_that_we_made(here: Path) -> None:
    make(
        "in/a.jpg", "in/b/c.MP4", "in/d.mkv", "in/d.colourised.mkv", "in/d.colourised.compare.mkv", "in/e.txt"
    )
    make("in/d.preview.mkv", "in/d.colourised.part.mkv")
    plan = plan_jobs([Path("in")], None, PhotoOptions())
    assert ([job.source for job in plan.jobs], plan.refused) == ([Path("in/a.jpg")], [])
    assert plan.films == ["in/d.mkv", "in/b/c.MP4"]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may open every folder")
def test_a_locked_folder_is_told(here: Path) -> None:
    make("in/a.jpg", "in/locked/b.jpg")
    Path("in/locked").chmod(0)
    try:
        plan = plan_jobs([Path("in")], None, PhotoOptions())
    finally:
        Path("in/locked").chmod(0o755)
    assert [job.source for job in plan.jobs] == [Path("in/a.jpg")]
    assert plan.refused == ["in/locked: this folder cannot be opened (Permission denied)"]


def test_links_that_run_in_circles_end(here: Path) -> None:
    make("in/a.jpg")
    Path("in/again").symlink_to("..")
    assert targets("in").keys() == {"in/a.jpg"}


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


def test_a_target_that_cannot_be_written_leaves_nothing(
    photo: Path, colouriser: Colouriser, tmp_path: Path
) -> None:
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    long = tmp_path / f"{'x' * 250}.colourised.jpg"
    jobs = [
        PhotoJob(photo, folder, named=False),
        PhotoJob(photo, long, named=False),
        PhotoJob(photo, photo / "a.jpg", named=True),
    ]
    outcomes = colour_all(jobs, colouriser, PhotoOptions(overwrite=True))
    assert [outcome.result for outcome in outcomes] == ["failed"] * 3
    assert all("\n" not in outcome.reason for outcome in outcomes)
    assert "File name too long" in colour_all(jobs[1:2], colouriser, PhotoOptions())[0].reason
    assert sorted(tmp_path.iterdir()) == [folder, photo]


def test_a_picture_that_pillow_cannot_write_streams_as_png(colouriser: Colouriser, tmp_path: Path) -> None:
    Image.open(PHOTOS / "camera.png").save(tmp_path / "moving.gif")
    with (tmp_path / "stream").open("wb") as stream:
        write_coloured((tmp_path / "moving.gif").read_bytes(), stream, colouriser, PhotoOptions())
    assert (tmp_path / "stream").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("depth", [8, 16])
def test_a_before_after_picture_of_a_large_scan_is_small(
    colouriser: Colouriser, tmp_path: Path, depth: int
) -> None:
    scan = np.linspace(0, 2**depth - 1, 3000 * 700).reshape(700, 3000).astype(f"uint{depth}")
    images.write(images.Photo(scan, None, "TIFF"), tmp_path / "scan.tif")
    jobs = plan_jobs([tmp_path], tmp_path / "out", PhotoOptions(compare=True)).jobs
    (outcome,) = colour_all(jobs, colouriser, PhotoOptions(compare=True))
    assert outcome.result == "coloured", outcome.reason
    sheet = pixels(tmp_path / "out" / "scan.compare.jpg")
    assert sheet.shape == (478, 2 * 2048, 3)
    assert np.abs(sheet[:, :2048].astype(int) - sheet[:, :2048].mean(2, keepdims=True)).max() < 12  # grey
    assert np.ptp(sheet[:, 2048:].astype(int), axis=2).max() > 20
