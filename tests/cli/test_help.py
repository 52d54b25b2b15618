"""The help pages, and what is said of values that do not fit."""

import pytest
from typer.testing import CliRunner, Result

from colourise.cli import app
from colourise.version import __version__


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, prog_name="colourise")


@pytest.mark.parametrize("words", [("version",), ("--version",), ("-V",)])
def test_the_version(words: tuple[str, ...]) -> None:
    assert run(*words).stdout == f"colourise {__version__}\n"


def test_the_main_page_has_what_most_people_need() -> None:
    page = run("--help").stdout
    assert "Usage: colourise [OPTIONS] PHOTO|FOLDER|FILM..." in page
    for option in ("--output", "--overwrite", "--saturation", "--compare", "--format"):
        assert option in page
    assert "--steadiness" not in page
    assert run("help").stdout == page


def test_the_name_of_the_command_is_left_out() -> None:
    for page in (run("photo.jpg", "--help").stdout, run("help", "colourise").stdout):
        assert "Usage: colourise [OPTIONS] PHOTO|FOLDER|FILM..." in page
        assert "colourise colourise" not in page
    assert "Usage: colourise train [OPTIONS]" in run("help", "train").stdout
    wrong = run("photo.jpg", "--nonsense")
    assert wrong.exit_code == 2
    assert "colourise colourise" not in wrong.stderr


@pytest.mark.parametrize(
    "topic, has, lacks",
    [
        ("photos", "--quality", "--steadiness"),
        ("archives", "--dry-run", "--steadiness"),
        ("films", "--steadiness", "--dry-run"),
    ],
)
def test_each_topic_has_a_short_page(topic: str, has: str, lacks: str) -> None:
    result = run("help", topic)
    assert result.exit_code == 0
    assert has in result.stdout and lacks not in result.stdout
    assert "Examples:" in result.stdout
    assert len(result.stdout.splitlines()) < 66


def test_no_page_speaks_of_types() -> None:
    for command in ((), ("colourise",), ("train",), ("eval",), ("weights",), ("weights", "pull"), ("study",)):
        page = run(*command, "--help").stdout
        assert "Show this page." in page
        assert "%Y" not in page and "<bool>" not in page


@pytest.mark.parametrize(
    "option, value, told",
    [
        ("--saturation", "9", "9: give a number from 0 to 4"),
        ("--quality", "x", "x: give a whole number from 1 to 100"),
        ("--workers", "0", "0: give a whole number, 1 or more"),
        ("--since", "yesterday", "yesterday: give a date such as 2026-01-31"),
        ("--codec", "foo", "foo: choose h264, hevc, av1, ffv1, prores"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_plain_words(option: str, value: str, told: str) -> None:
    result = run("photo.jpg", option, value)
    assert result.exit_code == 2
    words = " ".join(result.stderr.replace("│", " ").split())
    assert f"Invalid value for '{option}': {told}" in words
    assert "Input should" not in words and "Value error" not in words


SUBCOMMANDS = ("colourise", "train", "eval", "export", "weights", "weights pull", "weights push")
SUBCOMMANDS += ("study", "study build", "study score")


def test_help_comes_with_no_words_at_all() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "colourise photo.jpg" in result.output


@pytest.mark.parametrize("command", ["", *SUBCOMMANDS])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(command: str, option: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), option])
    assert result.exit_code == 0
    named = "" if command == "colourise" else command  # the one command whose name may be left out
    assert f"colourise {named}".strip() in " ".join(result.stdout.split())
    assert "[/]" not in result.stdout  # markup that was not understood
    assert result.stderr == ""


def test_help_names_the_defaults() -> None:
    text = " ".join(CliRunner().invoke(app, ["colourise", "--help"]).stdout.replace("│", " ").split())
    for default in ("(colourise-v5; fast for films)", "(the photo's)", "(the model's own)", "1.0", "auto"):
        assert f"[default: {default}]" in text


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"colourise {__version__}\n"
