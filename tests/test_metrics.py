"""Measures, against scikit-image, scipy and sums by hand."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from skimage import color
from skimage import metrics as reference

from colourise import metrics
from colourise.colouriser import Colouriser
from colourise.evaluate import Grey, grey_of

CHANCE = np.random.default_rng(0)
PICTURE = CHANCE.integers(0, 256, (40, 50, 3)).astype(np.uint8)
OTHER = np.clip(PICTURE + CHANCE.integers(-30, 30, PICTURE.shape), 0, 255).astype(np.uint8)


def test_identical_pictures_are_perfect():
    scores = metrics.Scores()
    scores.add(PICTURE, PICTURE)
    summary = scores.summary()
    assert summary["psnr_rgb"] == summary["psnr_ab"] == float("inf")
    assert summary["js_a"] == summary["js_b"] == summary["kl"] == 0
    assert summary["colourfulness_share"] == 1


def test_psnr_against_scikit_image():
    scores = metrics.Scores()
    one = scores.add(OTHER, PICTURE)
    assert one["psnr_rgb"] == pytest.approx(reference.peak_signal_noise_ratio(PICTURE, OTHER), abs=1e-6)
    ab = [color.rgb2lab(picture)[..., 1:] for picture in (OTHER, PICTURE)]
    assert one["psnr_ab"] == pytest.approx(10 * np.log10(255**2 / np.square(ab[0] - ab[1]).mean()), abs=0.01)


def test_averages_are_over_pictures():
    scores = metrics.Scores()
    ones = [scores.add(OTHER, PICTURE), scores.add(grey_of(PICTURE), PICTURE)]
    assert scores.summary()["psnr_rgb"] == pytest.approx(np.mean([one["psnr_rgb"] for one in ones]))


def test_divergences_against_scipy():
    p, q = (CHANCE.random(220) for _ in "pq")
    p, q = p / p.sum(), q / q.sum()
    assert metrics.js(p, q) == pytest.approx(jensenshannon(p, q) ** 2)
    assert metrics.kl(p, q) == pytest.approx(entropy(p, q), abs=1e-6)
    assert metrics.js(np.eye(220)[0], np.eye(220)[1]) == pytest.approx(np.log(2))


def test_histogram_by_hand():
    counts = metrics.histogram(np.array([-110.0, -0.5, 0.0, 0.99, 1.0, 109.5]))
    assert {place - 110: count for place, count in enumerate(counts) if count} == {
        -110: 1,
        -1: 1,
        0: 2,
        1: 1,
        109: 1,
    }


def test_colourfulness_by_hand():
    """Half red, half green: rg is +-255, yb is 127.5 all over."""
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, :, 0] = picture[1, :, 1] = 255
    assert metrics.colourfulness(picture) == pytest.approx(255 + 0.3 * 127.5)
    assert metrics.colourfulness(grey_of(PICTURE)) == pytest.approx(0, abs=1)


def test_grey_gives_what_grey_gives():
    (coloured,) = Colouriser(Grey(), input_size=32)([PICTURE])
    assert np.array_equal(coloured, grey_of(PICTURE))
    scores = metrics.Scores()
    scores.add(coloured, PICTURE)
    summary = scores.summary()
    truth = color.rgb2lab(PICTURE)[..., 1:]
    assert summary["psnr_ab"] == pytest.approx(10 * np.log10(255**2 / np.square(truth).mean()), abs=0.05)
    assert summary["js_a"] > 0.5
    assert summary["colourfulness_share"] < 0.01
