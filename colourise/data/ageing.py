"""Make old photographs of scenes whose colours are known, to learn from and to score on.

The grey of an old photograph is not the lightness of its scene. Early plates saw blue alone and
orthochromatic film no red, so skies are white and lips black; then come the lens, the developer, the paper, a
hundred years and a scanner. Each step here is drawn by chance within bounds that are wide but not absurd,
from one generator, so that a photo and a seed make one old photograph.
"""

from __future__ import annotations

import cv2
import numpy as np

from colourise.lab.pictures import Floats, Pixels, linear_table
from colourise.lab.srgb import from_linear

EMULSIONS = (  # what red, green and blue light add to the exposure: lowest and highest share
    ((0.20, 0.45), (0.35, 0.65), (0.10, 0.35)),  # panchromatic film
    ((0.00, 0.06), (0.35, 0.60), (0.35, 0.60)),  # orthochromatic: blind to red
    ((0.00, 0.02), (0.02, 0.20), (0.80, 1.00)),  # plates that see blue
)
SIDE = 256  # blur, grain and scratches are as wide as they would be on a picture of this side


def aged(rgb: Pixels, chance: np.random.Generator) -> Pixels:
    """Return an old photograph of a scene.

    Args:
        rgb: (H, W, 3) uint8 sRGB.
        chance: decides about everything.
    Returns:
        (H, W) uint8: grey levels of its scan.
    """
    scale = max(rgb.shape[:2]) / SIDE
    grey = exposed(rgb, chance)
    if chance.random() < 0.7:
        grey = cv2.GaussianBlur(grey, (0, 0), max(0.1, chance.uniform(0.2, 1.2) * scale))  # the lens
    grey = developed(grey, chance)
    if chance.random() < 0.7:
        grey = grey + grain(grey.shape, scale, chance) * chance.uniform(0.01, 0.06)
    if chance.random() < 0.4:
        grey = grey * (1 - chance.uniform(0.1, 0.5) * from_centre(grey.shape))  # vignetting
    grey = faded(grey, chance)
    if chance.random() < 0.3:
        grey = scratched(grey, scale, chance)
    noise = chance.normal(0, chance.uniform(0, 0.012), grey.shape)  # of the scanner
    return np.clip(np.rint((grey + noise) * 255), 0, 255).astype(np.uint8)


def exposed(rgb: Pixels, chance: np.random.Generator) -> Floats:
    """Expose an emulsion to the light of a scene; return sRGB levels, (H, W) float32 in 0..1."""
    emulsion = EMULSIONS[chance.choice(3, p=(0.5, 0.3, 0.2))]
    shares = np.array([chance.uniform(low, high) for low, high in emulsion], np.float32)
    light = cv2.transform(cv2.LUT(rgb, linear_table(rgb.dtype)), shares[None] / shares.sum())
    light *= np.float32(2 ** chance.uniform(-0.5, 0.5))  # the exposure
    return np.clip(from_linear(light), 0, 1).astype(np.float32)


def developed(grey: Floats, chance: np.random.Generator) -> Floats:
    """Change the tone curve: darker or lighter in the middle, harder or softer."""
    grey = np.power(grey, np.float32(np.exp(chance.uniform(-0.3, 0.3))))
    hard = np.float32(chance.uniform(-0.3, 0.7))
    return grey + hard * (grey * grey * (3 - 2 * grey) - grey)


def faded(grey: Floats, chance: np.random.Generator) -> Floats:
    """Narrow the range from black to white, and add large, soft stains."""
    black, white = chance.uniform(0, 0.2), chance.uniform(0.8, 1)
    grey = black + (white - black) * grey
    if chance.random() < 0.3:
        spots = chance.normal(0, 1, (4, 4)).astype(np.float32)
        stains = cv2.resize(spots, grey.shape[::-1], interpolation=cv2.INTER_CUBIC)
        grey = grey * (1 + np.float32(chance.uniform(0.02, 0.1)) * stains)
    return grey.astype(np.float32)


def grain(shape: tuple[int, ...], scale: float, chance: np.random.Generator) -> Floats:
    """Return noise (H, W) with a standard deviation of 1, as coarse as an old emulsion's."""
    noise = chance.normal(0, 1, shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), max(0.1, chance.uniform(0.3, 0.9) * scale))
    return np.divide(noise, max(float(noise.std()), 1e-6), dtype=np.float32)


def from_centre(shape: tuple[int, ...]) -> Floats:
    """Return the squared distance from the centre, (H, W): 0 at the centre, 1 in the corners."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    return np.asarray((y[:, None] ** 2 + x**2) / 2, np.float32)


def scratched(grey: Floats, scale: float, chance: np.random.Generator) -> Floats:
    """Add fine lines and dust: white where the emulsion is scratched off, black where dirt lies on it."""
    height, width = grey.shape
    grey = grey.copy()
    for _ in range(chance.integers(1, 6)):
        ends = chance.uniform(0, 1, (2, 2)) * (width, height)
        if chance.random() < 0.5:
            ends[1, 0] = ends[0, 0] + chance.uniform(-0.02, 0.02) * width  # a film scratches lengthwise
        first, last = (tuple(map(int, end)) for end in ends)
        cv2.line(grey, first, last, float(chance.random() < 0.7), max(1, round(scale)), cv2.LINE_AA)
    for _ in range(chance.integers(0, 12)):
        place = int(chance.uniform(0, width)), int(chance.uniform(0, height))
        cv2.circle(
            grey, place, max(1, round(chance.uniform(0.5, 1.5) * scale)), float(chance.random() < 0.5), -1
        )
    return grey
