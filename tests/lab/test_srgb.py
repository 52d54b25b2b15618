import numpy as np
import pytest
from skimage import color

from colourise.lab.srgb import from_linear, to_linear

LEVELS = np.linspace(0, 1, 4096)


def test_both_ways_meet() -> None:
    """Up to what the standard's rounded numbers leave open at the knee."""
    assert np.abs(from_linear(to_linear(LEVELS)) - LEVELS).max() < 1e-6
    assert to_linear(LEVELS[[0, -1]]).tolist() == [0, 1]
    assert from_linear(LEVELS[[0, -1]]) == pytest.approx([0, 1], abs=1e-12)


def test_it_is_the_curve_of_scikit_image() -> None:
    grey = np.repeat(LEVELS[:, None], 3, 1)
    xyz = color.rgb2xyz(grey)
    assert np.abs(xyz[:, 1] - to_linear(LEVELS)).max() < 1e-6


@pytest.mark.needs("train")
def test_torch_has_the_same_curve() -> None:
    import torch

    theirs = from_linear(torch.from_numpy(LEVELS), torch)
    assert np.abs(theirs.numpy() - from_linear(LEVELS)).max() < 1e-12
