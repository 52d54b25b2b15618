"""How far work is, where there is no terminal for a bar: a line every 30 seconds."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from colourise.cli import progress
from colourise.cli.progress import EVERY, ProgressLog, bar, film_bar
from colourise.films.events import FilmProgress

Colourise = Callable[..., Result]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that stands where a test sets it."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_every_30_seconds(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with bar("colouring", 400, hidden=False) as advance:
        for _ in range(100):
            clock[0] += 1
            advance()
    assert capsys.readouterr().err.splitlines() == [
        "colouring 30 of 400 (about 6 min 10 s left)",
        "colouring 60 of 400 (about 5 min 40 s left)",
        "colouring 90 of 400 (about 5 min 10 s left)",
    ]


def test_quiet_says_nothing(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with bar("colouring", 10, hidden=True) as advance, film_bar(hidden=True) as show:
        clock[0] += 100
        advance()
        show(FilmProgress(Path("a.mp4"), 5, 10, 1, 2.0))
    assert capsys.readouterr().err == ""


def test_a_film_that_is_gone_on_with(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    """What an earlier run did counts as done, but not for our speed."""
    with film_bar(hidden=False) as show:
        show(FilmProgress(Path("a.mp4"), 900, 1200, 4, 0.0))
        clock[0] += EVERY
        show(FilmProgress(Path("a.mp4"), 960, 1200, 5, 2.0))
        clock[0] += EVERY
        show(FilmProgress(Path("a.mp4"), 1020, None, 6, 2.0))
    assert capsys.readouterr().err.splitlines() == [
        "colouring frame 960 of 1200 (scene 5, 2.0 frames/s, about 2 min 0 s left)",
        "colouring frame 1020 (scene 6, 2.0 frames/s)",
    ]


def test_work_of_an_unknown_length(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    log = ProgressLog("scoring film.mp4")
    for done in (1, 2, 3):
        clock[0] += EVERY
        log.update(done, None)
    assert capsys.readouterr().err.splitlines() == [f"scoring film.mp4 {done}" for done in (1, 2, 3)]


def test_a_folder_in_a_log(
    colourise: Colourise, album: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    lines = colourise(album, "-o", out).stderr.splitlines()
    assert [line.partition(" (")[0] for line in lines[1:-1]] == [f"colouring {n} of 6" for n in range(1, 7)]
    assert colourise(album, "-o", out, "--overwrite", "--quiet").stderr == ""
