"""Whatever files, cards and servers are called or say, a terminal is shown nothing but text."""

import ast
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.photos import PHOTOS, black_and_white
from helpers.web import album as served
from typer.testing import CliRunner, Result

import colourise.cli
from colourise.cli import console
from colourise.cli.commands import app
from colourise.models import library
from colourise.models.card import Card
from colourise.models.library import ModelListing

Colourise = Callable[..., Result]
HOSTILE = "\x1b[2J\x1b]0;PWNED\x07\x9b31m\u202egnp\u2028\r\n\x08[red]x[bold] \\"
SHOWN = "[red]x[bold] \\"


def assert_harmless(result: Result, lines: int | None = None) -> None:
    """Only printable characters on whole lines, markup shown as it is, and no line that a name has made."""
    text = result.stdout + result.stderr
    assert text
    bad = {c for c in text if not (c.isprintable() or c == "\n")}
    assert not bad, (bad, text)
    if lines is not None:
        assert len(result.stderr.splitlines()) == lines


# The mechanism


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def test_every_line_goes_through_one_function() -> None:
    """No module of the command line prints by itself, and console.py prints what `line` or `Text` makes."""
    folder = Path(colourise.cli.__file__).parent
    for file in folder.glob("*.py"):
        tree = ast.parse(file.read_text())
        for call in calls(tree):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            where = f"{file.name}:{call.lineno}"
            if name in ("echo", "secho", "from_markup", "print_exception", "rule", "log_to"):
                pytest.fail(f"{where} prints by itself")
            if name == "print":
                assert file.name == "console.py", f"{where} prints by itself; console.say does it"
                printed = [ast.unparse(argument) for argument in call.args]
                assert all(text.startswith(("line(", "Text(", "table")) for text in printed), where
            if name in ("add_row", "add_column"):
                cells = [ast.unparse(argument) for argument in call.args]
                ours = ("cell(", "*(f'{", "f'{", "*figures", "str(", "heading", "''", "'")
                assert all(text.startswith(ours) for text in cells), (where, cells)
    assert "escape" not in (folder / "console.py").read_text().replace("escapes", "").replace("escaped", "")


@pytest.mark.parametrize(
    "code", [*range(32), *range(127, 161), 0x2028, 0x202E, 0x2066, 0xFEFF, 0xDC9B, 0xE0001]
)
def test_a_line_holds_no_character_that_does_something(code: int) -> None:
    text = console.line(f"a{chr(code)}b", ("c[/]", "red")).plain
    assert text.isprintable() and text.endswith("b c[/]") and len(text) > 5


@pytest.mark.parametrize("value", [HOSTILE, {"a": HOSTILE}, [HOSTILE, "é", "\U000e0001"]])
def test_json_stays_json(value: object, capsys: pytest.CaptureFixture[str]) -> None:
    console.say_json(value)
    text = capsys.readouterr().out
    assert json.loads(text) == value
    assert all(c.isprintable() or c == "\n" for c in text)


# Every command


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder whose name is hostile, so that every path in it is."""
    folder = tmp_path / HOSTILE
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this disk has no such names")
    return folder


def test_photos_and_folders(colourise: Colourise, place: Path) -> None:
    for name, source in {"a.jpg": "chelsea.jpg", "deep/b.jpg": "coffee.jpg"}.items():
        (place / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "in" / name).write_bytes(black_and_white(source))
    (place / "in" / f"bad {HOSTILE.replace('/', '')}.jpg").write_text("no photo")
    (place / "in" / "film.mp4").touch()
    (place / "in" / "x.dng").touch()
    for more in ([], ["--dry-run", "--overwrite"], ["--json-lines", "--overwrite"], ["--retry-failed"]):
        result = colourise(place / "in", "-o", place / "out", *more)
        assert_harmless(result)
        assert SHOWN in result.output
    (place / "out" / "deep").rename(place / "elsewhere")
    (place / "out" / "deep").symlink_to(place / "elsewhere")
    (place / "elsewhere" / "b.jpg").unlink()
    (place / "out" / "a.jpg").write_text("somebody's")
    result = colourise(place / "in", "-o", place / "out")
    assert "is a link" in result.stderr and "changed by somebody else" in result.stderr
    assert_harmless(result)
    (place / "out" / ".colourise.sqlite").write_text("no database")
    assert_harmless(colourise(place / "in", "-o", place / "out"), lines=1)


def test_single_photos_and_their_errors(colourise: Colourise, place: Path) -> None:
    photo = place / "a.jpg"
    photo.write_bytes(black_and_white("chelsea.jpg"))
    assert_harmless(colourise(photo), lines=1)
    assert_harmless(colourise(photo), lines=1)
    assert_harmless(colourise(place / "none.jpg"), lines=1)
    assert_harmless(colourise(photo, "-o", place / "none" / "x.gif"))
    assert_harmless(colourise(photo, "--model", place / "none", model=False), lines=1)
    assert_harmless(colourise(f"http://127.0.0.1:1/{HOSTILE}", "-o", place / "out"), lines=1)
    assert_harmless(colourise(f"floppy://{HOSTILE}", "-o", place / "out"), lines=1)


def test_films(colourise: Colourise, film: Path, place: Path) -> None:
    film = film.rename(place / "film.mp4")
    result = colourise(film, "--preview", "0.2")
    assert result.exit_code == 0
    assert_harmless(result)
    (place / "bad.mp4").write_text("no film")
    assert_harmless(colourise(place / "bad.mp4"), lines=1)
    assert_harmless(colourise(film, "-o", place / "x.nonsense"))


def test_what_a_server_says(colourise: Colourise, tmp_path: Path) -> None:
    with served(
        [f"/album/../{HOSTILE.strip()}/x.png", "/album/%1b[2J.png", "/album/\x9b\x1b[2Jy.png"], b"no"
    ) as page:
        result = colourise(page, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert_harmless(result)


@pytest.mark.parametrize(
    "arguments",
    [
        [HOSTILE],
        [f"--{HOSTILE}"],
        ["--quality", HOSTILE, "a.jpg"],
        ["--format", HOSTILE, "a.jpg"],
        ["--shard", HOSTILE, "a.jpg"],
        ["--since", HOSTILE, "a.jpg"],
        ["--start", HOSTILE, "a.mp4"],
        ["a.jpg", "--device", HOSTILE],
        [f"trai{HOSTILE[:3]}"],
        ["eval", "--data", HOSTILE],
        ["eval", "--data", ".", "-m", HOSTILE, HOSTILE],
        ["train", "--show", "--recipe", HOSTILE],
        ["train", "--show", "--set", f"{HOSTILE}=1"],
        ["train", "--show", "--set", f"lr={HOSTILE}"],
        ["train", "--recipe", "pix2pix", "--data", ".", "-o", HOSTILE],
        ["study", HOSTILE],
        ["study", "score", HOSTILE, "--study", HOSTILE],
        ["weights", HOSTILE],
        ["weights", "pull", HOSTILE],
        ["weights", "push", HOSTILE, HOSTILE],
        ["export", HOSTILE, HOSTILE],
    ],
)
def test_arguments_that_are_refused(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell puts names of files there, as in `colourise *`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (1, 2)
    assert_harmless(result)


def test_cards_of_models(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = replace(Card.read(tiny_model.with_suffix(".json")), licence=HOSTILE, name=HOSTILE, data=HOSTILE)
    listing = ModelListing(f"owner/{HOSTILE}", "cached", card, 5)
    monkeypatch.setattr(library, "list_models", lambda: [listing])
    result = CliRunner().invoke(app, ["weights"], env={"COLUMNS": "300"})
    assert_harmless(result)
    assert result.stdout.count("\\x1b[2J") == 2


def test_a_card_in_the_cache(colourise: Colourise, tiny_model: Path, place: Path) -> None:
    for file in tiny_model.parent.glob("tiny.*"):
        shutil.copy(file, place / file.name)
    card = json.loads((place / "tiny.json").read_text())
    (place / "tiny.json").write_text(json.dumps(card | {"name": HOSTILE, "architecture": HOSTILE}))
    assert_harmless(
        colourise(PHOTOS / "chelsea.jpg", "-o", place / "o.jpg", "-m", place / "tiny", model=False)
    )
    (place / "tiny.json").write_text(json.dumps(card | {HOSTILE: HOSTILE}))
    assert_harmless(
        colourise(PHOTOS / "chelsea.jpg", "-o", place / "p.jpg", "-m", place / "tiny", model=False)
    )


@pytest.mark.needs("train")
def test_scores_and_studies(colourise: Colourise, tiny_model: Path, place: Path, tmp_path: Path) -> None:
    data = place / "photos"
    shutil.copytree(PHOTOS, data)
    (data / "bad.jpg").write_text("no photo")
    for file in tiny_model.parent.glob("tiny.*"):
        shutil.copy(file, place / file.name)
    for more in ([], ["--json"], ["--csv"], ["--figures", place / "figures"]):
        result = colourise("eval", "--data", data, "-m", place / "tiny", "--size", "32", *more, model=False)
        assert "failed" in result.stderr
        assert_harmless(result)
        if more == ["--json"]:
            assert str(place / "tiny") in json.loads(result.stdout)
    small = ["--truths", "3", "--each", "3", "--per-participant", "2", "--size", "32"]
    built = colourise(
        "study", "build", "--data", data, "-m", place / "tiny", "-o", place / "s", *small, model=False
    )
    assert built.exit_code == 0
    assert_harmless(built)
    (place / "answers.json").write_text("{}")
    refused = colourise("study", "score", place / "answers.json", "--study", place / "s", model=False)
    assert refused.exit_code == 1
    assert_harmless(refused, lines=1)


def test_bars_show_no_commands(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    from colourise.cli import progress

    with (place / "log").open("w+", encoding="utf-8") as file:
        terminal = Console(file=file, force_terminal=True, width=400, soft_wrap=True)
        monkeypatch.setattr(progress, "err", terminal)
        with progress.bar(f"scoring {HOSTILE}", 2, hidden=False) as advance:
            advance()
        file.seek(0)
        shown = file.read()
    assert SHOWN in shown and "PWNED" in shown
    assert not {"\x07", "\x9b", "\u202e", "\x08"} & set(shown)
    assert "\x1b]0" not in shown and "\x1b[2J" not in shown
