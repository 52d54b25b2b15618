"""Old photographs: the same for the same seed, blind to what their film was, and never too far gone."""

import numpy as np
import pytest
from helpers.photos import PHOTOS, pixels

from colourise.data import ageing
from colourise.data.ageing import EMULSIONS, aged, exposed


@pytest.fixture
def scene() -> np.ndarray:
    return pixels(PHOTOS / "astronaut.jpg")[:256, :256]


def test_a_seed_makes_one_old_photograph(scene: np.ndarray) -> None:
    before = scene.copy()
    old = [aged(scene, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert old[0].shape == scene.shape[:2] and old[0].dtype == np.uint8
    assert np.array_equal(old[0], old[1]) and not np.array_equal(old[0], old[2])
    assert np.array_equal(scene, before)


def test_what_it_shows_can_still_be_seen(scene: np.ndarray) -> None:
    """Not every step has to be weak, but structure survives: each correlates with the scene's luminance."""
    grey = scene @ [0.2126, 0.7152, 0.0722]
    alike = [
        np.corrcoef(grey.ravel(), aged(scene, np.random.default_rng(seed)).ravel())[0, 1]
        for seed in range(40)
    ]
    assert min(alike) > 0.6
    assert np.median(alike) > 0.85


@pytest.mark.parametrize(
    ("emulsion", "order"), [(0, "green blue"), (1, "green red"), (1, "blue red"), (2, "blue green")]
)
def test_film_is_blind_to_what_it_was_blind_to(
    monkeypatch: pytest.MonkeyPatch, emulsion: int, order: str
) -> None:
    monkeypatch.setattr(ageing, "EMULSIONS", (EMULSIONS[emulsion],) * 3)
    patches = np.eye(3, dtype=np.uint8)[None] * 200  # (1, 3, 3): a red, a green and a blue pixel
    lighter, darker = (("red", "green", "blue").index(name) for name in order.split())
    for seed in range(20):
        levels = exposed(patches, np.random.default_rng(seed))[0]
        assert levels[lighter] > levels[darker]


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (40, 3), (600, 500)])
def test_any_size(size: tuple[int, int]) -> None:
    scene = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    for seed in range(8):
        assert aged(scene, np.random.default_rng(seed)).shape == size
