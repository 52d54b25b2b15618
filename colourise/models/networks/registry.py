"""Networks by name, known without loading PyTorch; each lies in a file of its own.

A generator is a function from L (N, 1, H, W) to ab (N, 2, H, W).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from colourise.errors import ModelError

if TYPE_CHECKING:
    from torch import nn

GENERATORS = {  # architecture: its module here, and its class
    "unet": ("unet", "UNet"),
    "encoder_unet": ("encoder_unet", "EncoderUNet"),
}
LOSS_NETWORKS = {  # what each loss network can be read at, with the stride and the channels there
    "vgg16": {  # torchvision's `features` up to this layer's ReLU
        "block1_conv2": (1, 64),
        "block2_conv2": (2, 128),
        "block3_conv3": (4, 256),
        "block4_conv3": (8, 512),
        "block5_conv3": (16, 512),
    },
    "resnet50": {"layer1": (4, 256), "layer2": (8, 512), "layer3": (16, 1024), "layer4": (32, 2048)},
    "unet": {  # the encoder of the segmenter, a ResNet34, after each halving
        "encoder1": (2, 64),
        "encoder2": (4, 64),
        "encoder3": (8, 128),
        "encoder4": (16, 256),
        "encoder5": (32, 512),
    },
    "fpn": {"p2": (4, 256), "p3": (8, 256), "p4": (16, 256), "p5": (32, 256)},
}


def generator_class(architecture: str) -> type[nn.Module]:
    """Load the class of a generator.

    Raises:
        ModelError: the architecture is unknown.
    """
    if architecture not in GENERATORS:
        raise ModelError(f"{architecture}: no such architecture; there are {', '.join(sorted(GENERATORS))}")
    module, name = GENERATORS[architecture]
    found: type[nn.Module] = getattr(import_module(f"colourise.models.networks.{module}"), name)
    return found


def build(architecture: str, **arguments: Any) -> nn.Module:
    """Make a generator with fresh weights.

    Raises:
        ModelError: the architecture is unknown, or does not take these arguments.
    """
    network = generator_class(architecture)
    try:
        return network(**arguments)
    except TypeError as err:
        raise ModelError(f"{architecture}: does not take these arguments: {err}") from err
