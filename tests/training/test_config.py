"""A configuration: its ranges, and what the networks take."""

import inspect
from dataclasses import replace

import pytest
from helpers.training import TINY

from colourise.errors import TrainingError
from colourise.models.networks import registry
from colourise.models.networks.patchgan import PatchGAN
from colourise.models.networks.unet import NORMS
from colourise.training.config import TrainConfig


def test_a_configuration_refuses_what_cannot_work():
    """Whoever makes it, in the words of the command line."""
    for settings, message in (
        ({"lr": -1.0}, "lr=-1.0: must be above 0"),
        ({"lr": "fast"}, "lr=fast: Input should be a valid number"),
        ({"pixel": "l3"}, "pixel=l3: there are l1, psnr, psnr_both"),
        ({"learning_rate": 1.0}, "learning_rate=1.0: Unexpected keyword argument"),
        ({"frozen": 2, "architecture": "unet"}, "frozen=2: unet has no encoder"),
    ):
        with pytest.raises(TrainingError, match=f"^{message}"):
            TrainConfig(**settings)
    with pytest.raises(TrainingError, match="batch=0: must be above 0"):
        replace(TINY, batch=0)


def test_the_table_of_arguments_is_the_networks_own():
    rows = {name: (registry.generator_class(name), row) for name, row in registry.GENERATORS.items()}
    for network, row in [*rows.values(), (PatchGAN, registry.PATCHGAN)]:
        parameters = inspect.signature(network).parameters.values()
        own = {p.name: p.default for p in parameters if p.name != "pretrained"}  # the run's, not the recipe's
        assert own.keys() == row.arguments.keys()
        assert all(row.arguments[argument].fits(default) for argument, default in own.items())
        assert row.encoder == ("pretrained" in inspect.signature(network).parameters)
    unet = registry.GENERATORS["unet"]
    for row, argument in ((unet, "norm"), (unet, "last_norm"), (registry.PATCHGAN, "second_norm")):
        assert all(row.arguments[argument].fits(norm) for norm in NORMS)
