import numpy as np
import torch
from helpers.lab import EVERY, reference, rgb_to_lab

from colourise.lab import tensors


def test_torch_agrees_with_scikit_image_and_comes_back():
    rgb = np.moveaxis(EVERY / np.float32(255), -1, 0)
    there = rgb_to_lab(rgb)
    assert np.abs(np.moveaxis(there, 0, -1) - reference(EVERY)).max() < 0.01
    there = torch.from_numpy(there)[None]
    assert (
        tensors.tensor_lab_to_rgb(there[:, :1], there[:, 1:]) - torch.from_numpy(rgb.copy())
    ).abs().max() < 1e-4


def test_torch_is_differentiable_at_black_white_and_out_of_gamut():
    L = torch.tensor([0.0, 100.0, 50.0]).view(1, 1, 1, 3)
    ab = torch.full((1, 2, 1, 3), 90.0, requires_grad=True)
    tensors.tensor_lab_to_rgb(L, ab).sum().backward()
    assert torch.isfinite(ab.grad).all()
