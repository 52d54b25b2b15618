"""From paths to jobs: which photos there are, and where their coloured versions go."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.archives import made, make, summary, targets
from typer.testing import Result

from colourise.archives.job import PhotoOptions
from colourise.archives.plan import plan_jobs
from colourise.archives.selection import Selection

PNG = PhotoOptions(format="png")


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
    assert targets("a.jpg", "b") == {
        "a.jpg": ("a.colourised.jpg",),
        "b/c.TIFF": ("b/c.colourised.TIFF",),
        "b/moving.gif": ("b/moving.colourised.png",),
    }
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


def test_photos_that_can_only_be_read_become_png(here: Path) -> None:
    make("in/a.jp2", "in/a.png", "in/b.J2K", "in/c.gif", "in/d.colourised.gif", "in/a.tif")
    assert targets("in", output="out") == {
        "in/a.jp2": ("out/a.jp2.png",),
        "in/a.png": ("out/a.png",),
        "in/a.tif": ("out/a.tif",),
        "in/b.J2K": ("out/b.png",),
        "in/c.gif": ("out/c.png",),
    }


def test_pictures_that_cannot_be_read_are_found_and_other_files_are_not(here: Path) -> None:
    make("in/a.jpg", "in/b/c.DNG", "in/d.psd", "in/e.pgm", "in/.hidden.dng", "in/notes.txt", "in/Thumbs.db")
    make("in/a.xml", "in/a.xmp", "in/Makefile", "in/dng")
    found = plan_jobs([Path("in")], Path("out"), PhotoOptions())
    assert found.unreadable == ["in/d.psd", "in/e.pgm", "in/b/c.DNG"]
    chosen = plan_jobs([Path("in")], Path("out"), PhotoOptions(), Selection(include=("*.DNG",)))
    assert (chosen.unreadable, chosen.jobs) == (["in/b/c.DNG"], [])
    left = plan_jobs([Path("in")], Path("out"), PhotoOptions(), Selection(exclude=("b/*",)))
    assert left.unreadable == ["in/d.psd", "in/e.pgm"]


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


Colourise = Callable[..., Result]


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
