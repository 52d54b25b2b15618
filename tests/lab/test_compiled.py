import numpy as np
import pytest

from colourise.lab import compiled, pictures

CHANCE = np.random.default_rng(0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(300, 400), (61, 47), (1, 500), (500, 1), (2, 3)])
@pytest.mark.parametrize("network", [(1, 1), (2, 1), (28, 28), (224, 224)])
def test_one_compiled_pass_comes_to_the_same_levels(dtype, size, network):
    """Rounding may tip one step of the table: one level of 8 bits in few pixels, at most two of 16 bits."""
    grey = CHANCE.integers(0, np.iinfo(dtype).max + 1, size).astype(dtype)
    ab = CHANCE.uniform(-100, 90, (2, *network)).astype(np.float32)
    difference = pictures.lay_over(grey, ab, joiner=compiled.joiner).astype(int) - pictures.lay_over(grey, ab)
    assert np.abs(difference).max() <= (1 if dtype == np.uint8 else 2)
    assert (difference != 0).mean() < (0.001 if dtype == np.uint8 else 0.05)
