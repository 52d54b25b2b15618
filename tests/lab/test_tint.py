"""Photos in colour are told from black-and-white ones, whatever the tint of these."""

import io

import numpy as np
import pytest
from helpers.photos import PHOTOS, black_and_white, pixels
from PIL import Image

from colourise.lab.pictures import Pixels, lay_over
from colourise.lab.tint import THRESHOLD, colour_beyond_tint, has_colour

NAMES = ["astronaut.jpg", "chelsea.jpg", "coffee.jpg", "rocket.jpg"]
TINTS = {"sepia": (10, 22), "selenium": (9, -7), "cyanotype": (-8, -26), "red": (20, 15), "yellowed": (5, 20)}


def tinted(grey: Pixels, a: float, b: float, strength: Pixels | float = 1.0) -> Pixels:
    """A print in one tone, (H, W, 3), stronger in the middle tones."""
    tone = grey / np.float32(255)
    return lay_over(
        grey, np.stack([a, b])[:, None, None].astype(np.float32) * 4 * tone * (1 - tone) * strength
    )


@pytest.mark.parametrize("name", NAMES)
def test_photos_in_colour(name: str) -> None:
    photo = pixels(PHOTOS / name)
    assert has_colour(photo)
    assert has_colour(photo.astype(np.uint16) * 257)


@pytest.mark.parametrize("name", NAMES)
def test_grey_photos(name: str) -> None:
    grey = pixels(black_and_white(name))
    assert not has_colour(grey)
    assert colour_beyond_tint(np.repeat(grey[..., None], 3, 2)) < 0.1


@pytest.mark.parametrize("tint", TINTS)
@pytest.mark.parametrize("name", NAMES)
def test_tinted_prints(name: str, tint: str) -> None:
    grey = pixels(black_and_white(name))
    print_ = tinted(grey, *TINTS[tint])
    assert np.ptp(print_, axis=2).max() > 15  # it has colour, as a scanner sees it
    assert not has_colour(print_)
    across = np.linspace(0.75, 1.25, grey.shape[1], dtype=np.float32)
    assert not has_colour(tinted(grey, *TINTS[tint], across))


@pytest.mark.parametrize("quality", [40, 90])
def test_noise_and_jpeg_are_no_colour(quality: int) -> None:
    print_ = tinted(pixels(black_and_white("chelsea.jpg")), *TINTS["sepia"])
    noisy = np.clip(print_ + np.random.default_rng(0).normal(0, 8, print_.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=quality)
    assert not has_colour(pixels(file.getvalue()))


def test_a_stamp_or_a_border_does_not_make_a_photo_in_colour() -> None:
    print_ = tinted(pixels(black_and_white("chelsea.jpg")), *TINTS["sepia"])
    height, width = print_.shape[:2]
    stamped = print_.copy()
    stamped[: height // 4, : width // 4] = 200, 20, 20  # a sixteenth
    assert not has_colour(stamped)
    stamped[: height // 2, : width // 2] = 200, 20, 20  # a quarter
    assert has_colour(stamped)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 2)])
def test_small_and_flat_pictures(shape: tuple[int, int]) -> None:
    assert not has_colour(np.full((*shape, 3), (200, 30, 30), np.uint8))


def test_the_size_of_the_file_does_not_matter() -> None:
    with Image.open(PHOTOS / "chelsea.jpg") as image:
        large = np.asarray(image.resize((2400, 1600)))
    assert colour_beyond_tint(large) == pytest.approx(
        colour_beyond_tint(pixels(PHOTOS / "chelsea.jpg")), rel=0.15
    )
    assert colour_beyond_tint(large) > THRESHOLD
