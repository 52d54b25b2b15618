"""Films from Python: coloured, stopped, several at once."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from helpers.clips import read, sound_of
from helpers.films import job, stop_at

from colourise import films
from colourise.colouriser import Colouriser
from colourise.errors import FilmError
from colourise.films.colouring import colour, colour_all, colour_job
from colourise.films.events import (
    FilmEvent,
    FilmFailed,
    FilmFinished,
    FilmOutcome,
    FilmPrepared,
    FilmProgress,
    FilmStarted,
)
from colourise.films.film import Damage
from colourise.films.options import FilmOptions


def test_segments_join_without_a_seam(long: Path, colouriser: Colouriser) -> None:
    colour_job(job(long, "a.mp4"), colouriser)
    assert read(long.with_name("a.mp4"))[0] == read(long)[0]
    assert sound_of(long.with_name("a.mp4")) == sound_of(long)


def test_ctrl_c_leaves_a_playable_part_and_the_rest_for_later(long: Path, colouriser: Colouriser) -> None:
    stop = threading.Event()
    made = colour_job(job(long, "b.mp4"), colouriser, on_event=stop_at(40, stop), stop=stop)
    assert not made.complete
    assert made.target.name == "b.part.mp4"
    assert not long.with_name("b.mp4").exists()
    times = read(made.target)[0]
    assert 40 <= len(times) == made.frames < 80
    assert times == read(long)[0][: len(times)]
    sound = sound_of(made.target)
    assert sound == sound_of(long)[: len(sound)]
    assert abs(sound[-1][0] - times[-1]) < 0.1
    assert colour_job(job(long, "b.mp4"), colouriser).complete
    assert read(long.with_name("b.mp4"))[0] == read(long)[0]
    assert not made.target.exists()


def test_a_part_that_is_somebody_elses_is_left_alone(long: Path, colouriser: Colouriser) -> None:
    theirs = long.with_name("b.part.mp4")
    theirs.write_text("mine")
    stop = threading.Event()
    with pytest.raises(FilmError, match="exists already"):
        colour_job(job(long, "b.mp4"), colouriser, on_event=stop_at(40, stop), stop=stop)
    assert colour_job(job(long, "b.mp4"), colouriser).complete
    assert theirs.read_text() == "mine"


def test_one_call_colours_a_film_and_reports_it(film: Path, colouriser: Colouriser, tiny_model: Path) -> None:
    events: list[FilmEvent] = []
    made = colour(film, model=colouriser, on_event=events.append)
    assert made == FilmOutcome(film, film.with_name("film.colourised.mp4"), 24, 2, (), Damage(), made.speed)
    assert events[:2] == [FilmPrepared(film, made.target, ()), FilmStarted(film)]
    assert [event.done for event in events[2:-1] if isinstance(event, FilmProgress)] == list(range(1, 25))
    assert events[-1] == FilmFinished(made)
    again = colour(str(film), str(film.with_name("out")), model=tiny_model, options=FilmOptions(preview=0.5))
    assert (again.target, again.frames) == (film.with_name("out") / "film.preview.mp4", 12)
    assert read(again.target)[0] == read(made.target)[0][:12]


def test_a_model_is_loaded_only_for_a_film_that_can_be_coloured(tmp_path: Path) -> None:
    def load() -> Colouriser:
        raise AssertionError

    with pytest.raises(FilmError) as caught:
        colour(tmp_path / "none.mp4", model=load)
    assert (caught.value.path, caught.value.reason) == (tmp_path / "none.mp4", "No such file or directory")


def test_several_films_share_a_model_and_one_that_fails_does_not_stop_the_rest(
    film: Path, colouriser: Colouriser
) -> None:
    same, other = film.with_suffix(".mkv"), film.with_name("other.mp4")
    for path in (same, other):
        shutil.copy(film, path)
    film.with_name("broken.mp4").write_bytes(b"no film")
    loaded: list[int] = []
    events: list[FilmEvent] = []

    def load() -> Colouriser:
        loaded.append(1)
        return colouriser

    films = [film, film.with_name("broken.mp4"), same, other]
    summary = colour_all(films, film.with_name("out"), model=load, on_event=events.append)
    assert [made.source for made in summary.outcomes] == [film, same, other]
    assert [failed.source.name for failed in summary.failures] == ["broken.mp4"]
    assert [event for event in events if isinstance(event, FilmFailed)] == list(summary.failures)
    assert (len(loaded), summary.stopped) == (1, False)
    clash = colour_all([film, film], film.with_name("two"), model=load)
    assert clash.outcomes == ()
    assert "another film would become" in str(clash.failures[0].error)


def test_a_film_that_is_stopped_is_the_last(film: Path, colouriser: Colouriser) -> None:
    other = Path(shutil.copy(film, film.with_name("other.mp4")))
    stop = threading.Event()
    summary = colour_all([film, other], model=colouriser, on_event=stop_at(5, stop), stop=stop)
    assert summary.stopped
    assert [made.source for made in summary.outcomes] == [film]
    assert colour_all([film, other], model=colouriser, stop=stop).outcomes == ()


def test_the_wing_loads_nothing_until_it_is_used() -> None:
    code = (
        "import sys, colourise.films as films; films.is_film; films.FilmOptions; print('av' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
    for name in films.__all__:
        assert getattr(films, name) is not None
