"""Measures, against scikit-image, scipy and sums by hand."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy
from skimage import color, metrics as reference

from colourise.colouriser import Colouriser
from colourise.evaluation import metrics
from colourise.evaluation.contact_sheets import grey_of
from colourise.evaluation.photos import Grey

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
    assert summary["ssim"] == pytest.approx(1, abs=1e-6)
    assert summary["delta_e"] == summary["colourfulness_delta"] == summary["colourfulness_abs_delta"] == 0


def test_psnr_against_scikit_image():
    scores = metrics.Scores()
    one = scores.add(OTHER, PICTURE)
    assert one["psnr_rgb"] == pytest.approx(reference.peak_signal_noise_ratio(PICTURE, OTHER), abs=1e-6)
    ab = [color.rgb2lab(picture)[..., 1:] for picture in (OTHER, PICTURE)]
    assert one["psnr_ab"] == pytest.approx(10 * np.log10(255**2 / np.square(ab[0] - ab[1]).mean()), abs=0.01)


@pytest.mark.parametrize("name", ["psnr_rgb", "psnr_ab", "ssim", "delta_e", "colourfulness_abs"])
def test_averages_are_over_pictures(name):
    scores = metrics.Scores()
    ones = [scores.add(OTHER, PICTURE), scores.add(grey_of(PICTURE), PICTURE)]
    assert ones[0][name] != ones[1][name]
    assert scores.summary()[name] == pytest.approx(np.mean([one[name] for one in ones]))


def test_the_tail_is_what_comes_out_worse_than_grey():
    """Of ten photos in quiet colours two come out loud; nothing gained, nothing lost is a gain of 0."""
    grey = grey_of(PICTURE)
    truth = (0.9 * grey + 0.1 * PICTURE).round().astype(np.uint8)
    scores = metrics.Scores()
    for photo in range(10):
        scores.add(PICTURE if photo < 2 else grey_of(truth), truth)
    summary = scores.summary()
    error = [np.square(one.astype(float) - truth).mean() for one in (grey_of(truth), PICTURE)]
    assert summary["far_worse"] == 0.2
    assert summary["gain_p5"] == pytest.approx(10 * np.log10(error[0] / error[1]), abs=0.1)
    assert summary["gain_p5"] < -10
    assert scores.gains[5] == pytest.approx(0, abs=0.1)


def test_ssim_by_hand():
    """Pictures of 11x11 pixels hold one window: equation 13 of Wang et al., once for each of R, G, B."""
    truth = CHANCE.integers(0, 256, (11, 11, 3)).astype(np.uint8)
    near = np.clip(truth.astype(int) + CHANCE.integers(-40, 40, truth.shape), 0, 255).astype(np.uint8)
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(line, line)[..., None] / line.sum() ** 2
    x, y = near.astype(float), truth.astype(float)
    mean_x, mean_y = (window * x).sum((0, 1)), (window * y).sum((0, 1))
    variances = (window * (x - mean_x) ** 2).sum((0, 1)) + (window * (y - mean_y) ** 2).sum((0, 1))
    covariance = (window * (x - mean_x) * (y - mean_y)).sum((0, 1))
    c1, c2 = 2.55**2, 7.65**2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    expected = (likeness / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))).mean()
    assert 0.5 < expected < 0.99
    assert metrics.ssim(near, truth) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("lab", "truth", "difference"),
    [  # Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula", table 1
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, -1.1848, -84.8006), (50, 0, -82.7485), 1.0000),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0009), 7.1792),
        ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
        ((50, 2.5, 0), (61, -5, 29), 22.8977),
        ((50, 2.5, 0), (56, -27, -3), 31.9030),
        ((50, 2.5, 0), (58, 24, 15), 19.4535),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((63.0109, -31.0961, -5.8663), (62.8187, -29.7946, -4.0864), 1.2630),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
        ((90.8027, -2.0831, 1.441), (91.1528, -1.6435, 0.0447), 1.4441),
        ((2.0776, 0.0795, -1.135), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_delta_e_of_sharmas_pairs(lab, truth, difference):
    one, other = (np.float32(colour)[None, None] for colour in (lab, truth))
    assert metrics.delta_e(one, other) == pytest.approx(difference, abs=2e-4)


def test_delta_e_of_a_picture():
    """The whole way from RGB, against scikit-image in float64."""
    theirs = color.deltaE_ciede2000(*(color.rgb2lab(picture) for picture in (OTHER, PICTURE))).mean()
    assert theirs > 5
    assert metrics.Scores().add(OTHER, PICTURE)["delta_e"] == pytest.approx(theirs, abs=0.01)


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


def test_histograms_hold_all_of_srgb():
    steps = np.linspace(0, 255, 18).astype(np.uint8)
    cube = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 18, 3)
    scores = metrics.Scores()
    scores.add(cube, cube)
    assert (scores.histograms.sum(-1) == 18**3).all()
    a = np.histogram(color.rgb2lab(cube)[..., 1], np.arange(-110, 111))[0]
    assert np.abs(np.cumsum(a - scores.histograms[0, 0])).max() < 18**3 / 100  # greys lie on a bin's edge


def test_colourfulness_by_hand():
    """Half red, half green: rg is +-255, yb is 127.5 all over."""
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, :, 0] = picture[1, :, 1] = 255
    assert metrics.colourfulness(picture) == pytest.approx(255 + 0.3 * 127.5)
    assert metrics.colourfulness(picture, absolute=True) == pytest.approx(0.3 * np.hypot(255, 127.5))
    assert metrics.colourfulness(grey_of(PICTURE)) == pytest.approx(0, abs=1)


def test_delta_cf_is_the_difference_of_means():
    """One picture too lively and one too quiet: on the whole, right."""
    scores = metrics.Scores()
    ones = [scores.add(OTHER, grey_of(PICTURE)), scores.add(grey_of(PICTURE), OTHER)]
    assert all(abs(one["colourfulness"] - one["colourfulness_truth"]) > 50 for one in ones)
    assert scores.summary()["colourfulness_delta"] == pytest.approx(0, abs=1e-9)
    assert scores.summary()["colourfulness_abs_delta"] == pytest.approx(0, abs=1e-9)
    scores.add(grey_of(PICTURE), OTHER)
    delta = metrics.colourfulness(OTHER) - metrics.colourfulness(grey_of(PICTURE))
    assert scores.summary()["colourfulness_delta"] == pytest.approx(delta / 3)


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
    assert summary["colourfulness_delta"] == pytest.approx(metrics.colourfulness(PICTURE), rel=0.01)
    lab = color.rgb2lab(PICTURE)
    grey = lab * [1, 0, 0]
    assert summary["delta_e"] == pytest.approx(color.deltaE_ciede2000(grey, lab).mean(), abs=0.3)


# Films


def test_colour_consistency_against_scipy():
    frames = [CHANCE.integers(0, 60 + 20 * place, (30, 40, 3)).astype(np.uint8) for place in range(7)]
    shares = [
        [np.bincount(frame[..., c].ravel(), minlength=256) / 1200 for c in range(3)] for frame in frames
    ]
    gaps = [
        np.mean(
            [
                jensenshannon(shares[at][c], shares[at + gap][c]) ** 2
                for at in range(7 - gap)
                for c in range(3)
            ]
        )
        for gap in (1, 2, 4)
    ]
    ours = metrics.colour_consistency([[metrics.colour_histograms(frame) for frame in frames]])
    assert ours == pytest.approx(np.mean(gaps), rel=1e-6)


def test_colour_consistency_does_not_look_over_cuts():
    one, other = (metrics.colour_histograms(picture) for picture in (PICTURE, PICTURE // 2))
    assert metrics.colour_consistency([[one] * 5, [other] * 5]) == 0
    assert metrics.colour_consistency([[one] * 5 + [other] * 5]) > 0.05
    assert np.isnan(metrics.colour_consistency([[one], [other]]))


def test_warp_error_by_hand():
    before = np.zeros((4, 6, 2), np.float32)
    before[:, 2] = 10  # a column
    ys, xs = np.mgrid[:4, :6].astype(np.float32)
    way = np.stack([xs - 1, ys], 2)  # everything has moved to the right by one
    after = np.zeros_like(before)
    after[:, 3] = (10, 4)
    shown = np.ones((4, 6), bool)
    assert metrics.warp_error(after, before, way, shown) == pytest.approx(
        6 / 12
    )  # 1 of 6 columns, 1 of 2 channels
    shown[:, 3] = False
    assert metrics.warp_error(after, before, way, shown) == 0
    assert np.isnan(metrics.warp_error(after, before, way, np.zeros_like(shown)))
