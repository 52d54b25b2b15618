"""The settings of a run, `TrainConfig`, and the rules that their values have to keep."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import field
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from colourise.errors import TrainingError
from colourise.models.networks.registry import GENERATORS, LOSS_NETWORKS, PATCHGAN

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

WORDS = {  # pydantic's types of errors, in our words
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must not be below {ge}",
    "less_than_equal": "must not be above {le}",
    "value_error": "{error}",
}

Weight = Annotated[float, Field(ge=0)]


def one_of(*words: str) -> AfterValidator:
    """Allow these words only."""

    def check(value: str) -> str:
        if value not in words:
            raise ValueError(f"there are {', '.join(words)}")
        return value

    return AfterValidator(check)


def card_size(value: int) -> int:
    """Check `input_size`, which a card limits too."""
    if not 32 <= value <= 2048:
        raise ValueError("must be 32 to 2048")
    return value


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainConfig:
    """Everything that decides what a run learns, apart from its photos.

    Raises:
        TrainingError: a value is out of its range, or values do not go with each other.
    """

    architecture: Annotated[str, one_of(*GENERATORS)] = "encoder_unet"
    """Generator, a key of GENERATORS."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of the generator."""
    spectral_norm: bool = False
    """Spectral normalisation of the generator's and the discriminators' convolutions."""
    discriminators: Annotated[int, Field(ge=0, le=3)] = 0
    """Number of PatchGANs, each at half the size of the one before; 0: no GAN."""
    discriminator: dict[str, Any] = field(default_factory=dict)
    """Arguments of each PatchGAN."""
    adversarial: Annotated[str, one_of(*ADVERSARIAL)] = "bce"
    """Loss of the GAN: "bce" (cross-entropy) or "lsgan" (least squares)."""
    adversarial_weight: Weight = 1.0
    """Weight of the adversarial loss in the generator's."""
    pixel: Annotated[str, one_of(*PIXEL)] = "l1"
    """Pixel loss: "l1" (smooth L1) on ab / 110, or each picture's PSNR in dB: "psnr" (psnr_ab) or "psnr_both"
    (the mean of psnr_ab and psnr_rgb)."""
    pixel_weight: Weight = 100.0
    """Weight of the pixel loss (pix2pix's 100); a weight of 1 makes a PSNR about as large."""
    pixel_beta: Annotated[float, Field(ge=0)] = 110.0
    """Where "l1" turns from squared to absolute, in Lab units; 110 is PyTorch's default, 0 is L1."""
    loss_network: Annotated[str, one_of(*LOSS_NETWORKS)] = "vgg16"
    """Network whose features the feature reconstruction loss compares, a key of LOSS_NETWORKS."""
    feature_layer: str = "block3_conv3"
    """Layer of that network."""
    feature_weight: Weight = 1e-5
    """Weight of the feature reconstruction loss (the paper's best); 0 leaves the loss network out."""
    feature_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of each batch that goes through the loss network, which can cost more time than the generator."""
    distribution_weight: Weight = 0.0
    """Weight of the colour distribution loss on ab / 110 (ours); well below the pixel loss's."""
    colourfulness_weight: Weight = 0.0
    """Weight of the colourfulness that is lacking, in hundreds (as in DDColor)."""
    sizes: tuple[int, ...] = (96, 128)
    """Sides of the crops in pixels; the run is cut into equal parts, one for each."""
    aged: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of pictures that the generator sees aged like an old photograph (data/ageing.py)."""
    batch: Annotated[int, Field(gt=0)] = 32
    """Pictures in a batch, over all processes."""
    accumulate: Annotated[int, Field(gt=0)] = 1
    """Parts that a batch is computed in, to save memory (batch norm then sees one part at a time)."""
    images: Annotated[int, Field(gt=0)] = 100_000
    """Pictures in the whole run."""
    lr: Annotated[float, Field(gt=0)] = 1e-3
    """Highest learning rate of AdamW (of the decoder, where there is an encoder; and of discriminators)."""
    encoder_lr: Annotated[float, Field(ge=0)] = 0.1
    """The encoder's learning rate, as a share of `lr`."""
    betas: tuple[float, ...] = (0.9, 0.99)
    """Of AdamW."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Of AdamW; 0 makes it Adam."""
    frozen: Annotated[int, Field(ge=0, le=5)] = 0
    """Number of halvings of the encoder, from the first, that are frozen; 5: all of encoder_unet's."""
    transformer_blocks: Annotated[int, Field(ge=0, le=12)] = 4
    """Number of the transformer's last blocks that learn (token_unet)."""
    transformer_lr: Annotated[float, Field(ge=0)] = 0.05
    """The transformer's learning rate, as a share of `lr` (token_unet)."""
    schedule: Annotated[str, one_of(*SCHEDULES)] = "one_cycle"
    """Learning rate: "constant", or "one_cycle", up and then down to zero along a cosine."""
    warmup: Annotated[float, Field(ge=0, le=0.99)] = 0.05
    """Share of the run in which the learning rate rises (one_cycle)."""
    clip: Annotated[float, Field(ge=0)] = 1.0
    """Largest norm of each network's gradient; 0: no limit."""
    ema: Annotated[float, Field(ge=0, le=0.9999)] = 0.998
    """Decay of the moving average of weights, which is what is scored and released; 0: no average."""
    input_size: Annotated[int, AfterValidator(card_size)] = 192
    """Side in pixels of the square that the released model is run at."""
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    """Fixes the order of photos, the crops and the first weights."""

    @model_validator(mode="wrap")
    @classmethod
    def in_our_words(cls, values: Any, handler: Callable[[Any], TrainConfig]) -> TrainConfig:
        """Turn pydantic's errors into ours."""
        try:
            return handler(values)
        except ValidationError as err:
            error = err.errors()[0]
            limits = {name: str(limit).removesuffix(".0") for name, limit in error.get("ctx", {}).items()}
            words = WORDS.get(error["type"], error["msg"]).format(**limits)
            raise TrainingError(f"{error['loc'][0]}={written(error['input'])}: {words}") from err

    def __post_init__(self) -> None:
        """Refuse values that do not go with each other."""
        check_losses(self)
        check_batches(self)
        check_network(self)
        check_arguments(self)
        check_sizes(self)


def check_losses(config: TrainConfig) -> None:
    """Refuse a layer that does not exist, and a run without any loss.

    Raises:
        TrainingError: naming the setting.
    """
    layers = LOSS_NETWORKS[config.loss_network]
    if config.feature_layer not in layers:
        raise TrainingError(
            f"feature_layer={config.feature_layer}: {config.loss_network} has {', '.join(layers)}"
        )
    if not any(getattr(config, name) for name in WEIGHTS[: None if config.discriminators else -1]):
        raise TrainingError("pixel_weight=0: no loss is left to learn from; set a weight above 0")


def check_batches(config: TrainConfig) -> None:
    """Refuse values with which no batch can be learnt.

    Raises:
        TrainingError: naming the setting.
    """
    if len(config.betas) != 2 or not all(0 <= beta < 1 for beta in config.betas):
        raise TrainingError(f"betas={written(config.betas)}: two numbers from 0 to below 1")
    if config.images < config.batch:
        raise TrainingError(f"images={config.images}: less than one batch of {config.batch}")
    if config.batch % config.accumulate:
        raise TrainingError(
            f"accumulate={config.accumulate}: does not divide a batch of {config.batch} into equal parts"
        )


def check_network(config: TrainConfig) -> None:
    """Refuse what the generator does not support.

    Raises:
        TrainingError: naming the setting.
    """
    encoder = GENERATORS[config.architecture].encoder
    if config.frozen and not encoder:
        raise TrainingError(f"frozen={config.frozen}: {config.architecture} has no encoder; leave it out")
    if config.spectral_norm and encoder:
        raise TrainingError(
            f"spectral_norm=true: not with {config.architecture}, whose frozen norms expect its own weights"
        )


def check_arguments(config: TrainConfig) -> None:
    """Refuse arguments that the networks do not take.

    Raises:
        TrainingError: naming the argument, and what would do.
    """
    rows = {
        "arguments": (config.architecture, GENERATORS[config.architecture]),
        "discriminator": ("patchgan", PATCHGAN),
    }
    for setting, (network, row) in rows.items():
        rules = row.arguments
        for name, value in getattr(config, setting).items():
            if name not in rules:
                raise TrainingError(
                    f"{setting}.{name}: {network} has no such argument, only {', '.join(rules)}"
                )
            if not rules[name].fits(value):
                raise TrainingError(f"{setting}.{name}={json.dumps(value)}: must be {rules[name].words}")


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
    """Return a setting's value in the notation of an override."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
