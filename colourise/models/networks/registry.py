"""Networks, one architecture a file. Each generator is a function from L (N, 1, H, W) to ab (N, 2, H, W)."""

from __future__ import annotations

from typing import Any, cast

import torch
from timm.layers.norm_act import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from colourise.errors import ModelError
from colourise.models.networks.encoder_unet import EncoderUNet
from colourise.models.networks.unet import UNet

GENERATORS: dict[str, type[nn.Module]] = {"unet": UNet, "encoder_unet": EncoderUNet}


def build(architecture: str, **arguments: Any) -> nn.Module:
    """Make a generator with fresh weights.

    Raises:
        ModelError: the architecture is unknown, or does not take these arguments.
    """
    if architecture not in GENERATORS:
        raise ModelError(f"{architecture}: no such architecture; there are {', '.join(sorted(GENERATORS))}")
    try:
        return GENERATORS[architecture](**arguments)
    except TypeError as err:
        raise ModelError(f"{architecture}: does not take these arguments: {err}") from err


def add_spectral_norm(network: nn.Module) -> None:
    """Keep every convolution's largest singular value at 1 (Miyato et al., one power iteration a step)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            parametrizations.spectral_norm(module)


def settle_spectral_norm(network: nn.Module, iterations: int = 30) -> None:
    """Find the largest singular values again, where weights were changed other than by training steps."""
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
    """The state of a network as one without spectral norm has it: the weights after normalisation."""
    state: dict[str, Tensor] = {
        name: value for name, value in network.state_dict().items() if ".parametrizations." not in name
    }
    for name, module in network.named_modules():
        if parametrize.is_parametrized(module):
            state[f"{name}.weight"] = module.weight.detach()
    return state
