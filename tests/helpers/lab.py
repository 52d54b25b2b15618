"""Colours, and their Lab as scikit-image has it."""

import numpy as np
from skimage import color

from colourise.lab.pictures import DELTA, RGB_TO_XYZ, WHITE
from colourise.lab.srgb import to_linear

EVERY = np.stack(np.meshgrid(*[np.arange(0, 256, 5)] * 3), -1).reshape(52, -1, 3).astype(np.uint8)


def reference(pixels):
    return color.rgb2lab(pixels / np.iinfo(pixels.dtype).max)


def rgb_to_lab(rgb):
    """Lab (3, H, W) float32 of sRGB (3, H, W), 0..1, by the package's own matrix."""
    xyz = np.einsum("ij,jhw->ihw", RGB_TO_XYZ / WHITE[:, None], to_linear(rgb))
    fx, fy, fz = np.where(xyz > DELTA**3, np.cbrt(xyz), xyz / (3 * DELTA**2) + 4 / 29)
    return np.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)]).astype(np.float32)
