"""Spectral and batch normalisation of whole networks."""

from __future__ import annotations

from typing import cast

import torch
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize


def add_spectral_norm(network: nn.Module) -> None:
    """Keep every convolution's largest singular value at 1 (Miyato et al., one power iteration a step)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            parametrizations.spectral_norm(module)


def settle_spectral_norm(network: nn.Module, iterations: int = 30) -> None:
    """Recompute the largest singular values after weights were changed other than by training steps."""
    with torch.no_grad():
        for module in network.modules():
            if parametrize.is_parametrized(module):
                norms = cast("nn.Module", module.parametrizations).train()
                for _ in range(iterations):
                    _ = module.weight  # a power iteration each
                norms.eval()


def share_batch_norms(network: nn.Module) -> nn.Module:
    """Let batch norms see the batch of all processes, which only GPUs can; the weights stay the same."""
    shared: nn.Module = convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]  # knows timm's norms
    return shared


def plain_state_dict(network: nn.Module) -> dict[str, Tensor]:
    """Return the state dict of the same network without spectral norm: the weights after normalisation."""
    state: dict[str, Tensor] = {
        name: value for name, value in network.state_dict().items() if ".parametrizations." not in name
    }
    for name, module in network.named_modules():
        if parametrize.is_parametrized(module):
            state[f"{name}.weight"] = module.weight.detach()
    return state
