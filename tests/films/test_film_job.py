"""What cannot be meant is refused; and the text that a half-made film is known by."""

import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from helpers.clips import read
from helpers.films import Colourise

from colourise.colouriser import Colouriser
from colourise.films import job
from colourise.films.options import Encoding, FilmOptions


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--start", "9"], "has only 1.0 seconds"),
        (["--start", "0.5", "--end", "0.5"], "--end is not after --start"),
    ],
)
def test_parts_that_are_nowhere(colourise: Colourise, film: Path, options: list[str], told: str) -> None:
    result = colourise(film, *options)
    assert result.exit_code == 1
    assert told in " ".join(result.stderr.split())


def test_nothing_is_overwritten(colourise: Colourise, film: Path) -> None:
    target = film.with_name("b.mp4")
    target.write_text("mine")
    result = colourise(film, "-o", target)
    assert (result.exit_code, target.read_text()) == (1, "mine")
    assert "--overwrite" in result.stderr
    assert colourise(film, "-o", target, "--overwrite").exit_code == 0
    assert len(read(target)[0]) == 24
    result = colourise(film, "-o", film, "--overwrite")
    assert result.exit_code == 1
    assert "would be written over" in result.stderr


def test_half_made_films_are_known_by_the_text_of_version_0_1(
    film: Path, colouriser: Colouriser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that is renamed, added or left out would have every half-made film of an archive begun again."""
    os.utime(film, ns=(1, 1_234_567_890_123_456_789))
    monkeypatch.setattr(job, "__version__", "0.1.0")
    stamp = f'"source": ["{film.resolve()}", [{film.stat().st_size}, 1234567890123456789]]'
    model = f'"model": ["{colouriser.model}", 64, 1.0]'
    options = FilmOptions(Encoding("hevc", 22, "slow"), 0.5, Fraction(1, 4), preview=0.5, deinterlace=True)
    options = replace(options, overwrite=True, history=False, compare=True)
    assert job.settings_key(job.prepare(film, film.with_name("b.mp4"), options), colouriser) == (
        '{"compare": false, "deinterlace": true, '
        '"encoding": {"codec": "hevc", "crf": 22, "preset": "slow"}, '
        f'"end": "3/4", "history": true, {model}, "overwrite": false, {stamp}, '
        '"start": "1/4", "steadiness": 0.5, "version": "0.1.0"}'
    )
    assert job.settings_key(job.prepare(film, film.with_name("c.gif"), FilmOptions()), colouriser) == (
        '{"compare": false, "deinterlace": false, '
        '"encoding": {"codec": "ffv1", "crf": null, "preset": null}, '
        f'"end": null, "history": true, {model}, "overwrite": false, {stamp}, '
        '"start": null, "steadiness": 0.9, "version": "0.1.0"}'
    )
