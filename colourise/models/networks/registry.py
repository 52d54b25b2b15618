"""Look up networks by name, without loading PyTorch; each has a file of its own.

A generator is a module that predicts ab (N, 2, H, W) from L (N, 1, H, W) at any size, in Lab units;
sides are padded inside to multiples of its `stride`. To add one, write its file and a row of GENERATORS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from colourise.errors import ModelError

if TYPE_CHECKING:
    from torch import nn


class Rule(NamedTuple):
    """The values that an argument of a network may have."""

    fits: Callable[[Any], bool]
    """Returns whether a JSON value is allowed; true does not count as 1, nor 7.0 as a whole number."""
    words: str
    """The allowed values in words."""


def whole(low: int, high: int) -> Rule:
    """Allow whole numbers in a range."""
    return Rule(lambda value: type(value) is int and low <= value <= high, f"a whole number, {low} to {high}")


def number(low: float, high: float) -> Rule:
    """Allow numbers in a range."""
    return Rule(
        lambda value: type(value) in (int, float) and low <= value <= high, f"a number, {low} to {high}"
    )


def word(*words: str | None) -> Rule:
    """Allow certain words; None is JSON's null."""
    return Rule(lambda value: value in words, " or ".join("null" if one is None else one for one in words))


def decoder_widths(value: Any) -> bool:
    """Return whether a value is a list of one to four channel counts."""
    return isinstance(value, list | tuple) and 1 <= len(value) <= 4 and all(map(whole(1, 1024).fits, value))


def transformer_blocks(value: Any) -> bool:
    """Return whether a value is a list of rising numbers of a transformer's twelve blocks."""
    numbers = isinstance(value, list | tuple) and value and all(map(whole(0, 11).fits, value))
    return bool(numbers) and list(value) == sorted(set(value))


TRANSFORMER = "vit_small_patch14_dinov2"  # timm's name of the one in `token_unet`


@dataclass(frozen=True)
class Network:
    """A row: where a network is defined, and which arguments it takes."""

    module: str
    """Its file in this folder, without suffix."""
    name: str
    """Its class in that file."""
    arguments: dict[str, Rule]
    """The arguments of the class that a recipe may set."""
    encoder: bool = False
    """Whether it has an `encoder` that starts from ImageNet; then it takes `pretrained`, and has `freeze`."""
    grows_from: str | None = None
    """The generator that it adds a transformer to; a trained one is what it starts from. `pretrained` is the
    transformer's then, and it has `freeze_transformer`."""


GENERATORS = {  # what `architecture` in a recipe and on a card may be
    "unet": Network(
        "unet",
        "UNet",
        {
            "levels": whole(1, 10),
            "width": whole(1, 512),
            "dropout": number(0, 0.9),
            "norm": word("batch", "instance"),
            "last_norm": word("batch", "instance", None),
        },
    ),
    "encoder_unet": Network(
        "encoder_unet",
        "EncoderUNet",
        {
            "encoder": Rule(lambda value: isinstance(value, str), "the name of a timm model"),
            "widths": Rule(decoder_widths, "one to four whole numbers, such as [256,160,96,48]"),
        },
        encoder=True,
    ),
    "token_unet": Network(
        "token_unet",
        "TokenUNet",
        {
            "encoder": Rule(lambda value: isinstance(value, str), "the name of a timm model"),
            "widths": Rule(decoder_widths, "one to four whole numbers, such as [256,160,96,48]"),
            "blocks": Rule(transformer_blocks, "one to twelve rising whole numbers, 0 to 11"),
            "token_width": whole(1, 1024),
        },
        encoder=True,
        grows_from="encoder_unet",
    ),
}
PATCHGAN = Network(
    "patchgan",
    "PatchGAN",
    {
        "width": whole(1, 512),
        "norm": word("batch", "instance"),
        "second_norm": word("batch", "instance", None),
    },
)
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
    row = GENERATORS[architecture]
    found: type[nn.Module] = getattr(import_module(f"colourise.models.networks.{row.module}"), row.name)
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
