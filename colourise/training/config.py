"""Everything that decides what a run learns: `TrainConfig`, and the rules that its values keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from colourise.errors import TrainingError
from colourise.models.networks.registry import LOSS_NETWORKS

ADVERSARIAL = ("bce", "lsgan")
PIXEL = ("l1", "psnr", "psnr_both")
SCHEDULES = ("constant", "one_cycle")
WEIGHTS = (
    "pixel_weight",
    "feature_weight",
    "distribution_weight",
    "colourfulness_weight",
    "adversarial_weight",
)

Rule = tuple[Callable[[Any], bool], str]  # whether a value will do, and in words which ones do


def whole(low: int, high: int) -> Rule:
    """The rule of a whole number."""
    return lambda value: type(value) is int and low <= value <= high, f"a whole number, {low} to {high}"


def number(low: float, high: float) -> Rule:
    """The rule of a number."""
    return lambda value: type(value) in (int, float) and low <= value <= high, f"a number, {low} to {high}"


def word(*words: str | None) -> Rule:
    """The rule of a word; None is JSON's null."""
    return lambda value: value in words, " or ".join("null" if one is None else one for one in words)


def decoder_widths(value: Any) -> bool:
    """Whether a value has the channels of a decoder."""
    return isinstance(value, list | tuple) and 1 <= len(value) <= 4 and all(map(whole(1, 1024)[0], value))


ARGUMENTS: dict[str, dict[str, Rule]] = {  # of the networks, known here without loading PyTorch
    "unet": {
        "levels": whole(1, 10),
        "width": whole(1, 512),
        "dropout": number(0, 0.9),
        "norm": word("batch", "instance"),
        "last_norm": word("batch", "instance", None),
    },
    "encoder_unet": {
        "encoder": (lambda value: isinstance(value, str), "the name of a timm model"),
        "widths": (decoder_widths, "one to four whole numbers, such as [256,160,96,48]"),
    },
    "patchgan": {
        "width": whole(1, 512),
        "norm": word("batch", "instance"),
        "second_norm": word("batch", "instance", None),
    },
}


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a run learns, apart from its photos."""

    architecture: str = "encoder_unet"
    """Generator, a key of `models.GENERATORS`."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of the generator."""
    spectral_norm: bool = False
    """Spectral normalisation of the generator's and the discriminators' convolutions."""
    discriminators: int = 0
    """How many PatchGANs judge the colours, each at half the size of the one before; 0: no GAN."""
    discriminator: dict[str, Any] = field(default_factory=dict)
    """Arguments of each PatchGAN."""
    adversarial: str = "bce"
    """What the GAN plays for: "bce" (cross-entropy) or "lsgan" (least squares)."""
    adversarial_weight: float = 1.0
    """Weight of the adversarial loss in the generator's."""
    pixel: str = "l1"
    """Pixel loss: "l1" (smooth L1) on ab / 110, or each picture's PSNR in dB: "psnr" (psnr_ab) or "psnr_both"
    (the mean of psnr_ab and psnr_rgb)."""
    pixel_weight: float = 100.0
    """Weight of the pixel loss (pix2pix's 100); a weight of 1 makes a PSNR about as large."""
    pixel_beta: float = 110.0
    """Where "l1" turns from squared to absolute, in Lab units; 110 is PyTorch's default, 0 is L1."""
    loss_network: str = "vgg16"
    """What the features of the feature reconstruction loss are read from, a key of LOSS_NETWORKS."""
    feature_layer: str = "block3_conv3"
    """Where in that network."""
    feature_weight: float = 1e-5
    """Weight of the feature reconstruction loss (the paper's best); 0 leaves the loss network out."""
    feature_share: float = 1.0
    """Share of each batch that goes through the loss network, which may cost more than the generator."""
    distribution_weight: float = 0.0
    """Weight of the colour distribution loss on ab / 110 (ours); well below the pixel loss's."""
    colourfulness_weight: float = 0.0
    """Weight of the colourfulness that is lacking, in hundreds (as in DDColor)."""
    sizes: tuple[int, ...] = (96, 128)
    """Sides of the crops in pixels; the run is cut into equal parts, one for each."""
    aged: float = 0.0
    """Share of pictures that the generator sees as an old photograph has them (ageing.py)."""
    batch: int = 32
    """Pictures in a batch, over all processes."""
    accumulate: int = 1
    """Parts that a batch is computed in, where memory is short (batch norm then sees a part at a time)."""
    images: int = 100_000
    """Pictures in the whole run."""
    lr: float = 1e-3
    """Highest learning rate of AdamW (of the decoder, where there is an encoder; and of discriminators)."""
    encoder_lr: float = 0.1
    """The encoder's learning rate, as a share of `lr`."""
    betas: tuple[float, ...] = (0.9, 0.99)
    """Of AdamW."""
    weight_decay: float = 0.01
    """Of AdamW; 0 makes it Adam."""
    frozen: int = 0
    """Halvings of the encoder, from the first, whose weights stay as they are; 5: all of encoder_unet's."""
    schedule: str = "one_cycle"
    """Learning rate: "constant", or "one_cycle", up and then down to zero along a cosine."""
    warmup: float = 0.05
    """Share of the run in which the learning rate rises (one_cycle)."""
    clip: float = 1.0
    """Largest norm of each network's gradient; 0 leaves it as it is."""
    ema: float = 0.998
    """Decay of the moving average of weights, which is what is scored and released; 0: no average."""
    input_size: int = 192
    """Side in pixels of the square that the released model is run at."""
    seed: int = 0
    """Fixes the order of photos, the crops and the first weights."""


def check(config: TrainConfig) -> None:
    """Refuse what cannot work.

    Raises:
        TrainingError: naming the setting.
    """
    for name in ("batch", "accumulate", "images", "lr", "feature_share"):
        if getattr(config, name) <= 0:
            raise TrainingError(f"{name}={getattr(config, name)}: must be above 0")
    least_0 = (
        "aged",
        "pixel_beta",
        "encoder_lr",
        "weight_decay",
        "warmup",
        "clip",
        "ema",
        "discriminators",
        "frozen",
        "seed",
    )
    for name in (*WEIGHTS, *least_0):
        if getattr(config, name) < 0:
            raise TrainingError(f"{name}={getattr(config, name)}: must not be below 0")
    if not 32 <= config.input_size <= 2048:  # what a card may say
        raise TrainingError(f"input_size={config.input_size}: must be 32 to 2048")
    limits = {
        "aged": 1,
        "feature_share": 1,
        "warmup": 0.99,
        "ema": 0.9999,
        "discriminators": 3,
        "frozen": 5,
        "seed": 2**31 - 1,
    }
    for name, limit in limits.items():
        if getattr(config, name) > limit:
            raise TrainingError(f"{name}={getattr(config, name)}: must not be above {limit}")
    choices = {
        "architecture": ("unet", "encoder_unet"),
        "pixel": PIXEL,
        "adversarial": ADVERSARIAL,
        "schedule": SCHEDULES,
        "loss_network": tuple(LOSS_NETWORKS),
    }
    for name, allowed in choices.items():
        if getattr(config, name) not in allowed:
            raise TrainingError(f"{name}={getattr(config, name)}: there are {', '.join(allowed)}")
    layers = LOSS_NETWORKS[config.loss_network]
    if config.feature_layer not in layers:
        raise TrainingError(
            f"feature_layer={config.feature_layer}: {config.loss_network} has {', '.join(layers)}"
        )
    if len(config.betas) != 2 or not all(0 <= beta < 1 for beta in config.betas):
        raise TrainingError(f"betas={written(config.betas)}: two numbers from 0 to below 1")
    if config.images < config.batch:
        raise TrainingError(f"images={config.images}: less than one batch of {config.batch}")
    if config.batch % config.accumulate:
        raise TrainingError(
            f"accumulate={config.accumulate}: does not divide a batch of {config.batch} into equal parts"
        )
    if not any(getattr(config, name) for name in WEIGHTS[: None if config.discriminators else -1]):
        raise TrainingError("pixel_weight=0: no loss is left to learn from; set a weight above 0")
    if config.frozen and config.architecture != "encoder_unet":
        raise TrainingError(f"frozen={config.frozen}: {config.architecture} has no encoder; leave it out")
    if config.spectral_norm and config.architecture == "encoder_unet":
        raise TrainingError(
            "spectral_norm=true: not with encoder_unet, whose frozen norms expect its own weights"
        )
    check_arguments(config)
    check_sizes(config)


def check_arguments(config: TrainConfig) -> None:
    """Refuse arguments that the networks do not take.

    Raises:
        TrainingError: naming the argument, and what would do.
    """
    for setting, network in (("arguments", config.architecture), ("discriminator", "patchgan")):
        rules = ARGUMENTS[network]
        for name, value in getattr(config, setting).items():
            if name not in rules:
                raise TrainingError(
                    f"{setting}.{name}: {network} has no such argument, only {', '.join(rules)}"
                )
            fits, told = rules[name]
            if not fits(value):
                raise TrainingError(f"{setting}.{name}={json.dumps(value)}: must be {told}")


def check_sizes(config: TrainConfig) -> None:
    """Refuse crops that the networks cannot take.

    Raises:
        TrainingError: naming the setting, and one that would do.
    """
    if not config.sizes or min(config.sizes) < 32:
        raise TrainingError(f"sizes={written(config.sizes)}: crops need at least 32 px")
    if config.architecture == "unet":
        levels = config.arguments.get("levels", 8)
        if any(size % 2**levels for size in config.sizes):
            fit = min(size & -size for size in config.sizes).bit_length() - 1
            nearest = tuple(max(1, round(size / 2**levels)) * 2**levels for size in config.sizes)
            advice = f"arguments.levels={fit}" if fit >= 3 else f"sizes={written(nearest)}"
            raise TrainingError(
                f"sizes={written(config.sizes)}: a U-Net of {levels} levels would pad crops to multiples of "
                f"{2**levels} px; set {advice}"
            )
    smallest = 24 * 2 ** (config.discriminators - 1)  # below that, a PatchGAN has no patch left
    if config.discriminators and min(config.sizes) < smallest:
        raise TrainingError(
            f"sizes={written(config.sizes)}: {config.discriminators} discriminators need {smallest} px; "
            f"set discriminators={config.discriminators - 1}"
        )


def written(value: Any) -> str:
    """A setting's value as an override has it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
