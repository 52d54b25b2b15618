"""The first weights of a generator: random, from ImageNet, or from trained models."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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

    A trained model's decoder may have other widths; stages whose widths differ are not taken.

    Raises:
        TrainingError: it names both networks.
    """
    if encoder_weights is not None and not registry.GENERATORS[config.architecture].encoder:
        raise TrainingError(f"{encoder_weights}: {config.architecture} has no encoder; leave it out")
    for card in (model.card for model in models):
        if (card.architecture, without_widths(card)) != (config.architecture, without_widths(config)):
            raise TrainingError(
                f"{card.name}: is {card.architecture} {json.dumps(card.arguments)}, and the recipe has "
                f"{config.architecture} {json.dumps(config.arguments)}; set the same"
            )
        if encoder_weights is not None:
            raise TrainingError(
                f"{encoder_weights}: {card.name} has all its weights; leave one of the two out"
            )


def without_widths(one: Card | TrainConfig) -> dict[str, Any]:
    """Return a network's arguments without `widths`, in which a model to start from may differ."""
    return {name: value for name, value in one.arguments.items() if name != "widths"}


def initial_generator(
    config: TrainConfig, first_weights: Sequence[Checkpoint] | Path | None, *, fresh: bool
) -> nn.Module:
    """Build the generator; in a new run it starts from trained models, or its encoder from ImageNet.

    Raises:
        TrainingError: the encoder's weights are not cached and cannot be downloaded, or do not fit.
    """
    if first_weights and not isinstance(first_weights, Path):
        return take_weights(registry.build(config.architecture, **config.arguments), first_weights)
    for chatter in ("timm", "huggingface_hub"):  # they warn of unused keys and of retries
        logging.getLogger(chatter).setLevel(logging.ERROR)
    arguments = dict(config.arguments)
    if fresh and registry.GENERATORS[config.architecture].encoder:
        arguments["pretrained"] = first_weights or True
    try:
        return registry.build(config.architecture, **arguments)
    except (OSError, RuntimeError, SafetensorError) as err:
        raise TrainingError(
            f"{first_weights or 'the encoder'}: its ImageNet weights cannot be loaded "
            f"({str(err).splitlines()[0]}); connect once, or give --encoder-weights"
        ) from err


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
