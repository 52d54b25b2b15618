"""Animated GIF and WebP."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import grey, pan, read
from helpers.films import Colourise, lightness, spread
from PIL import Image, ImageSequence

LENGTHS = [40, 120, 40, 70, 200, 50]  # milliseconds


@pytest.fixture(params=["gif", "webp"])
def animation(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    pictures = [Image.fromarray(frame) for frame in grey(pan("coffee.jpg", 6))]
    path = tmp_path / f"a.{request.param}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=LENGTHS, loop=0)
    return path


def played(path: Path) -> tuple[list[float], list[np.ndarray]]:
    """How long each picture of an animation is shown, and what it shows."""
    lengths, pictures = [], []
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            pictures.append(np.asarray(frame.convert("RGB")))
            lengths.append(frame.info["duration"])
    return lengths, pictures


def test_animations_stay_animations(colourise: Colourise, animation: Path) -> None:
    result = colourise(animation)
    assert result.exit_code == 0, result.stderr
    lengths, pictures = played(animation.with_name(f"a.colourised{animation.suffix}"))
    assert lengths == LENGTHS
    assert spread(pictures) > 2.5
    assert np.abs(lightness(pictures) - lightness(played(animation)[1])).mean() < 3  # of GIF's 256 colours


def test_animations_and_films_become_each_other(colourise: Colourise, animation: Path, film: Path) -> None:
    assert colourise(animation, "-o", animation.with_name("b.mp4")).exit_code == 0
    times = read(animation.with_name("b.mp4"))[0]
    assert [float(b - a) * 1000 for a, b in itertools.pairwise(times)] == pytest.approx(LENGTHS[:-1])
    target = film.with_name(f"b{animation.suffix}")
    result = colourise(film, "-o", target)
    assert result.exit_code == 0, result.stderr
    assert "has no sound" in result.stderr
    lengths, pictures = played(target)
    assert (len(lengths), sum(lengths)) == (24, 1000)
    assert spread(pictures) > 2.5
    result = colourise(film, "-o", target, "--overwrite", "--crf", 3)
    assert result.exit_code == 1
    assert "--crf" in result.stderr
