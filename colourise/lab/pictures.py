"""sRGB <-> CIE Lab, and ab laid over a picture's own lightness.

NumPy and OpenCV serve pictures, torch serves training (tensors.py), Numba many pictures (compiled.py); all
work from the constants below. `L` is 0..100, `ab` about -110..110, `Y` (luminance, linear light) 0..1, all
float32; white is D65 (2 degrees).

Two things to notice. OpenCV's own RGB -> Lab reads the transfer function from a coarse table and is off
by up to 0.47, so ours is exact and OpenCV does only linear RGB -> Lab. And on the way back a colour that
sRGB cannot show is moved towards the grey of its own luminance until it can be shown. Y is linear in
RGB, so L survives that, which clipping each channel would not give.

Source: IEC 61966-2-1 (sRGB) and CIE 15 (Lab); checked against scikit-image.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from colourise.lab.srgb import from_linear, to_linear
from colourise.lab.strips import strips

Pixels = NDArray[Any]  # uint8 or uint16
Floats = NDArray[np.float32]
Joiner = Callable[[Floats, slice, Pixels], None]
"""Joins strips of one picture with colour: takes f of a strip's luminance, (rows, width) float32; which rows
it is; and (rows, width, 3) uint8 or uint16 for the colours."""

JoinerMaker = Callable[[Floats, int, int], Joiner]
"""Makes a joiner for ab (2, h, w) and a picture of (height, width): `plain_joiner`, or compiled.py's."""

RGB_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]]
)
WHITE = RGB_TO_XYZ.sum(axis=1)  # D65: X, Y, Z of RGB (1, 1, 1)
XYZ_TO_RGB = np.linalg.inv(RGB_TO_XYZ)
DELTA = 6 / 29  # f(t) is a cube root above DELTA ** 3 and a line of slope 1 / (3 DELTA ** 2) below
A_RANGE = (-86.2, 98.2)  # what sRGB's gamut spans
B_RANGE = (-107.9, 94.5)

STRIP_PIXELS = 1 << 17  # full-size work goes through a picture in strips of about this many pixels
FAR = 4  # a side that becomes this many times shorter is averaged row by row
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
    """Return L of a picture, from its full depth, at its own or another size.

    Args:
        pixels: (H, W) grey or (H, W, 3) sRGB, uint8 or uint16.
        size: (height, width) of the result; by default the picture's own.
    Returns:
        (height, width) float32.
    """
    pixels = resize(pixels, size or pixels.shape[:2])  # as training does: a crop is resized as it is stored
    height, width = pixels.shape[:2]
    L: Floats = np.empty((height, width), np.float32)
    for rows in strips(height, width, STRIP_PIXELS):
        L[rows] = 116 * f(luminance(pixels[rows])) - 16
    return L


def lay_over(
    pixels: Pixels, ab: Floats, threads: int | None = None, *, joiner: JoinerMaker | None = None
) -> Pixels:
    """Colour a picture: its own luminance, with ab enlarged to its size (bilinear).

    Args:
        pixels: (H, W) grey or (H, W, 3) sRGB, uint8 or uint16; its own colours are ignored.
        ab: (2, h, w) float32 at any size.
        threads: how many threads to use; by default one a processor.
        joiner: what makes the joiner; by default `plain_joiner`. compiled.py's is faster once it is loaded.
    Returns:
        (H, W, 3) sRGB of the same dtype, with the L of `pixels` to within rounding.
    """
    keep_freed_memory()
    height, width = pixels.shape[:2]
    coloured = np.empty((height, width, 3), pixels.dtype)
    join = (joiner or plain_joiner)(ab, height, width)

    def lay(rows: slice) -> None:
        strip = pixels[rows]
        fy = cv2.LUT(strip, f(linear_table(pixels.dtype))) if strip.ndim == 2 else f(luminance(strip))
        join(fy, rows, coloured[rows])

    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:  # all let go of the interpreter
        list(pool.map(lay, strips(height, width, STRIP_PIXELS)))
    return coloured


def plain_joiner(ab: Floats, height: int, width: int) -> Joiner:
    """Return a joiner for a picture of this size and ab (2, h, w), in NumPy and OpenCV."""

    def join(fy: Floats, rows: slice, out: Pixels) -> None:
        out[:] = encode(show(fy, enlarge(ab, rows, height, width)), out.dtype)

    return join


def clip_to_gamut_bounds(ab: Floats) -> Floats:
    """Clip ab (..., 2, H, W) to the box around sRGB's gamut."""
    low, high = np.array([A_RANGE, B_RANGE], np.float32).T[..., None, None]  # (2, 1, 1) each
    return np.clip(ab, low, high)


def resize(picture: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize (H, W) or (H, W, C) to (height, width): by averages along a side that shrinks, else bilinear."""
    least = min(picture.shape[0], size[0]), min(picture.shape[1], size[1])
    if picture.shape[:2] != least:
        whole = picture.dtype.kind == "u" and picture.shape[0] >= FAR * least[0]
        few = average_rows(picture, least[0]) if whole else picture
        few = cv2.resize(few, least[::-1], interpolation=cv2.INTER_AREA)
        picture = np.rint(few, out=few).astype(picture.dtype) if whole else few
    return picture if least == size else cv2.resize(picture, size[::-1], interpolation=cv2.INTER_LINEAR)


def average_rows(picture: Pixels, height: int) -> Floats:
    """Average rows down to `height`, five times as fast as OpenCV; return (height, W ...) float32."""
    edges = np.linspace(0, len(picture), height + 1)
    flat = picture.reshape(len(picture), -1)
    averages: Floats = np.empty((height, flat.shape[1]), np.float32)
    for row, (top, bottom) in enumerate(itertools.pairwise(edges)):
        band = flat[int(top) : math.ceil(bottom)]
        cv2.reduce(band, 0, cv2.REDUCE_SUM, averages[row : row + 1], cv2.CV_32F)
        averages[row] -= band[0] * np.float32(top % 1)  # what of the first and the last row is outside
        averages[row] -= band[-1] * np.float32(-bottom % 1)
    averages *= np.float32(height / len(picture))
    return averages.reshape(height, *picture.shape[1:])


def enlarge(ab: Floats, rows: slice, height: int, width: int) -> list[Floats]:
    """Return some rows of ab (2, h, w) enlarged to (height, width), bilinear: a and b."""
    h = ab.shape[1]
    at = np.clip((np.arange(rows.start, rows.stop) + 0.5) * h / height - 0.5, 0, h - 1)  # pixel centres
    above = at.astype(np.intp)
    below, share = np.minimum(above + 1, h - 1), (at - above).astype(np.float32)[:, None]
    tall = ab[:, above] + (ab[:, below] - ab[:, above]) * share  # (2, rows, w)
    return [cv2.resize(plane, (width, len(at)), interpolation=cv2.INTER_LINEAR) for plane in tall]


def one_channel(pixels: Pixels) -> Pixels:
    """Return grey pixels as (H, W), also if they come as three equal channels, as in most scans."""
    if pixels.ndim == 2:
        return pixels
    height, width = pixels.shape[:2]
    for rows in strips(height, width, STRIP_PIXELS):  # a photo in colour is told by its first rows
        red, green, blue = cv2.split(pixels[rows])
        if cv2.norm(red, green, cv2.NORM_INF) or cv2.norm(green, blue, cv2.NORM_INF):
            return pixels
    return cv2.extractChannel(pixels, 0)


@cache
def keep_freed_memory() -> None:
    """Have the C library keep what a strip frees for the next one.

    glibc gives blocks back to the kernel, and new ones cost a fault a page, until a block of this size has
    been freed once.
    """
    np.empty(31 << 20, np.uint8)


def luminance(pixels: Pixels) -> Floats:
    """Return Y, (H, W) float32 0..1, of a grey or sRGB picture."""
    linear = cv2.LUT(pixels, linear_table(pixels.dtype))
    if pixels.ndim == 2:
        return linear
    return cv2.transform(linear, RGB_TO_XYZ[1:2].astype(np.float32))


def f(t: Floats) -> Floats:
    """Compute CIE 15's f: the cube root of a share of white, and a line near black; same shape."""
    root = np.maximum(t, np.float32(DELTA**3))
    line = cv2.addWeighted(t, 1 / (3 * DELTA**2), root, -1 / (3 * DELTA**2), 0)  # 0 above DELTA ** 3
    return np.cbrt(root, out=root) + line


def f_inverse(root: Floats) -> Floats:
    """Invert `f`; same shape."""
    t = np.maximum(root, np.float32(DELTA))
    line = cv2.addWeighted(root, 3 * DELTA**2, t, -3 * DELTA**2, 0)  # 0 above DELTA
    line += t * t * t
    return line


def show(fy: Floats, ab: Floats | Sequence[Floats]) -> list[Floats]:
    """Return linear red, green, blue (H, W) of lightness f(Y) and ab, whose chroma is reduced to fit sRGB."""
    Y = np.clip(f_inverse(fy), 0, 1)  # white may round to more
    red = (
        f_inverse(cv2.scaleAdd(ab[0], 1 / 500, fy)) - Y
    )  # how far X and Z, as shares of white, are from grey
    blue = f_inverse(cv2.scaleAdd(ab[1], -1 / 200, fy)) - Y
    chroma = [cv2.addWeighted(red, x, blue, z, 0) for x, _, z in XYZ_TO_RGB * WHITE]  # RGB's from grey, Y
    low, high = cv2.min(cv2.min(*chroma[:2]), chroma[2]), cv2.max(cv2.max(*chroma[:2]), chroma[2])
    tiny = np.float32(1e-9)
    dark, light = Y + tiny, np.float32(1) - Y + tiny
    dark /= cv2.max(dark, -low)  # share of the chroma at which `low` makes 0
    light /= cv2.max(light, high)  # and at which `high` makes 1
    keep = cv2.min(dark, light)
    return [cv2.add(Y, cv2.multiply(keep, channel)) for channel in chroma]


def encode(rgb: list[Floats], dtype: Any) -> Pixels:
    """Encode linear red, green, blue (H, W), 0..1 to within rounding, as sRGB (H, W, 3)."""
    planes = []
    for channel in rgb:
        root = np.maximum(channel, 0)
        np.sqrt(root, out=root)
        root *= ROOTS
        root += np.float32(0.5)
        planes.append(cv2.LUT(root.astype(np.uint16), srgb_table(dtype)))
    return cv2.merge(planes)


@cache
def linear_table(dtype: Any) -> Floats:
    """Return the linear light, 0..1, of every sRGB value of this dtype."""
    return to_linear(np.linspace(0, 1, np.iinfo(dtype).max + 1)).astype(np.float32)


@cache
def srgb_table(dtype: Any) -> Pixels:
    """Return the sRGB values of this dtype at ROOTS + 1 evenly spaced values of sqrt(linear light)."""
    srgb = from_linear((np.arange(ROOTS + 1) / ROOTS) ** 2)
    return np.rint(srgb * np.iinfo(dtype).max).astype(dtype)
