"""Networks, one architecture a file. Each generator is a function from L (N, 1, H, W) to ab (N, 2, H, W)."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from colourise.errors import ModelError
from colourise.models.encoder_unet import EncoderUNet
from colourise.models.unet import UNet

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


def plain_state_dict(network: nn.Module) -> dict[str, Tensor]:
    """The state of a network as one without spectral norm has it: the weights after normalisation."""
    state: dict[str, Tensor] = {
        name: value for name, value in network.state_dict().items() if ".parametrizations." not in name
    }
    for name, module in network.named_modules():
        if parametrize.is_parametrized(module):
            state[f"{name}.weight"] = module.weight.detach()
    return state
