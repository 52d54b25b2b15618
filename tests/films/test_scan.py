"""Clocks that start anew are carried on, damaged times are mended, and sound stays with the pictures."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import read, sound_of
from helpers.films import CASES, Colourise

from colourise.films.source import probe

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
    assert "has a clock that starts anew in one place" in " ".join(result.stderr.split())
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
