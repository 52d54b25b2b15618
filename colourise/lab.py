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

STRIP_PIXELS = 1 << 18  # full-size work goes through a picture in strips of about this many pixels
ROOTS = 1 << 14  # steps of the tables over sqrt(linear light): under a quarter of an 8-bit level each


# Pictures: NumPy and OpenCV


def rgb_to_lab(pixels: Pixels) -> Floats:
    """Turn an sRGB picture into Lab.

    Args:
        pixels: (H, W, 3) uint8 or uint16.
    Returns:
        (H, W, 3) float32: L, a, b.
    """
    lab: Floats = cv2.cvtColor(linear_table(pixels.dtype)[pixels], cv2.COLOR_LRGB2Lab)
    return lab


def rgb_to_L(pixels: Pixels) -> Floats:
    """L of a picture, from its full depth.

    Args:
        pixels: (H, W) grey or (H, W, 3) sRGB, uint8 or uint16.
    Returns:
        (H, W) float32.
    """
    L: Floats = np.empty(pixels.shape[:2], np.float32)
    for rows in strips(*L.shape):
        L[rows] = 116 * cube_root(luminance(pixels[rows])) - 16
    return L


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
    return encode(show(lightness_cubed(fy), fy, ab), dtype)


def lay_over(pixels: Pixels, ab: Floats) -> Pixels:
    """Colour a picture: its own luminance, with ab enlarged to its size (bicubic).

    Args:
        pixels: (H, W) grey or (H, W, 3) sRGB, uint8 or uint16; its own colours are ignored.
        ab: (2, h, w) float32 at any size.
    Returns:
        (H, W, 3) sRGB of the same dtype, with the L of `pixels` to within rounding.
    """
    height, width = pixels.shape[:2]
    coloured = np.empty((height, width, 3), pixels.dtype)
    for rows in strips(height, width):
        Y = luminance(pixels[rows])
        coloured[rows] = encode(show(Y, cube_root(Y), enlarge(ab, rows, height, width)), pixels.dtype)
    return coloured


def clip_to_gamut_bounds(ab: Floats) -> Floats:
    """Clip ab (..., 2, H, W) to the box around sRGB's gamut."""
    low, high = np.array([A_RANGE, B_RANGE], np.float32).T[..., None, None]  # (2, 1, 1) each
    return np.clip(ab, low, high)


def resize_L(L: Floats, size: tuple[int, int]) -> Floats:
    """Bring L (H, W) to (height, width): area average when it shrinks, bilinear when it grows."""
    how = cv2.INTER_AREA if size[0] <= L.shape[0] and size[1] <= L.shape[1] else cv2.INTER_LINEAR
    resized: Floats = cv2.resize(L, size[::-1], interpolation=how)
    return resized


def enlarge(ab: Floats, rows: slice, height: int, width: int) -> Floats:
    """Rows of ab (2, h, w) brought to (height, width), without making the rest: (2, rows, width)."""
    h, w = ab.shape[1:]
    # Centres of pixels in the small picture, as in every resize with half-pixel centres.
    x = ((np.arange(width, dtype=np.float32) + 0.5) * (w / width) - 0.5)[None, :]
    y = ((np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * (h / height) - 0.5)[:, None]
    shape = (rows.stop - rows.start, width)
    x, y = np.ascontiguousarray(np.broadcast_to(x, shape)), np.ascontiguousarray(np.broadcast_to(y, shape))
    planes = [cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for plane in ab]
    return np.stack(planes)


def strips(height: int, width: int) -> list[slice]:
    """Slices of rows that cover `height`, each of about STRIP_PIXELS pixels."""
    step = max(1, STRIP_PIXELS // max(1, width))
    return [slice(top, min(top + step, height)) for top in range(0, height, step)]


def luminance(pixels: Pixels) -> Floats:
    """Y, (H, W) float32 0..1, of a grey or sRGB picture."""
    linear = linear_table(pixels.dtype)[pixels]
    if pixels.ndim == 2:
        return linear
    Y: Floats = cv2.transform(linear, RGB_TO_XYZ[1:2].astype(np.float32))
    return Y


def cube_root(Y: Floats) -> Floats:
    """Lab's f(Y), from a table over sqrt(Y)."""
    return f_table()[root_index(Y)]


def lightness_cubed(f: Floats) -> Floats:
    """Lab's f backwards: (f > DELTA) f ** 3, else the line."""
    line = (f - np.float32(4 / 29)) * np.float32(3 * DELTA**2)
    return np.where(f > DELTA, f * f * f, line)


def show(Y: Floats, fy: Floats, ab: Floats) -> Floats:
    """Linear RGB (H, W, 3) of luminance Y with colour ab (2, H, W), as colourful as sRGB can show it."""
    X = lightness_cubed(fy + ab[0] * np.float32(1 / 500)) * np.float32(WHITE[0])
    Z = lightness_cubed(fy - ab[1] * np.float32(1 / 200)) * np.float32(WHITE[2])
    linear: Floats = cv2.transform(cv2.merge([X, Y, Z]), XYZ_TO_RGB.astype(np.float32))
    red, green, blue = cv2.split(linear)
    low, high = cv2.min(cv2.min(red, green), blue), cv2.max(cv2.max(red, green), blue)
    outside = (low < 0) | (high > 1)
    if outside.any():
        y, far_down, far_up = Y[outside], Y[outside] - low[outside], high[outside] - Y[outside]
        keep = np.minimum(1, np.minimum(y / np.maximum(far_down, y), (1 - y) / np.maximum(far_up, 1 - y)))
        linear[outside] = y[:, None] + keep[:, None] * (linear[outside] - y[:, None])
    return linear


def to_srgb(linear: NDArray[Any]) -> NDArray[Any]:
    """SRGB value, 0..1, of linear light, 0..1, same shape."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)


def root_index(linear: Floats) -> NDArray[np.uint16]:
    """Where in a table over sqrt(linear light) a value lies; values outside 0..1 go to the ends."""
    flat = linear.reshape(len(linear), -1)  # OpenCV's scalars mean the first channel only
    root = cv2.sqrt(cv2.min(cv2.max(flat, 0.0), 1.0))
    index: NDArray[np.uint16] = cv2.multiply(root, ROOTS, dtype=cv2.CV_16U)
    return index.reshape(linear.shape)


def encode(linear: Floats, dtype: Any) -> Pixels:
    """SRGB pixels of linear light, same shape."""
    if dtype == np.uint8:
        return srgb_table()[root_index(linear)]
    return np.rint(to_srgb(np.clip(linear, 0, 1)) * np.iinfo(dtype).max).astype(dtype)


@cache
def linear_table(dtype: Any) -> Floats:
    """Linear light, 0..1, of every sRGB value of this dtype."""
    srgb = np.linspace(0, 1, np.iinfo(dtype).max + 1)
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def f_table() -> Floats:
    """Lab's f(Y) at ROOTS + 1 evenly spaced values of sqrt(Y)."""
    Y = (np.arange(ROOTS + 1) / ROOTS) ** 2
    return np.where(Y > DELTA**3, np.cbrt(Y), Y / (3 * DELTA**2) + 4 / 29).astype(np.float32)


@cache
def srgb_table() -> NDArray[np.uint8]:
    """8-bit sRGB at ROOTS + 1 evenly spaced values of sqrt(linear light)."""
    linear = (np.arange(ROOTS + 1) / ROOTS) ** 2
    return np.rint(to_srgb(linear) * 255).astype(np.uint8)


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
