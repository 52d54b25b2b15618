"""Lab both ways, against scikit-image."""

import cv2
import numpy as np
import pytest
from helpers.lab import EVERY, reference

from colourise.extras import missing
from colourise.lab import pictures

CHANCE = np.random.default_rng(0)
JOINERS = [pictures.plain_joiner]
if not missing("fast"):
    from colourise.lab import compiled

    JOINERS.append(compiled.joiner)
DEEP = CHANCE.integers(0, 65536, (64, 64, 3)).astype(np.uint16)


def joined(L, ab, dtype=np.uint8):
    """(H, W, 3) sRGB of L (H, W) and ab (2, H, W), as `plain_joiner` makes it of a strip."""
    return pictures.encode(pictures.show((L + np.float32(16)) / np.float32(116), ab), dtype)


@pytest.mark.parametrize("pixels", [EVERY, DEEP], ids=["8-bit", "16-bit"])
def test_rgb_to_lab_agrees_with_scikit_image(pixels):
    assert np.abs(pictures.rgb_to_lab(pixels) - reference(pixels)).max() < 0.05
    assert np.abs(pictures.rgb_to_L(pixels) - reference(pixels)[..., 0]).max() < 0.001


def test_lab_to_rgb_brings_every_colour_back():
    there = reference(EVERY).astype(np.float32)
    assert np.array_equal(joined(there[..., 0], np.moveaxis(there[..., 1:], -1, 0)), EVERY)


def test_sixteen_bits_there_and_back():
    there = reference(DEEP).astype(np.float32)
    back = joined(there[..., 0], np.moveaxis(there[..., 1:], -1, 0), np.uint16)
    assert np.abs(back.astype(int) - DEEP).max() < 40  # of 65,535: what float32 Lab can hold


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("joiner", JOINERS)
def test_laying_colour_over_keeps_the_lightness(dtype, channels, joiner):
    top = np.iinfo(dtype).max
    pixels = CHANCE.integers(0, top + 1, (90, 70, channels)).astype(dtype)
    pixels[:8], pixels[8:16] = 0, top  # black and white can take no colour
    ab = CHANCE.uniform(-100, 90, (2, 9, 7)).astype(np.float32)  # far out of gamut in places
    coloured = pictures.lay_over(pixels[..., 0] if channels == 1 else pixels, ab, joiner=joiner)
    assert coloured.dtype == dtype
    before = reference(np.repeat(pixels, 3, 2) if channels == 1 else pixels)[..., 0]
    rounding = 0.3 if dtype == np.uint8 else 0.003  # of L, when all three channels are rounded
    assert np.abs(reference(coloured)[..., 0] - before).max() < rounding
    assert (coloured[:8] == 0).all()
    assert (coloured[8:16] == top).all()


def test_no_colour_leaves_grey_as_it_was():
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(
        pictures.lay_over(grey, np.zeros((2, 4, 4), np.float32)), np.repeat(grey[..., None], 3, 2)
    )


@pytest.mark.parametrize("joiner", JOINERS)
def test_strips_do_not_show(monkeypatch, joiner):
    grey = CHANCE.integers(0, 256, (61, 47)).astype(np.uint8)
    ab = CHANCE.uniform(-40, 40, (2, 8, 8)).astype(np.float32)
    whole = pictures.lay_over(grey, ab, joiner=joiner)
    monkeypatch.setattr(pictures, "STRIP_PIXELS", 47 * 3)
    assert np.array_equal(pictures.lay_over(grey, ab, joiner=joiner), whole)


def test_colour_stands_where_it_was_predicted():
    ab = np.zeros((2, 4, 4), np.float32)
    ab[0, :2, :2] = 40  # the upper left quarter is red
    coloured = pictures.lay_over(np.full((64, 64), 128, np.uint8), ab).astype(int)
    assert (coloured[:20, :20, 0] > coloured[:20, :20, 1] + 30).all()
    assert np.abs(coloured[44:, 44:, 0] - coloured[44:, 44:, 1]).max() <= 1


@pytest.mark.needs("train")
def test_enlarging_agrees_with_torch():
    import torch

    ab = CHANCE.uniform(-40, 40, (2, 12, 12)).astype(np.float32)
    ours = pictures.enlarge(ab, slice(10, 50), 96, 132)
    theirs = torch.nn.functional.interpolate(torch.from_numpy(ab)[None], (96, 132), mode="bilinear")[
        0, :, 10:50
    ]
    assert np.abs(ours - theirs.numpy()).max() < 1e-3


def test_ab_is_clipped_to_what_srgb_spans():
    wild = np.array([[[500.0]], [[-500.0]]], np.float32)
    assert np.allclose(pictures.clip_to_gamut_bounds(wild)[:, 0, 0], (98.2, -107.9))
    corners = reference(np.array([[[255, 0, 255], [0, 255, 0], [0, 0, 255], [255, 255, 0]]], np.uint8))[
        0, :, 1:
    ]
    assert np.abs(corners.max(0) - (98.2, 94.5)).max() < 0.1
    assert np.abs(corners.min(0) - (-86.2, -107.9)).max() < 0.1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_resizing_averages_levels(dtype, monkeypatch):
    """L of a small picture is that of the levels' averages: what a training crop is made of."""
    grey = CHANCE.integers(0, np.iinfo(dtype).max + 1, (64, 96)).astype(dtype)
    small = np.rint(grey.reshape(32, 2, 48, 2).mean((1, 3))).astype(dtype)
    L = reference(small[..., None].repeat(3, 2))[..., 0]
    assert np.abs(pictures.rgb_to_L(grey, (32, 48)) - L).max() < (
        0.5 if dtype == np.uint8 else 0.01
    )  # of rounding
    whole = pictures.rgb_to_L(grey, (25, 31))
    monkeypatch.setattr(pictures, "STRIP_PIXELS", 96 * 5)
    assert np.abs(pictures.rgb_to_L(grey, (25, 31)) - whole).max() < 1e-4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1344, 300), (1500, 901, 3), (3001, 7), (897, 1)])
def test_shrinking_far_averages_as_opencv_does(dtype, shape):
    picture = CHANCE.integers(0, np.iinfo(dtype).max + 1, shape).astype(dtype)
    ours = pictures.resize(picture, (224, 224)).astype(int)
    theirs = cv2.resize(picture, (min(224, shape[1]), 224), interpolation=cv2.INTER_AREA)
    theirs = cv2.resize(theirs, (224, 224), interpolation=cv2.INTER_LINEAR)
    assert np.abs(ours - theirs).max() <= 1
    assert (ours != theirs).mean() < 0.02  # where an average lies half-way between two levels


def test_one_side_may_shrink_while_the_other_grows():
    grey = np.zeros((6000, 50), np.uint8)
    grey[::2] = 255  # fine stripes: black and white must average, not alias
    L = pictures.rgb_to_L(grey, (192, 192))
    assert L.shape == (192, 192)
    assert np.abs(L - 53.6).max() < 3  # 127.5 of 255


@pytest.mark.parametrize("joiner", JOINERS)
def test_very_wide_and_very_tall_pictures(joiner):
    for shape in ((2, 40_000), (40_000, 2)):
        coloured = pictures.lay_over(
            np.full(shape, 128, np.uint8), np.full((2, 8, 8), 20, np.float32), joiner=joiner
        )
        assert coloured.shape == (*shape, 3)
        assert coloured.std((0, 1)).max() == 0
