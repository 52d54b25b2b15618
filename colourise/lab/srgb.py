"""The transfer function of sRGB, both ways; its numbers are written here and nowhere else.

Source: IEC 61966-2-1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_GAMMA, _SCALE, _OFFSET, _SLOPE = 2.4, 1.055, 0.055, 12.92
_SRGB_KNEE, _LINEAR_KNEE = 0.04045, 0.0031308  # below, the curve is a line


def to_linear(srgb: NDArray[Any]) -> NDArray[Any]:
    """Decode sRGB values, 0..1, to linear light, 0..1; any shape."""
    return np.where(srgb <= _SRGB_KNEE, srgb / _SLOPE, ((srgb + _OFFSET) / _SCALE) ** _GAMMA)


def from_linear(linear: Any, xp: Any = np) -> Any:
    """Encode linear light, 0..1, as sRGB values, 0..1; any shape.

    Args:
        linear: an array or a tensor, of any precision. For a tensor this is differentiable: no power is taken
            where its slope has no bound.
        xp: the library that it belongs to: numpy or torch.
    """
    curve = _SCALE * xp.clip(linear, _LINEAR_KNEE, None) ** (1 / _GAMMA) - _OFFSET
    return xp.where(linear <= _LINEAR_KNEE, _SLOPE * linear, curve)
