"""Films from Python: coloured, stopped, several at once."""

import threading
from pathlib import Path

import pytest
from helpers.clips import read, sound_of
from helpers.films import job, stop_at

from colourise.colouriser import Colouriser
from colourise.errors import FilmError
from colourise.films.colouring import colour_job


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
