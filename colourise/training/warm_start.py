"""The first weights of a generator: random, from ImageNet, or from trained models."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError
from torch import nn

from colourise.errors import TrainingError
from colourise.models import checkpoints
from colourise.models.card import Card
from colourise.models.checkpoints import Checkpoint
from colourise.models.networks import registry
from colourise.training.config import TrainConfig


def check_start(config: TrainConfig, models: Sequence[Checkpoint], encoder_weights: Path | None) -> None:
    """Refuse to start from weights of another network.

    A trained model's decoder may have other widths; stages whose widths differ are not taken. A network that
    grows from another may start from either.

    Raises:
        TrainingError: it names both networks, or what to start from.
    """
    row = registry.GENERATORS[config.architecture]
    if encoder_weights is not None and not row.encoder:
        raise TrainingError(f"{encoder_weights}: {config.architecture} has no encoder; leave it out")
    if row.grows_from and not models:
        raise TrainingError(
            f"{config.architecture}: grows from a trained {row.grows_from}; name one with --from"
        )
    for card in (model.card for model in models):
        if card.architecture not in (config.architecture, row.grows_from) or differ(card, config):
            raise TrainingError(
                f"{card.name}: is {card.architecture} {json.dumps(card.arguments)}, and the recipe has "
                f"{config.architecture} {json.dumps(config.arguments)}; set the same"
            )
    whole = [model.card.name for model in models if is_whole(model, config)]
    if encoder_weights is not None and whole:
        raise TrainingError(f"{encoder_weights}: {whole[0]} has all its weights; leave one of the two out")


def differ(card: Card, config: TrainConfig) -> bool:
    """Tell whether a model has another network than a recipe: other values of what both networks take.

    `widths` may differ.
    """
    common = registry.GENERATORS[card.architecture].arguments.keys() - {"widths"}
    return any(card.arguments.get(name) != config.arguments.get(name) for name in common)


def is_whole(model: Checkpoint, config: TrainConfig) -> bool:
    """Tell whether a model to start from has all parts of the network, and is not what it grows from."""
    return model.card.architecture == config.architecture


def initial_generator(
    config: TrainConfig, models: Sequence[Checkpoint], encoder_weights: Path | None, *, fresh: bool
) -> nn.Module:
    """Build the generator; in a new run it starts from trained models, or its encoder is pretrained.

    Raises:
        TrainingError: the encoder's weights are not cached and cannot be downloaded, or do not fit.
    """
    for chatter in ("timm", "huggingface_hub"):  # they warn of unused keys and of retries
        logging.getLogger(chatter).setLevel(logging.ERROR)
    arguments = dict(config.arguments)
    lacks = not any(is_whole(model, config) for model in models)
    if fresh and lacks and registry.GENERATORS[config.architecture].encoder:
        arguments["pretrained"] = encoder_weights or True
    try:
        generator = registry.build(config.architecture, **arguments)
    except (OSError, RuntimeError, SafetensorError) as err:
        raise TrainingError(
            f"{encoder_weights or 'the encoder'}: its pretrained weights cannot be loaded "
            f"({str(err).splitlines()[0]}); connect once, or give --encoder-weights"
        ) from err
    return take_weights(generator, models)


def take_weights(generator: nn.Module, models: Sequence[Checkpoint]) -> nn.Module:
    """Load weights of trained models into a generator: each stage from the first model that has all of it."""
    state = generator.state_dict()
    for model in reversed(models):
        given = checkpoints.load_generator(model).state_dict()
        lacking = {
            stage_of(name)
            for name, value in state.items()
            if name not in given or given[name].shape != value.shape
        }
        state |= {name: given[name] for name in state if stage_of(name) not in lacking}
    generator.load_state_dict(state)
    return generator


def stage_of(name: str) -> str:
    """Return the stage that a weight belongs to, such as "ups.2" or "encoder"."""
    top, below = name.split(".")[:2]
    return f"{top}.{below}" if below.isdigit() else top
