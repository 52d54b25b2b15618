"""Tell a photo in colour from a black-and-white one that is only tinted.

Sepia, selenium, cyanotypes and yellowed paper give a print a colour, but one colour: how much of it depends
on how dark a place is, and its hue hardly changes. What is left of the colours after such a tint is taken
out tells the two apart. tools/colour_photos.py measures how often it is wrong.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from colourise.lab.pictures import RGB_TO_XYZ, WHITE, Pixels, f, linear_table, resize

SIDE = 32  # pixels of the longest side: noise of the scanner and blocks of JPEG are averaged away
ROWS = 3  # rows of the photo that are averaged to one, at most: more take time and change little
DEGREE = 3  # of the polynomial in L that a tint is
UNEVEN = 0.3  # share by which a tint may be stronger or weaker in places, as of paper that yellowed unevenly
COLOURED_SHARE = 0.1  # of the picture: a stamp, a stain or a coloured border may cover less than this
ROUNDS = 3  # in which the tint is found, each without what deviated most in the one before
THRESHOLD = 2.6  # Lab units


def has_colour(pixels: Pixels) -> bool:
    """Tell whether a photo has colours of its own, beyond a tint.

    Args:
        pixels: (H, W) grey or (H, W, 3) sRGB, uint8 or uint16.
    """
    return pixels.ndim == 3 and colour_beyond_tint(pixels) > THRESHOLD


def colour_beyond_tint(pixels: Pixels) -> float:
    """Measure the colour that is left of a photo after its tint is taken out, in Lab units.

    The tint is the best cubic polynomial in L, for a and for b. Along its hue, deviations below UNEVEN of the
    tint do not count. The result is the deviation that COLOURED_SHARE of the picture exceeds.

    Args:
        pixels: (H, W, 3) sRGB, uint8 or uint16.
    """
    L, ab = small_lab(shrunk(pixels))
    powers = np.vander(L / 50 - 1, DEGREE + 1)
    deviation, most = np.zeros(len(L)), 0.0
    last = int((1 - COLOURED_SHARE) * (len(L) - 1))
    for _ in range(ROUNDS):
        some = deviation <= most
        deviation = deviations(ab, powers @ fitted(powers[some], ab[some]))
        most = float(np.partition(deviation, last)[last])  # np.quantile takes 15 ms to be imported
    return most


def small_lab(pixels: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return L (N,) and ab (N, 2) of the N pixels of a small picture (h, w, 3).

    OpenCV, which serves whole photos, takes a tenth of a second to begin with.
    """
    linear = linear_table(pixels.dtype)[pixels.reshape(-1, 3)]
    shares = (linear @ (RGB_TO_XYZ / WHITE[:, None]).T).astype(np.float32)  # of white
    x, y, z = f(shares).T.astype(np.float64)
    return 116 * y - 16, np.stack([500 * (x - y), 200 * (y - z)], 1)


def fitted(powers: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coefficients (DEGREE + 1, 2) of the polynomials that fit values (N, 2) best."""
    coefficients, *_ = np.linalg.lstsq(powers.T @ powers, powers.T @ values)  # also if all L are equal
    return np.asarray(coefficients, np.float64)


def deviations(ab: NDArray[np.float64], tint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far colours (N, 2) are from those of a tint that may be stronger or weaker, (N,)."""
    strength = np.hypot(*tint.T)
    hue = (tint / np.maximum(strength, 1e-6)[:, None]).T
    rest = (ab - tint).T
    along = np.abs(rest[0] * hue[0] + rest[1] * hue[1])
    across = rest[1] * hue[0] - rest[0] * hue[1]
    return np.hypot(across, np.maximum(along - UNEVEN * strength, 0))


def shrunk(pixels: Pixels) -> Pixels:
    """Return a small version (h, w, 3) of a photo, of its dtype, made of some of its rows."""
    height, width = pixels.shape[:2]
    scale = min(1, SIDE / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    return resize(pixels[:: max(1, height // (ROWS * size[0]))], size)
