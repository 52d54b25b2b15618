"""sRGB <-> CIE Lab, and ab laid over a picture's own lightness.

NumPy and OpenCV serve pictures, torch serves training; both work from the constants below. `L` is
0..100, `ab` about -110..110, `Y` (luminance, linear light) 0..1, all float32; white is D65 (2 degrees).

Two things to notice. OpenCV's own RGB -> Lab reads the transfer function from a coarse table and is off
by up to 0.47, so ours is exact and OpenCV does only linear RGB -> Lab. And on the way back a colour that
sRGB cannot show is moved towards the grey of its own luminance until it can be shown. Y is linear in
RGB, so L survives that, which clipping each channel would not give.

Source: IEC 61966-2-1 (sRGB) and CIE 15 (Lab); checked against scikit-image.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Pixels = NDArray[Any]  # uint8 or uint16
Floats = NDArray[np.float32]

RGB_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
WHITE = RGB_TO_XYZ.sum(axis=1)  # D65: X, Y, Z of RGB (1, 1, 1)
XYZ_TO_RGB = np.linalg.inv(RGB_TO_XYZ)
DELTA = 6 / 29  # f(t) is a cube root above DELTA ** 3 and a line of slope 1 / (3 DELTA ** 2) below
A_RANGE = (-86.2, 98.2)  # what sRGB's gamut spans
B_RANGE = (-107.9, 94.5)

STRIP_PIXELS = 1 << 17  # full-size work goes through a picture in strips of about this many pixels
ROOTS = (1 << 16) - 1  # steps of the table over sqrt(linear light): about one 16-bit level each


# Pictures: NumPy and OpenCV


def rgb_to_lab(pixels: Pixels) -> Floats:
    """Turn an sRGB picture into Lab.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
    Returns:
        (H, W, 3) float32: L, a, b.
    """
    lab: Floats = cv2.cvtColor(cv2.LUT(pixels, linear_table(pixels.dtype)), cv2.COLOR_LRGB2Lab)
    return lab


def rgb_to_L(pixels: Pixels, size: tuple[int, int] | None = None) -> Floats:
    """L of a picture, from its full depth, at its own or another size.

    Args:
        pixels: (H, W) grey or (H, W, 3) sRGB, uint8 or uint16.
        size: (height, width) of the result; by default the picture's own.
    Returns:
        (height, width) float32.
    """
    height, width = pixels.shape[:2]
    rows_wanted, columns = size or (height, width)
    L: Floats = np.empty((height, columns), np.float32)
    for rows in strips(height, width):  # area averages are separable: first along the rows, then down
        strip = 116 * f(luminance(pixels[rows])) - 16
        L[rows] = resize(strip, (len(strip), columns))
    return resize(L, (rows_wanted, columns))


def lab_to_rgb(L: Floats, ab: Floats, dtype: Any = np.uint8) -> Pixels:
    """Join lightness and colour into an sRGB picture that has this L whatever ab asks for.

    Args:
        L: (H, W) float32.
        ab: (2, H, W) float32; colours outside sRGB lose chroma, not lightness.
        dtype: uint8 or uint16.
    Returns:
        (H, W, 3) of that dtype.
    """
    fy = (L + np.float32(16)) / np.float32(116)
    return encode(show(f_inverse(fy), fy, ab), dtype)


def lay_over(pixels: Pixels, ab: Floats) -> Pixels:
    """Colour a picture: its own luminance, with ab enlarged to its size (bilinear).

    Args:
        pixels: (H, W) grey or (H, W, 3) sRGB, uint8 or uint16; its own colours are ignored.
        ab: (2, h, w) float32 at any size.
    Returns:
        (H, W, 3) sRGB of the same dtype, with the L of `pixels` to within rounding.
    """
    height, width = pixels.shape[:2]
    coloured = np.empty((height, width, 3), pixels.dtype)

    def lay(rows: slice) -> None:
        Y = luminance(pixels[rows])
        coloured[rows] = encode(show(Y, f(Y), enlarge(ab, rows, height, width)), pixels.dtype)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # NumPy and OpenCV let go of the interpreter
        list(pool.map(lay, strips(height, width)))
    return coloured


def clip_to_gamut_bounds(ab: Floats) -> Floats:
    """Clip ab (..., 2, H, W) to the box around sRGB's gamut."""
    low, high = np.array([A_RANGE, B_RANGE], np.float32).T[..., None, None]  # (2, 1, 1) each
    return np.clip(ab, low, high)


def resize(plane: Floats, size: tuple[int, int]) -> Floats:
    """Bring (H, W) to (height, width): area average along a side that shrinks, bilinear where it grows."""
    least = min(plane.shape[0], size[0]), min(plane.shape[1], size[1])
    if plane.shape != least:
        plane = cv2.resize(plane, least[::-1], interpolation=cv2.INTER_AREA)
    return plane if least == size else cv2.resize(plane, size[::-1], interpolation=cv2.INTER_LINEAR)


def enlarge(ab: Floats, rows: slice, height: int, width: int) -> Floats:
    """Rows of ab (2, h, w) brought to (height, width) without making the rest: (2, rows, width); bilinear."""
    h = ab.shape[1]
    at = np.clip((np.arange(rows.start, rows.stop) + 0.5) * h / height - 0.5, 0, h - 1)  # pixel centres
    above = at.astype(np.intp)
    below, share = np.minimum(above + 1, h - 1), (at - above).astype(np.float32)[:, None]
    tall = ab[:, above] + (ab[:, below] - ab[:, above]) * share  # (2, rows, w)
    size = width, len(at)
    return np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in tall])


def strips(height: int, width: int) -> list[slice]:
    """Slices of rows that cover `height`, each of about STRIP_PIXELS pixels."""
    step = max(1, STRIP_PIXELS // max(1, width))
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]


def luminance(pixels: Pixels) -> Floats:
    """Y, (H, W) float32 0..1, of a grey or sRGB picture."""
    linear = cv2.LUT(pixels, linear_table(pixels.dtype))
    return linear if pixels.ndim == 2 else cv2.transform(linear, RGB_TO_XYZ[1:2].astype(np.float32))


def f(t: Floats) -> Floats:
    """CIE 15's f: the cube root of a share of white, and a line near black; same shape."""
    root = np.cbrt(t)
    np.copyto(root, t * np.float32(1 / (3 * DELTA**2)) + np.float32(4 / 29), where=t < DELTA**3)
    return root


def f_inverse(root: Floats) -> Floats:
    """The way back from `f`; same shape."""
    t = root * root * root
    np.copyto(t, (root - np.float32(4 / 29)) * np.float32(3 * DELTA**2), where=root < DELTA)
    return t


def show(Y: Floats, fy: Floats, ab: Floats) -> list[Floats]:
    """Linear red, green, blue (H, W) of luminance Y with colour ab (2, H, W), as colourful as sRGB can be."""
    X = f_inverse(fy + ab[0] * np.float32(1 / 500)) * np.float32(WHITE[0])
    Z = f_inverse(fy - ab[1] * np.float32(1 / 200)) * np.float32(WHITE[2])
    rgb: list[Floats] = [x * X + y * Y + z * Z for x, y, z in XYZ_TO_RGB.astype(np.float32)]
    low, high = cv2.min(cv2.min(*rgb[:2]), rgb[2]), cv2.max(cv2.max(*rgb[:2]), rgb[2])
    if low.min() < 0 or high.max() > 1:
        tiny = np.float32(1e-9)
        down = (Y + tiny) / (np.maximum(Y - low, Y) + tiny)  # share of the chroma at which `low` becomes 0
        up = (1 - Y + tiny) / (np.maximum(high, 1) - Y + tiny)  # and at which `high` becomes 1
        keep = np.minimum(down, up)
        rgb = [Y + keep * (channel - Y) for channel in rgb]
    return rgb


def encode(rgb: list[Floats], dtype: Any) -> Pixels:
    """Linear red, green, blue (H, W) -> sRGB (H, W, 3)."""
    planes = []
    for channel in rgb:
        root = cv2.sqrt(np.clip(channel, 0, 1))
        planes.append(cv2.LUT((root * ROOTS + np.float32(0.5)).astype(np.uint16), srgb_table(dtype)))
    return cv2.merge(planes)


@cache
def linear_table(dtype: Any) -> Floats:
    """Linear light, 0..1, of every sRGB value of this dtype."""
    srgb = np.linspace(0, 1, np.iinfo(dtype).max + 1)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def srgb_table(dtype: Any) -> Pixels:
    """The sRGB value of this dtype at ROOTS + 1 evenly spaced values of sqrt(linear light)."""
    linear = (np.arange(ROOTS + 1) / ROOTS) ** 2
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    return np.rint(srgb * np.iinfo(dtype).max).astype(dtype)


# Training: torch


def tensor_rgb_to_lab(rgb: Tensor) -> Tensor:
    """Turn sRGB into Lab, differentiably.

    Args:
        rgb: (N, 3, H, W) float32, 0..1.
    Returns:
        (N, 3, H, W) float32: L, a, b.
    """
    import torch

    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4)
    matrix = rgb.new_tensor(RGB_TO_XYZ / WHITE[:, None])
    xyz = torch.einsum("ij,njhw->nihw", matrix, linear)
    line = xyz / (3 * DELTA**2) + 4 / 29
    fx, fy, fz = torch.where(xyz > DELTA**3, xyz.clamp(min=DELTA**3) ** (1 / 3), line).unbind(1)
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)], 1)


def tensor_lab_to_rgb(L: Tensor, ab: Tensor) -> Tensor:
    """Join L and ab into sRGB, differentiably; colours outside the gamut are clipped.

    Args:
        L: (N, 1, H, W) float32.
        ab: (N, 2, H, W) float32.
    Returns:
        (N, 3, H, W) float32, 0..1.
    """
    import torch

    fy = (L + 16) / 116  # (N, 1, H, W)
    f = torch.cat([fy + ab[:, :1] / 500, fy, fy - ab[:, 1:] / 200], 1)
    xyz = torch.where(f > DELTA, f**3, 3 * DELTA**2 * (f - 4 / 29))
    matrix = L.new_tensor(XYZ_TO_RGB * WHITE)
    linear = torch.einsum("ij,njhw->nihw", matrix, xyz).clamp(0, 1)
    curve = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curve)
