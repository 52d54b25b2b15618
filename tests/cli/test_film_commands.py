"""Films on the command line."""

import signal
from pathlib import Path

import av
import pytest
from helpers.clips import read, sound_of
from helpers.films import Colourise, leftovers, spread

from colourise.cli.console import ADVICE
from colourise.cli.films import FilmReport
from colourise.errors import FilmError
from colourise.films.events import (
    FilmFailed,
    FilmFinished,
    FilmOutcome,
    FilmPrepared,
    FilmStarted,
    FilmStopped,
)
from colourise.films.film import Damage


def test_a_film_is_all_it_takes(colourise: Colourise, film: Path) -> None:
    result = colourise(film)
    assert result.exit_code == 0
    target = film.with_name("film.colourised.mp4")
    assert f"coloured {target} (24 frames, 2 scenes" in result.stderr
    times, pictures = read(target)
    assert times == read(film)[0]
    assert sound_of(target) == sound_of(film)
    assert len(sound_of(target)) > 40
    assert spread(pictures) > 2.5
    assert spread(read(film)[1]) < 1
    with av.open(str(film)) as before, av.open(str(target)) as after:
        assert after.duration == before.duration
        assert after.streams.video[0].average_rate == 24
        assert after.streams.video[0].codec_context.name == "h264"
        assert "colourise" in after.metadata["comment"]
    assert leftovers(film.parent) == []


def test_preview(colourise: Colourise, film: Path) -> None:
    assert colourise(film, "--preview", "0.5s").exit_code == 0
    assert len(read(film.with_name("film.preview.mp4"))[0]) == 12


def test_what_is_there_already_stays_and_a_part_has_its_own_name(colourise: Colourise, film: Path) -> None:
    target = film.with_name("film.colourised.mp4")
    target.write_text("precious")
    again = colourise(film)
    assert (again.exit_code, again.stderr) == (0, f"there already {target}; {ADVICE}\n")
    assert colourise(film, "--end", "0.25", "--saturation", "0.5").exit_code == 0
    assert len(read(film.with_name("film.colourised-to-0.25s-0.5.mp4"))[0]) == 6
    film.with_suffix(".mkv").write_bytes(film.read_bytes())
    film.with_suffix(".avi").touch()
    film.with_name("film.colourised.mkv").write_text("of which film?")
    unsure = colourise(film.with_suffix(".mkv"))
    assert (unsure.exit_code, "film.colourised.mkv: is there already" in unsure.stderr) == (1, True)
    named = colourise(film, "-o", target)
    assert (named.exit_code, f"failed {target}: is there already" in named.stderr) == (1, True)
    assert "is there already" in colourise(film, "--compare").stderr  # its comparison is not there
    assert target.read_text() == "precious"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("film.mp4 --format png", "the suffix of -o"),
        ("film.mp4 --quality 3", "--quality is for photos"),
        ("film.mp4 --shard 1/2", "--shard is for photos"),
        ("film.mp4 photo.jpg", "two commands"),
        ("film.mp4 -o -", "not for standard output"),
        ("photo.jpg --crf 3", "--crf is for films"),
        ("film.mp4 --start x", "say 90"),
        ("film.mp4 --preview 1s --end 1s", "choose one"),
        ("film.mp4 --steadiness 2", "--steadiness"),
    ],
)
def test_what_does_not_go_together_is_told(
    colourise: Colourise, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    result = colourise(*options.split())
    assert result.exit_code == 2
    assert told in result.stderr


def test_several_films_go_to_a_folder_and_a_broken_one_is_named(colourise: Colourise, film: Path) -> None:
    broken = film.with_name("broken.mp4")
    broken.write_bytes(b"no film at all")
    result = colourise(film, broken, "-o", film.with_name("out"))
    assert result.exit_code == 1
    assert f"failed {broken}: damaged or cut off in its header" in result.stderr
    assert [path.name for path in film.with_name("out").iterdir()] == ["film.mp4"]


def test_ctrl_c_stops_a_film_only_while_it_is_coloured(film: Path) -> None:
    def outcome(complete: bool) -> FilmOutcome:
        return FilmOutcome(film, film, 1, 1, (), Damage(), 1.0, complete)

    before = signal.getsignal(signal.SIGINT)
    with FilmReport(quiet=True) as report:
        failed = FilmFailed(film, FilmError("no"))
        for ending in (FilmFinished(outcome(True)), failed, FilmStopped(outcome(False))):
            report(FilmPrepared(film, film, ("a note",)))
            assert signal.getsignal(signal.SIGINT) is before  # a model that is loaded for long ends at once
            report(FilmStarted(film))
            assert signal.getsignal(signal.SIGINT) is not before
            report(ending)
            assert signal.getsignal(signal.SIGINT) is before
        report(FilmStarted(film))
        signal.raise_signal(signal.SIGINT)
        assert report.stop.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
