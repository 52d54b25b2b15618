"""Photos that have colour already: left alone in folders, coloured when named, as the options say."""

import json
import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from helpers.archives import made, rows, summary
from helpers.photos import PHOTOS, black_and_white
from typer.testing import Result

from colourise import ColouriseError, colour_folder, colour_photo, load_model
from colourise.archives import PhotoOptions, archive, colour_photo as colour_one
from colourise.archives.events import Event, PhotoEnded, Summary
from colourise.archives.ledger import Ledger

Colourise = Callable[..., Result]
REPLACED = "has colour already; its own colours are replaced"


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two photos in colour, and two that are not."""
    album = tmp_path / "album"
    (album / "deep").mkdir(parents=True)
    shutil.copy(PHOTOS / "coffee.jpg", album / "colour.jpg")
    shutil.copy(PHOTOS / "rocket.jpg", album / "deep" / "colour too.jpg")
    (album / "grey.jpg").write_bytes(black_and_white("chelsea.jpg"))
    (album / "deep" / "grey.jpg").write_bytes(black_and_white("coffee.jpg"))
    return album


def test_they_are_left_alone_in_a_folder_and_named(colourise: Colourise, album: Path, out: Path) -> None:
    result = colourise(album, "-o", out)
    assert result.exit_code == 0
    assert made(out).keys() == {"grey.jpg", "deep/grey.jpg"}
    named, last = result.stderr.splitlines()
    assert named.startswith("left alone 2 photos that have colour already: ")
    assert {f"{album / 'colour.jpg'}", f"{album / 'deep' / 'colour too.jpg'}"} == set(
        named.removesuffix("; --colour-photos recolour colours them").partition(": ")[2].split(", ")
    )
    assert last.startswith("2 coloured, 2 in colour (")
    assert {row.result for row in rows(out).values()} == {"coloured", "left alone"}


def test_they_stay_so_until_asked_for(colourise: Colourise, album: Path, out: Path) -> None:
    colourise(album, "-o", out)
    before = made(out)
    for more in ([], ["--retry-failed"], ["--overwrite"], ["--saturation", "0.9"]):
        result = colourise(album, "-o", out, *more)
        assert "2 photos that have colour already" in result.stderr
        assert ", 2 in colour (" in summary(result)
        assert made(out).keys() == before.keys()
    dry = colourise(album, "-o", out, "--saturation", "0.9", "--colour-photos", "recolour", "--dry-run")
    assert dry.stdout.count("has colour, and was left alone before") == 2
    result = colourise(album, "-o", out, "--saturation", "0.9", "--colour-photos", "recolour")
    assert summary(result).startswith("2 coloured, 2 there already (")
    assert result.stderr.count(REPLACED) == 2
    assert made(out).keys() == {"grey.jpg", "deep/grey.jpg", "colour.jpg", "deep/colour too.jpg"}
    assert summary(colourise(album, "-o", out, "--saturation", "0.9")).startswith("0 coloured, 4 there")


def test_a_photo_that_lost_its_colours_is_coloured(colourise: Colourise, album: Path, out: Path) -> None:
    colourise(album, "-o", out)
    (album / "colour.jpg").write_bytes(black_and_white("coffee.jpg"))
    assert summary(colourise(album, "-o", out)).startswith("1 coloured, 2 there already, 1 in colour (")


def test_a_file_that_somebody_put_in_its_place_stays(colourise: Colourise, album: Path, out: Path) -> None:
    colourise(album, "-o", out)
    (out / "colour.jpg").write_text("mine")
    result = colourise(album, "-o", out, "--colour-photos", "recolour")
    assert f"{out / 'colour.jpg'} was changed by somebody else" in result.stderr
    assert (out / "colour.jpg").read_text() == "mine"


def test_many_are_counted_and_a_few_named(colourise: Colourise, tmp_path: Path) -> None:
    for name in "abcde":
        shutil.copy(PHOTOS / "coffee.jpg", tmp_path / f"{name}.jpg")
    result = colourise(tmp_path, "--workers", "1")
    assert result.exit_code == 0
    assert "left alone 5 photos that have colour already: " in result.stderr
    assert " and 2 more; --colour-photos recolour" in result.stderr
    assert colourise(tmp_path, "-q").output == ""


def test_a_photo_that_is_named_is_coloured_with_a_note(colourise: Colourise, album: Path) -> None:
    result = colourise(album / "colour.jpg")
    note, coloured = result.stderr.splitlines()
    assert note == f"note {album / 'colour.jpg'}: {REPLACED}"
    assert coloured == f"coloured {album / 'colour.colourised.jpg'}"
    assert REPLACED not in colourise(album / "grey.jpg").stderr


def test_a_named_photo_can_be_left_alone(colourise: Colourise, album: Path) -> None:
    result = colourise(album / "colour.jpg", "--colour-photos", "leave")
    assert result.exit_code == 0
    assert result.stderr == (
        f"left alone 1 photo that has colour already: {album / 'colour.jpg'}; "
        "--colour-photos recolour colours it\n"
    )
    assert not (album / "colour.colourised.jpg").exists()


def test_they_are_lines_of_json(colourise: Colourise, album: Path, out: Path) -> None:
    result = colourise(album, "-o", out, "--json-lines", "--colour-photos", "leave")
    told = {Path(line["source"]).name: line for line in map(json.loads, result.stdout.splitlines())}
    assert told["colour.jpg"]["result"] == "left alone"
    assert told["colour.jpg"]["reason"] == "has colour already"
    assert told["grey.jpg"]["result"] == "coloured"


def test_python_names_them_too(album: Path, out: Path, tiny_model: Path) -> None:
    events: list[Event] = []
    total = colour_folder(album, out, model=str(tiny_model), on_event=events.append)
    assert (total.coloured, total.left, total.complete) == (2, 0, True)
    assert {Path(photo).name for photo in total.in_colour} == {"colour.jpg", "colour too.jpg"}
    ended = [event.outcome for event in events if isinstance(event, PhotoEnded)]
    assert sorted(outcome.result for outcome in ended) == ["coloured"] * 2 + ["left alone"] * 2
    assert colour_folder(album, out, model=str(tiny_model), colour_photos="recolour").coloured == 2
    result = colour_photo(album / "colour.jpg", BytesIO(), model=str(tiny_model))
    assert result.notes == (REPLACED,)


def test_python_can_refuse_them(album: Path, tiny_model: Path) -> None:
    options = PhotoOptions(colour_photos="leave")
    photo = (album / "colour.jpg").read_bytes()
    for source, target in ((album / "colour.jpg", None), (photo, BytesIO())):
        with pytest.raises(ColouriseError, match="has colour already; --colour-photos recolour"):
            colour_one(source, target, model=str(tiny_model), options=options)
    assert not (album / "colour.colourised.jpg").exists()


def test_a_watched_folder_without_a_ledger_looks_at_them_once(album: Path, tiny_model: Path) -> None:
    seen: list[Event] = []
    watched = archive.Archive(
        paths=[album],
        output=None,
        options=PhotoOptions(),
        selection=archive.Selection(),
        limit=None,
        retry_failed=False,
        dry_run=False,
        films=None,
        report=None,
        table=None,
        on_event=seen.append,
        ledger=None,
        colouriser=load_model(str(tiny_model)),
        run=archive.run_jobs,
    )
    assert len(watched.colour_round(0).in_colour) == 2
    seen.clear()
    assert watched.colour_round(1) == Summary(skipped=2)
    assert not any(isinstance(event, PhotoEnded) for event in seen)
    shutil.copy(PHOTOS / "astronaut.jpg", album / "colour.jpg")
    assert watched.colour_round(2).in_colour == [str(album / "colour.jpg")]


def test_an_older_ledger_learns_the_new_state(colourise: Colourise, album: Path, out: Path) -> None:
    colourise(album / "deep", "-o", out)
    with Ledger(out) as ledger:
        ledger.table.execute("PRAGMA user_version = 1")
    assert summary(colourise(album / "deep", "-o", out)).startswith(
        "0 coloured, 1 there already, 1 in colour"
    )
    with Ledger(out) as ledger:
        assert ledger.table.execute("PRAGMA user_version").fetchone()[0] == 2


def test_nothing_of_a_photo_in_colour_is_written(colourise: Colourise, album: Path, out: Path) -> None:
    colourise(album / "deep", "-o", out, "--compare")
    assert made(out).keys() == {"grey.jpg", "grey.compare.jpg"}
