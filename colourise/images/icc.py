"""ICC profiles: convert pixels of any profile to sRGB, at the depth they have.

Relative colorimetric intent with black-point compensation throughout, which is what photo editors use
on the way to a screen. The engine is LittleCMS as `imagecodecs` has it, because Pillow's takes 8 bits.

What to notice: left to itself LittleCMS turns a 16-bit conversion into a coarse table of colours, which
is off by up to 18 of 255 levels near the edge of the gamut (Adobe RGB to sRGB), and 8-bit greys are off
by 1.5. Told not to, it is right to 0.1 level, in 0.28 s a megapixel instead of 0.04.
"""

import functools

import numpy as np

from colourise.lab.strips import strips

_RELATIVE_COLORIMETRIC = 1
_BLACK_POINT_COMPENSATION = 0x2000
_EXACT = 0x0100  # cmsFLAGS_NOOPTIMIZE
_STRIP = 2**20  # pixels converted at once
_LEAST_CONTRAST = 64  # levels of 8 bits between black and white of any profile that is sound
_GAMMA = 0.45455  # of what is sRGB, or as good as
_GAMMA_TOLERANCE = 0.01
_STEEPEST = 10  # gamma, or its inverse
_CHROMATICITY = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # IEC 61966-2-1
_CHROMATICITY_TOLERANCE = 0.005
_ABOUT = 4  # levels of 8 bits


def colour_space(icc: bytes) -> str:
    """Return the colour space of a profile, such as "RGB", "GRAY" or "CMYK"; "" if its header has no text."""
    text = icc[16:20].decode("latin-1").strip(" \0")
    return text if text.isascii() and text.isprintable() else ""


@functools.cache
def srgb() -> bytes:
    """Return an sRGB profile to embed: the same bytes on every call and every day."""
    import imagecodecs

    icc: bytes = imagecodecs.cms_profile("srgb")
    epoch = b"".join(number.to_bytes(2) for number in (2000, 1, 1, 0, 0, 0))
    return icc[:24] + epoch + icc[36:]  # bytes 24 to 35: when the profile was made


def of_chunks(gamma: float | None, chromaticity: tuple[float, ...] | None, *, grey: bool) -> bytes | None:
    """Return a profile for what a PNG says of its light without a profile; None: it is sRGB, or as good as.

    Args:
        gamma: exponent by which light became numbers (gAMA), such as 0.45455; None: that of sRGB.
        chromaticity: x and y of white, red, green and blue (cHRM); None: those of sRGB.
        grey: whether the pixels are grey, which have no primaries.
    Raises:
        RuntimeError: the numbers are nonsense.
    """
    if gamma is None or abs(gamma - _GAMMA) < _GAMMA_TOLERANCE:
        gamma = None
    own = chromaticity is not None and max(
        abs(a - b) for a, b in zip(chromaticity, _CHROMATICITY, strict=True)
    )
    if gamma is None and (grey or not own or own < _CHROMATICITY_TOLERANCE):
        return None
    if gamma is not None and not 1 / _STEEPEST <= gamma <= _STEEPEST:
        raise RuntimeError("no such gamma")
    import imagecodecs

    power = 1 / (gamma or _GAMMA)
    if grey:
        return bytes(imagecodecs.cms_profile("gray", gamma=power))
    white, primaries = (points := chromaticity or _CHROMATICITY)[:2], points[2:]
    return bytes(imagecodecs.cms_profile("rgb", whitepoint=white, primaries=primaries, gamma=power))


@functools.lru_cache(maxsize=16)
def check(icc: bytes) -> None:
    """Refuse a profile under which greys do not go from dark to light, or paper is not lighter than ink.

    Raises:
        RuntimeError: the profile is damaged.
    """
    space = colour_space(icc)
    levels = np.linspace(0, 255, 16).round().astype(np.uint8)[None]
    if space == "CMYK":
        black = np.zeros((1, 16, 4), np.uint8)
        black[..., 3] = levels[:, ::-1]
        levels = black
    elif space == "RGB":
        levels = np.repeat(levels[..., None], 3, axis=-1)
    light = _transform(levels, icc, exact=True)[0].astype(int)
    if (light[-1] - light[0] < _LEAST_CONTRAST).any() or (np.diff(light, axis=0) < -_ABOUT).any():
        raise RuntimeError("its greys are in no order")


@functools.lru_cache(maxsize=16)
def is_srgb(icc: bytes) -> bool:
    """Tell whether an RGB profile agrees with sRGB to one level of 8 bits for every colour.

    Raises:
        RuntimeError: the profile is damaged.
    """
    axis = np.linspace(0, 255, 18).round().astype(np.uint8)
    cube = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(1, -1, 3)
    return int(np.abs(_transform(cube, icc, exact=True).astype(int) - cube).max()) <= 1


def to_srgb(pixels: np.ndarray, icc: bytes) -> np.ndarray:
    """Convert pixels from a profile to sRGB.

    Args:
        pixels: (H, W) for a grey or an RGB profile, (H, W, 3) for RGB, (H, W, 4) for CMYK; uint8 or
            uint16. All but CMYK are overwritten.
        icc: the profile.
    Returns:
        (H, W) or (H, W, 3), of the same dtype.
    Raises:
        RuntimeError: the profile is damaged.
    """
    height, width = pixels.shape[:2]
    if pixels.ndim == 2:
        ramp = np.arange(np.iinfo(pixels.dtype).max + 1, dtype=pixels.dtype)[None]  # (1, levels)
        if colour_space(icc) == "RGB":
            ramp = np.repeat(ramp[..., None], 3, axis=-1)
        table = _transform(ramp, icc, exact=True)[0, :, 1]  # red, green and blue are alike
    out = np.empty((height, width, 3), pixels.dtype) if pixels.ndim == 3 and pixels.shape[2] == 4 else pixels
    exact = pixels.dtype == np.uint16
    for rows in strips(height, width, _STRIP):
        strip = pixels[rows]
        out[rows] = table[strip] if pixels.ndim == 2 else _transform(strip, icc, exact=exact)
    return out


def cmyk_to_rgb(pixels: np.ndarray) -> np.ndarray:
    """Convert (H, W, 4) CMYK without a profile: each ink takes its share of the light."""
    height, width = pixels.shape[:2]
    out = np.empty((height, width, 3), pixels.dtype)
    full = np.iinfo(pixels.dtype).max
    for rows in strips(height, width, _STRIP):
        light = full - pixels[rows].astype(np.uint32)
        out[rows] = (light[..., :3] * light[..., 3:] + full // 2) // full
    return out


def _transform(pixels: np.ndarray, icc: bytes, *, exact: bool) -> np.ndarray:
    """Convert (H, W) or (H, W, C) of the profile's colour space to (H, W, 3) sRGB of the same dtype."""
    import imagecodecs

    out: np.ndarray = imagecodecs.cms_transform(
        np.ascontiguousarray(pixels),
        icc,
        srgb(),
        colorspace=colour_space(icc).lower(),
        outcolorspace="rgb",
        intent=_RELATIVE_COLORIMETRIC,
        flags=_BLACK_POINT_COMPENSATION | (_EXACT if exact else 0),
    )
    return out
