"""Colours and alpha: split, joined, and scaled to the full range of 8 or 16 bits."""

import numpy as np

from colourise.errors import PhotoError

Channels = tuple[np.ndarray, np.ndarray | None]
"""Colours (H, W) or (H, W, C), and alpha (H, W) or None."""


def split(pixels: np.ndarray, *, alpha: bool) -> Channels:
    """Split (H, W) or (H, W, C) into colours and, if `alpha`, the last of two or four channels."""
    if pixels.ndim == 2:
        return pixels, None
    channels = pixels.shape[2]
    if alpha and channels in (2, 4, 5):
        colours, last = pixels[..., :-1], np.ascontiguousarray(pixels[..., -1])
    else:
        colours, last = pixels, None
    return np.ascontiguousarray(colours[..., 0] if colours.shape[2] == 1 else colours), last


def join(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Put alpha (H, W) behind the colours: (H, W) or (H, W, C), C-contiguous."""
    return np.ascontiguousarray(pixels) if alpha is None else np.dstack([pixels, alpha])


def full_range(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Scale unsigned numbers of `bits` bits to the full range of uint8 or native uint16."""
    dtype: type[np.uint8 | np.uint16] = np.uint8 if bits <= 8 else np.uint16
    if bits in (8, 16):
        return np.array(pixels, dtype, order="C", copy=None)
    full = 2**bits - 1
    numbers: np.ndarray = np.minimum(pixels, full).astype(np.uint32)
    numbers *= np.iinfo(dtype).max
    numbers += full // 2
    numbers //= full
    return numbers.astype(dtype)


def stretch(pixels: np.ndarray, notes: list[str]) -> np.ndarray:
    """Convert signed, 32-bit and floating-point numbers to uint16: 0..1 as it is, others by their range."""
    if pixels.dtype.kind not in "fiu":
        raise PhotoError(f"its pixels are {pixels.dtype}", advice="convert it to 16 bits first")
    fraction = pixels.dtype.kind == "f"
    with np.errstate(invalid="ignore"):  # a NaN of the kind that signals, which damage makes
        pixels = np.nan_to_num(pixels.astype(np.float64), posinf=0, neginf=0)
    low, high = float(pixels.min()), float(pixels.max())
    if not (fraction and low >= 0 and high <= 1):
        notes.append(f"its numbers from {low:g} to {high:g} are taken as black to white")
        pixels /= 2  # the differences of halves never overflow
        pixels -= low / 2
        pixels /= max(high / 2 - low / 2, 1e-300)
    return (pixels * 65535).round().astype(np.uint16)
