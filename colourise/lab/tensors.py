"""CIE Lab -> sRGB for training: differentiable, in PyTorch, from the constants of pictures.py.

Source: IEC 61966-2-1 (sRGB) and CIE 15 (Lab); checked against scikit-image.
"""

from __future__ import annotations

import torch
from torch import Tensor

from colourise.lab.pictures import DELTA, WHITE, XYZ_TO_RGB
from colourise.lab.srgb import from_linear


def tensor_lab_to_rgb(L: Tensor, ab: Tensor) -> Tensor:
    """Join L and ab into sRGB, differentiably; colours outside the gamut are clipped.

    Args:
        L: (N, 1, H, W) float32.
        ab: (N, 2, H, W) float32.
    Returns:
        (N, 3, H, W) float32, 0..1.
    """
    fy = (L + 16) / 116  # (N, 1, H, W)
    f = torch.cat([fy + ab[:, :1] / 500, fy, fy - ab[:, 1:] / 200], 1)
    xyz = torch.where(f > DELTA, f**3, 3 * DELTA**2 * (f - 4 / 29))
    matrix = L.new_tensor(XYZ_TO_RGB * WHITE)
    linear = torch.einsum("ij,njhw->nihw", matrix, xyz).clamp(0, 1)
    rgb: Tensor = from_linear(linear, torch)
    return rgb
