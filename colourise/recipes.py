"""What to train and how: each recipe is one `TrainConfig`."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, get_type_hints

from colourise.errors import TrainingError

VGG16_LAYERS = {  # how many of torchvision's `features` end with this layer's ReLU
    "block1_conv2": 4,
    "block2_conv2": 9,
    "block3_conv3": 16,
    "block4_conv3": 23,
    "block5_conv3": 30,
}


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides what a run learns, apart from its photos."""

    architecture: str = "encoder_unet"
    """Generator, a key of `models.GENERATORS`."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Arguments of the generator."""
    sizes: tuple[int, ...] = (96, 128)
    """Sides of the crops in pixels; the run is cut into equal parts, one for each."""
    batch: int = 32
    """Pictures in a batch."""
    images: int = 100_000
    """Pictures in the whole run."""
    lr: float = 1e-3
    """Highest learning rate of AdamW (of the decoder, where there is an encoder)."""
    encoder_lr: float = 0.1
    """The encoder's learning rate, as a share of `lr`."""
    weight_decay: float = 0.01
    """Of AdamW."""
    warmup: float = 0.05
    """Share of the run in which the learning rate rises; after it, a cosine brings it to zero."""
    clip: float = 1.0
    """Largest norm of the gradient."""
    pixel_weight: float = 100.0
    """Weight of smooth L1 on ab / 110 (pix2pix's 100)."""
    pixel_beta: float = 110.0
    """Where smooth L1 turns from squared to absolute, in Lab units; 110 is PyTorch's default."""
    feature_weight: float = 1e-5
    """Weight of the feature reconstruction loss (the paper's best); 0 leaves the loss network out."""
    feature_layer: str = "block3_conv3"
    """Layer of VGG16 (the paper's best)."""
    feature_share: float = 1.0
    """Share of each batch that goes through VGG16, which costs more than the generator."""
    ema: float = 0.998
    """Decay of the moving average of weights; the average is what is scored and released."""
    input_size: int = 192
    """Side in pixels of the square that the released model is run at."""
    seed: int = 0
    """Fixes the order of photos, the crops and the first weights."""


RECIPES: dict[str, TrainConfig] = {
    # The default weights: the paper's losses without its GAN, on a generator that starts from ImageNet. A
    # squared pixel loss turned everything doubtful sepia, the mean of all colours; pix2pix's absolute one, a
    # little smoothed, leaves it grey.
    "colourise": TrainConfig(pixel_beta=3.0, feature_share=0.25),
}


def configure(recipe: str, overrides: list[str]) -> TrainConfig:
    """A recipe with `name=value` overrides.

    Raises:
        TrainingError: an unknown recipe or name, or a value that does not fit.
    """
    if recipe not in RECIPES:
        raise TrainingError(f"{recipe}: no such recipe; there are {', '.join(RECIPES)}")
    config = RECIPES[recipe]
    kinds = get_type_hints(TrainConfig)
    changes: dict[str, Any] = {}
    for override in overrides:
        name, _, text = override.partition("=")
        if name not in kinds or name == "arguments":
            names = ", ".join(f.name for f in fields(TrainConfig) if f.name != "arguments")
            raise TrainingError(f"{override}: no such setting; there are {names}")
        try:
            changes[name] = parse(text, kinds[name])
        except ValueError as err:
            example = getattr(config, name)
            example = ",".join(map(str, example)) if isinstance(example, tuple) else example
            raise TrainingError(f"{override}: no value for {name}; the recipe has {name}={example}") from err
    config = replace(config, **changes)
    check(config)
    return config


def parse(text: str, kind: Any) -> Any:
    """Turn the text of an override into its setting's type."""
    if kind == tuple[int, ...]:
        return tuple(int(part) for part in text.split(","))
    if kind is int:
        return int(text.replace("_", ""))
    return kind(text)


def check(config: TrainConfig) -> None:
    """Refuse what cannot work.

    Raises:
        TrainingError: naming the setting.
    """
    for name in ("batch", "images", "lr", "pixel_beta", "clip", "input_size", "feature_share"):
        if getattr(config, name) <= 0:
            raise TrainingError(f"{name}={getattr(config, name)}: must be above 0")
    for name in ("encoder_lr", "weight_decay", "pixel_weight", "feature_weight", "warmup", "ema"):
        if getattr(config, name) < 0:
            raise TrainingError(f"{name}={getattr(config, name)}: must not be below 0")
    if not config.sizes or min(config.sizes) < 32:
        raise TrainingError(f"sizes={config.sizes}: crops need at least 32 px")
    for name, limit in (("feature_share", 1), ("warmup", 0.99), ("ema", 0.9999)):
        if getattr(config, name) > limit:
            raise TrainingError(f"{name}={getattr(config, name)}: must not be above {limit}")
    if config.feature_layer not in VGG16_LAYERS:
        raise TrainingError(f"feature_layer={config.feature_layer}: VGG16 has {', '.join(VGG16_LAYERS)}")
    if config.images < config.batch:
        raise TrainingError(f"images={config.images}: less than one batch of {config.batch}")
