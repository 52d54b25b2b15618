"""Networks, one architecture a file. Each generator is a function from L (N, 1, H, W) to ab (N, 2, H, W)."""

from __future__ import annotations

from typing import Any

from torch import nn

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
