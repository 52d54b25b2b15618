"""Clocks that start anew are carried on, damaged times are mended, and sound stays with the pictures."""

import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from helpers.clapper import PICTURES, SOUND, clapper, cut, flashes_and_clicks, shift
from helpers.clips import pan, read, sound_of, write
from helpers.films import CASES, Colourise, job, stop_at

from colourise.colouriser import Colouriser
from colourise.films import pipeline
from colourise.films.colouring import colour_job
from colourise.films.events import ignore
from colourise.films.source import frames, probe

MS = Fraction(1, 1000)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(
    ("name", "frames"), [("clock-restarts.ts", 50), ("clock-restarts-silent.ts", 50), ("film_joined.ts", 60)]
)
def test_a_clock_that_starts_anew_is_carried_on(
    colourise: Colourise, tmp_path: Path, name: str, frames: int, suffix: str
) -> None:
    target = tmp_path / f"b.{suffix}"
    result = colourise(CASES / name, "-o", target, "--preset", "ultrafast")
    assert result.exit_code == 0, result.stderr
    assert "has a clock that starts anew in 1 place" in " ".join(result.stderr.split())
    times = read(target)[0]
    assert len(times) == frames
    assert {round(float(step), 3) for step in np.diff(times)} == {0.04}
    before, after = sound_of(CASES / name), sound_of(target)
    assert [data for _, data in after] == [data for _, data in before]
    half = len(before) // 2
    if before:
        gap = (
            after[half][0] - times[frames // 2] - (after[0][0] - times[0])
        )  # of the second part, and the first
        assert abs(gap) < MS


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize(
    ("name", "frames", "sounds"), [("film_one_bad_time.ts", 58, 100), ("film_bad_sound_time.ts", 60, 90)]
)
def test_a_damaged_time_is_mended_alone(
    colourise: Colourise, tmp_path: Path, name: str, frames: int, sounds: int, suffix: str
) -> None:
    target = tmp_path / f"b.{suffix}"
    result = colourise(CASES / name, "-o", target, "--preset", "ultrafast")
    assert result.exit_code == 0, result.stderr
    times = read(target)[0]
    assert len(times) == frames
    assert times[-1] - times[0] == pytest.approx(59 / 25, abs=0.002)
    assert all(step > 0.03 for step in np.diff(times))
    after = sound_of(target)
    assert len(after) >= sounds
    assert after[-1][0] - after[0][0] == pytest.approx((222449 - 5110) / 90000, abs=0.002)


def test_the_times_of_a_film_that_has_nothing_wrong_are_left_alone(film: Path) -> None:
    assert probe(film).clock is None


def apart(path: Path) -> tuple[int, float]:
    """How many flashes a film has, and how far the farthest is from its click, in seconds."""
    flashes, clicks = flashes_and_clicks(path)
    assert len(flashes) == len(clicks)
    return len(flashes), max(abs(flash - click) for flash, click in zip(flashes, clicks, strict=True))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize("firsts", [(1, 1, 1), (1, 50, 20), (80000, 2, 95440)])
@pytest.mark.parametrize("kind", ["ts", "vob"])
def test_sound_stays_with_the_pictures_in_joined_recordings(
    colourise: Colourise, tmp_path: Path, firsts: tuple[int, ...], suffix: str, kind: str
) -> None:
    parts = [
        clapper(tmp_path / f"{number}.{kind}", 2 + number % 2, first=first)
        for number, first in enumerate(firsts)
    ]
    source = tmp_path / f"a.{kind}"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    target = tmp_path / f"b.{suffix}"
    result = colourise(source, "-o", target, "--preset", "ultrafast")
    assert result.exit_code == 0, result.stderr
    assert "starts anew in 2 places" in " ".join(result.stderr.split())
    times = read(target)[0]
    assert len(times) == 7 * 25
    assert times[-1] - times[0] == pytest.approx(174 / 25, abs=0.1)  # FFmpeg guesses a time at the seam
    count, farthest = apart(target)
    assert count == 7
    assert farthest < 0.04


@pytest.mark.parametrize("number", [0, 1, 30, 48, 49])
@pytest.mark.parametrize("seconds", [30.0, -30.0, 3.0, -3.0])
def test_a_time_of_one_picture_may_be_wrong_anywhere(tmp_path: Path, number: int, seconds: float) -> None:
    source = clapper(tmp_path / "a.ts", 2, first=1)
    right = [frame.pts * Fraction(1, 90000) for frame in frames(probe(source))]
    film = probe(shift(source, PICTURES, [number], seconds))
    times = [frame.pts * Fraction(1, 90000) for frame in frames(film)]
    moved = times[0] - right[0]  # FFmpeg puts a first time below zero at the end of the clock
    assert [time - moved for time in times] == right
    assert film.start == pytest.approx(min(times[0], film.start))


@pytest.mark.parametrize("number", [0, 3, -1])
@pytest.mark.parametrize("seconds", [30.0, -30.0, 3.0, -3.0])
def test_a_time_of_sound_may_be_wrong_anywhere(
    colourise: Colourise, tmp_path: Path, number: int, seconds: float
) -> None:
    source = shift(clapper(tmp_path / "a.ts", 3, first=1), SOUND, [number], seconds)
    target = tmp_path / "b.mkv"
    result = colourise(source, "-o", target, "--preset", "ultrafast")
    assert result.exit_code == 0, result.stderr
    count, farthest = apart(target)
    assert count == 3
    assert farthest < 0.04


def test_part_of_a_film_around_a_jump(colourise: Colourise, tmp_path: Path) -> None:
    source = tmp_path / "a.ts"
    parts = [clapper(tmp_path / f"{first}.ts", 3, first=first) for first in (9, 1)]
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    result = colourise(source, "-o", tmp_path / "b.mp4", "--start", "2", "--end", "4")
    assert result.exit_code == 0, result.stderr
    assert len(read(tmp_path / "b.mp4")[0]) == 50
    count, farthest = apart(tmp_path / "b.mp4")
    assert count == 2
    assert farthest < 0.04


def test_a_film_with_a_jump_that_was_stopped_goes_on_to_the_same_film(
    tmp_path: Path, colouriser: Colouriser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "SEGMENT_FRAMES", 20)
    source = tmp_path / "a.ts"
    parts = [clapper(tmp_path / f"{first}.ts", 3, first=first) for first in (9, 1)]
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    colour_job(job(source, "a.mp4"), colouriser)
    for count in (30, 60, 100, None):
        stop = threading.Event()
        done = stop_at(count, stop) if count else ignore
        made = colour_job(job(source, "b.mp4"), colouriser, on_event=done, stop=stop)
    assert made.complete
    assert read(tmp_path / "b.mp4")[0] == read(tmp_path / "a.mp4")[0]
    assert sound_of(tmp_path / "b.mp4") == sound_of(tmp_path / "a.mp4")


def test_sound_that_begins_late_is_kept(colourise: Colourise, tmp_path: Path) -> None:
    source = clapper(tmp_path / "a.ts", 12, first=1)
    data = source.read_bytes()
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    half = len(packets) * 3 // 4
    sound = {packet[1:3] for packet in packets if packet[4:].find(b"\0\0\1\xc0") >= 0}
    numbers = {(first & 31) << 8 | second for first, second in sound}
    late = [p for at, p in enumerate(packets) if at > half or ((p[1] & 31) << 8 | p[2]) not in numbers]
    source.write_bytes(b"".join(late))
    result = colourise(source, "-o", tmp_path / "b.mkv", "--preset", "ultrafast")
    assert result.exit_code == 0, result.stderr
    flashes, clicks = flashes_and_clicks(tmp_path / "b.mkv")
    assert len(flashes) == 12
    assert 1 < len(clicks) < 5
    assert max(min(abs(flash - click) for flash in flashes) for click in clicks) < 0.04


@pytest.mark.parametrize(
    ("first", "last", "only", "step"),
    [
        (3, 8, None, 5),  # a short loss stays a gap
        (3, 17, None, 0.04),  # a long one is closed, as by ffmpeg
        (3, 17, PICTURES, 14),  # but not if the sound goes on
        (3, 17, SOUND, 0.04),
    ],
)
def test_a_gap_is_no_new_clock(
    tmp_path: Path, first: float, last: float, only: range | None, step: float
) -> None:
    source = cut(clapper(tmp_path / "a.ts", 20, first=1), first, last, only=only)
    times = [float(frame.pts * Fraction(1, 90000)) for frame in frames(probe(source))]
    assert max(np.diff(times)) == pytest.approx(step, abs=0.13)
    assert (probe(source).clock is None) == (last == 8 or only is not None)


@pytest.mark.parametrize("pause", [2, 6, 30])
@pytest.mark.parametrize("sound", [None, 40.0])
def test_a_pause_is_no_new_clock(tmp_path: Path, pause: int, sound: float | None) -> None:
    times = [number + (number >= 30) * pause * 24 for number in range(60)]
    source = write(tmp_path / "a.ts", pan("coffee.jpg", 60), times=times, sound=sound)
    film = probe(source)
    assert film.clock is None
    found = [frame.pts for frame in frames(film)]
    assert [pts - found[0] for pts in found] == [time * 3750 for time in times]
