"""Folders on the command line: names that are printed, and the page of --report."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.commands import shell
from helpers.files import files_below, spread
from helpers.photos import PHOTOS, black_and_white, pixels
from PIL import Image
from typer.testing import Result
from upath import UPath

Colourise = Callable[..., Result]
CASES = Path(__file__).parent.parent / "cases"


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


def test_a_folder_of_jpeg_2000_and_gif_is_coloured(colourise: Colourise, tmp_path: Path) -> None:
    """They were passed over in silence."""
    album, out = CASES / "jp2-in-folder", tmp_path / "out"
    result = colourise(album, "-o", out)
    assert (result.exit_code, files_below(out)) == (0, ["1.png", "2.png", "3.png", "4.png"])
    assert result.stderr.startswith("4 coloured")
    for made, source in (("1.png", "1.jp2"), ("3.png", "3.gif")):
        with Image.open(album / source) as before, Image.open(out / made) as after:
            assert after.size == before.size
        assert spread(pixels(out / made)) > 20
    assert colourise(album, "-o", tmp_path / "some", "--include", "*.png").exit_code == 0
    assert files_below(tmp_path / "some") == ["4.png"]


def test_pictures_that_cannot_be_read_are_named_by_kind(
    colourise: Colourise, album: Path, out: Path, tmp_path: Path
) -> None:
    for name in ("r.dng", "s.DNG", "deep/t.dng", "u.psd", "v.dcx", "notes.txt", "Thumbs.db", "w.flc"):
        (album / name).touch()
    page = tmp_path / "report.html"
    result = colourise(album, "-o", out, "--report", page)
    film, others, last = result.stderr.splitlines()
    assert result.exit_code == 0
    assert film == "left alone a film; --films colours films in folders too"
    told = "3 .dng, 1 .dcx, 1 .psd"
    assert others == f"left alone {told}; these formats cannot be read: save them as TIFF or PNG first"
    assert last.startswith("6 coloured, 6 left alone (")
    for name in ("r.dng", "s.DNG", "t.dng", "u.psd", "v.dcx", "w.flc"):
        assert f">{name}</a>" in page.read_text()
    planned = colourise(album, "-o", out, "--dry-run")
    assert told in planned.stderr
    assert "left alone" not in colourise(album, "-o", out, "--quiet").stderr
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "x.dng").touch()
    alone = colourise(tmp_path / "raw", "-o", out)
    assert alone.exit_code == 1
    assert "no photos in this folder" in alone.stderr and "left alone 1 .dng" in alone.stderr


def test_films_and_pictures_in_a_store_are_named(colourise: Colourise, bucket: UPath, out: Path) -> None:
    for name in ("a.jp2", "a.j2k", "b.dng", "c.mp4"):
        (bucket / "album" / name).write_bytes((CASES / "jp2-in-folder" / "1.jp2").read_bytes())
    result = colourise(bucket / "album", "-o", out)
    assert result.exit_code == 0
    assert "left alone a film; copy each to a disk, and name it by itself" in result.stderr
    assert "left alone 1 .dng; these formats" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("2 coloured, 2 left alone")


def test_retrying_counts_what_was_never_done_apart(colourise: Colourise, album: Path, out: Path) -> None:
    (album / "a.jpg").write_text("no photo")
    assert (
        colourise(album, "-o", out, "--limit", "3")
        .stderr.splitlines()[-1]
        .startswith("2 coloured, 1 failed, 3 left for later")
    )
    (out / "deep").mkdir(exist_ok=True)
    again = colourise(album, "-o", out, "--retry-failed")
    assert again.stderr.splitlines()[-1].startswith("0 coloured, 2 there already, 1 failed, 3 left for later")
    (out / "b.jpg").unlink()
    third = colourise(album, "-o", out, "--retry-failed")
    assert third.stderr.splitlines()[-1].startswith("0 coloured, 1 there already, 1 failed, 4 left for later")


def test_an_empty_path_is_not_the_current_folder(
    colourise: Colourise, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    before = files_below(tree)
    assert colourise("").exit_code == 2
    assert colourise("chelsea.jpg", "-o", "").exit_code == 2
    assert files_below(tree) == before


def test_a_folder_that_is_called_like_a_command(
    colourise: Colourise, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    (tree / "1921").rename(tree / "train")
    assert colourise("./train").exit_code == 0
    assert (tree / "train" / "camera.colourised.png").exists()
    assert colourise("train/", "-o", "out").exit_code == 0  # as the shell completes it
    (tree / "train").rename(tree / "Train")
    assert colourise("Train", "-o", "other").exit_code == 0


def test_photos_and_folders_at_once(colourise: Colourise, tree: Path, photo: Path) -> None:
    (photo.parent / "astronaut.jpg").write_bytes(black_and_white("astronaut.jpg"))
    result = colourise(photo, tree / "1921", photo.parent / "astronaut.jpg", "-o", tree / "out")
    assert result.exit_code == 0
    assert files_below(tree / "out") == [
        "1921/Köln/Straße am Dom.jpg",
        "1921/Köln/coffee.JPG",
        "1921/camera.png",
        "astronaut.jpg",
        "photo.jpg",
    ]
    assert result.stderr == "5 coloured (ONNX Runtime on the CPU)\n"


def test_a_tree_is_kept_and_a_second_run_goes_on(colourise: Colourise, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "deeper"
    assert colourise(tree, "-o", out).exit_code == 0
    names = ["1921/Köln/Straße am Dom.jpg", "1921/Köln/coffee.JPG", "1921/camera.png", "chelsea.jpg"]
    assert files_below(out) == names
    assert all(spread(pixels(out / name)) > 20 for name in names)

    (out / "chelsea.jpg").unlink()
    (out / "1921" / "camera.png").write_text("whatever the user put here")
    result = colourise(tree, "-o", out)
    assert result.exit_code == 0
    note, summary = result.stderr.splitlines()
    assert note.startswith("note ") and "was changed by somebody else and is left alone" in note
    assert summary == "1 coloured, 3 there already (ONNX Runtime on the CPU)"
    assert (out / "1921" / "camera.png").read_text() == "whatever the user put here"
    assert colourise(tree, "-o", out, "--overwrite").exit_code == 0
    assert spread(pixels(out / "1921" / "camera.png")) > 20


def test_a_folder_is_coloured_in_place_and_its_outputs_never_again(colourise: Colourise, tree: Path) -> None:
    assert colourise(tree, "--compare").exit_code == 0
    once = files_below(tree)
    assert "1921/camera.colourised.png" in once
    assert "1921/camera.colourised.compare.jpg" in once
    result = colourise(tree, "--compare")
    assert (result.exit_code, files_below(tree)) == (0, once)
    assert "4 there already" in result.stderr
    assert colourise(tree, "--overwrite").exit_code == 0
    assert files_below(tree) == once


def test_an_output_folder_inside_the_tree_is_not_walked(colourise: Colourise, tree: Path) -> None:
    for _ in range(2):
        assert colourise(tree, "-o", tree / "coloured", "--overwrite").exit_code == 0
    assert len(files_below(tree / "coloured")) == 4


def test_a_folder_with_broken_files(colourise: Colourise, tree: Path, tmp_path: Path) -> None:
    (tree / "empty.jpg").touch()
    (tree / "1921" / "text.png").write_text("not a picture")
    (tree / "1921" / "cut.jpg").write_bytes((PHOTOS / "rocket.jpg").read_bytes()[:9000])
    (tree / "gone.tif").symlink_to("nowhere")
    (tree / "none").mkdir()
    out = tmp_path / "out"
    result = colourise(tree, "-o", out)
    assert result.exit_code == 1
    assert len(files_below(out)) == 4  # no temporary file either
    *failed, summary = result.stderr.splitlines()
    assert sorted(line.split(": ")[0] for line in failed) == sorted(
        f"failed {tree / name}" for name in ("empty.jpg", "gone.tif", "1921/cut.jpg", "1921/text.png")
    )
    assert all(len(line.split(": ")[1]) > 10 for line in failed)  # the reason
    assert summary == "4 coloured, 4 failed (ONNX Runtime on the CPU)"
    assert result.stdout == ""


def test_quiet_says_nothing_but_failures(colourise: Colourise, tree: Path, photo: Path) -> None:
    frames = [Image.new("L", (40, 30), level) for level in (90, 160)]
    frames[0].save(tree / "animated.webp", save_all=True, append_images=frames[1:])
    assert colourise(photo, "--quiet").output == ""
    assert colourise(tree, "-q").output == ""
    assert colourise("-", "-q", "-o", tree / "x.png", stdin=photo.read_bytes()).output == ""
    (tree / "empty.jpg").touch()
    assert colourise(tree, "-q").output.splitlines() == [
        f"failed {tree / 'empty.jpg'}: empty (0 bytes); copy it again from its source"
    ]


def test_names_with_spaces_umlauts_and_signs_of_our_own(
    colourise: Colourise, tiny_model: Path, tmp_path: Path
) -> None:
    names = ["Großmutter & Ich.jpg", "写真 1.jpg", ":cat: [red]x[bold].jpg", "-dash.jpg", "100%.jpg"]
    names.append(os.fsdecode(b"k\xf6ln.jpg"))  # Latin-1, from an old disk
    for name in names:
        (tmp_path / name).write_bytes(black_and_white("chelsea.jpg"))
    assert colourise(tmp_path, "-o", tmp_path / "out").exit_code == 0
    assert files_below(tmp_path / "out") == sorted(names)
    for name in names[:3]:
        assert f"{name.removesuffix('.jpg')}.colourised.jpg" in colourise(tmp_path / name).stderr
    code, out, told = shell("--model", tiny_model, "--", *names[3:], cwd=tmp_path)
    assert (code, out, told) == (0, b"", "3 coloured (ONNX Runtime on the CPU)\n")
    assert (tmp_path / "-dash.colourised.jpg").exists()


def test_a_wildcard_twice_is_not_coloured_twice(
    colourise: Colourise, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    assert colourise(*sorted(tree.glob("*.jpg")), "--compare").exit_code == 0
    once = files_below(tree)
    assert colourise(*sorted(tree.glob("*.jpg")), "--overwrite").exit_code == 0
    assert colourise(*sorted(tree.glob("*.jpg")), "-o", "out").exit_code == 0
    assert files_below(tree) == sorted([*once, "out/chelsea.jpg"])


def test_films_in_folders(colourise: Colourise, film: Path, album: Path, out: Path) -> None:
    (album / "deep").joinpath("film.mp4").write_bytes(film.read_bytes())
    (album / "broken.avi").write_bytes(b"no film at all")
    assert "left alone 2 films; --films colours films in folders too" in colourise(album).stderr
    planned = colourise(album, "-o", out, "--films", "--dry-run")
    assert f"{album / 'deep' / 'film.mp4'} -> {out / 'deep' / 'film.mp4'} (a film)\n" in planned.stdout
    assert planned.stderr == "6 to colour, 0 there already; films: 2 to colour, 0 there already\n"

    result = colourise(album, "-o", out, "--films", "--crf", "40", "--end", "0.1")
    failed, coloured, last = result.stderr.splitlines()
    assert result.exit_code == 1
    assert failed.startswith(f"failed {album / 'broken.avi'}: damaged")
    assert coloured.startswith(f"coloured {out / 'deep' / 'film-to-0.1s.mp4'} (")
    assert last.startswith("6 coloured, films: 1 coloured, 1 failed (")
    page = out.with_name("page.html")
    again = colourise(album, "-o", out, "--films", "--exclude", "*.avi", "--end", "0.1", "--report", page)
    assert "film.mp4" in page.read_text()
    assert again.exit_code == 0
    assert again.stderr.startswith("0 coloured, 6 there already, films: 1 there already (")
    assert "1 not done" not in colourise(album, "-o", out, "--films", "--include", "*.jpg").stderr

    (out / "linked").symlink_to(out.parent)
    (album / "linked").mkdir()
    (album / "linked" / "film.mp4").write_bytes(film.read_bytes())
    behind = colourise(album, "-o", out, "--films", "--include", "linked/*")
    assert (behind.exit_code, "is a link, through which nothing is written" in behind.stderr) == (1, True)
    assert not (out.parent / "film-to-0.1s.mp4").exists()


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which none can be made")
def test_an_output_folder_that_cannot_be_made(colourise: Colourise, album: Path, film: Path) -> None:
    for source in (album, album / "a.jpg", film):
        result = colourise(source, "-o", "/proc/none/out/")
        assert result.exit_code == 1
        told = r"/proc/none(/out)?: the output folder cannot be made \(.+\); choose another\n"
        assert re.fullmatch(rf"(error|failed) {told}", result.stderr)


def test_a_folder_of_films_alone(colourise: Colourise, film: Path) -> None:
    for name in (film.name, "film.colourised.mp4"):
        folder = film.with_name("alone")
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(film.read_bytes())
    result = colourise(folder, "--films")
    assert (result.exit_code, result.stderr.startswith("0 coloured, films: 1 there already (")) == (0, True)
    assert colourise(folder).exit_code == 1
    assert "--films does not go with --watch" in colourise(folder, "--films", "--watch").stderr
