"""What one batch teaches: each network its own, at its own rate."""

from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from helpers.training import GAN, TINY

from colourise.models.networks import norms, registry
from colourise.training.config import TrainConfig
from colourise.training.learner import Learner, one_cycle, parameter_groups
from colourise.training.loop import train
from colourise.training.recipes import RECIPES


def test_one_batch_is_learnt_by_heart_with_both_losses(loss_network):
    config = replace(
        TINY,
        arguments={"levels": 5, "width": 8, "dropout": 0.0},
        lr=4e-3,
        weight_decay=0.0,
        schedule="constant",
        feature_weight=1e-5,
        feature_share=0.5,
    )
    torch.manual_seed(0)
    learner = Learner(config, Accelerator(), fresh=True)
    L, ab = torch.rand(4, 1, 32, 32) * 100, torch.randn(4, 2, 1, 1).expand(4, 2, 32, 32) * 30
    seen = [learner.step(L, ab) for _ in range(40)]
    assert seen[-1]["pixel"] < seen[0]["pixel"] / 5
    assert seen[-1]["feature"] < seen[0]["feature"] / 2
    assert all(p.grad is None for p in learner.features.parameters())


def test_a_gan_teaches_each_side_its_own():
    """The discriminator's step leaves the generator alone, and the generator's the discriminator."""
    torch.manual_seed(0)
    learner = Learner(replace(GAN, pixel_weight=0.0, betas=(0.0, 0.9)), Accelerator(), fresh=True)
    L, ab = torch.rand(4, 1, 32, 32) * 100, torch.randn(4, 2, 32, 32) * 30
    steps = {"generator": learner.optimizer, "discriminators": learner.discriminator_optimizer}
    for moved, still in (("generator", "discriminators"), ("discriminators", "generator")):
        rates = {group["params"][0]: group["lr"] for group in steps[still].param_groups}
        before = {n: [p.clone() for p in getattr(learner, n).parameters()] for n in steps}
        for group in steps[still].param_groups:
            group["highest_lr"] = 0.0
        losses = learner.step(L, ab)
        for group in steps[still].param_groups:
            group["highest_lr"] = rates[group["params"][0]]
        same = {
            n: all(
                torch.equal(p, q) for p, q in zip(before[n], getattr(learner, n).parameters(), strict=True)
            )
            for n in steps
        }
        assert same == {moved: False, still: True}
    assert losses.keys() == {"pixel", "adversarial", "discriminator", "real", "fake"}
    assert all(p.requires_grad for p in learner.discriminators.parameters())


def test_what_is_saved_has_the_names_of_the_first_version():
    state = Learner(replace(GAN, distribution_weight=0.1), Accelerator(), fresh=True).state_dict()
    names = ["steps", "generator", "ema", "optimizer", "judges", "judges_optimizer", "distribution"]
    assert list(state) == names
    assert {name.split(".")[0] for name in state["judges"]} == {"judges"}
    assert state["distribution"].keys() == {"lines", "made", "real"}


def test_frozen_halvings_keep_their_weights():
    generator = registry.build("encoder_unet", widths=[8, 8, 8, 8])
    generator.freeze(3)
    learning = [name for name, value in generator.encoder.named_parameters() if value.requires_grad]
    assert learning[0].startswith("blocks.3.")
    assert not any(
        name.startswith(("conv_stem", "bn1", "blocks.0", "blocks.1", "blocks.2")) for name in learning
    )
    some = parameter_groups(generator, TrainConfig(frozen=3))
    assert sum(len(group["params"]) for group in some) == sum(p.requires_grad for p in generator.parameters())
    generator.freeze(5)
    assert not any(value.requires_grad for value in generator.encoder.parameters())
    assert len(parameter_groups(generator, TrainConfig(frozen=5))) == 1


def test_released_weights_have_spectral_norm_though_they_are_a_mean():
    """The mean of the vectors of power iterations is none of the mean weights."""
    config = replace(
        TINY, arguments={"levels": 4, "width": 8}, spectral_norm=True, ema=0.99, lr=0.02, images=120
    )
    torch.manual_seed(0)
    learner = Learner(config, Accelerator(), fresh=True)
    L, ab = torch.rand(4, 1, 32, 32) * 100, torch.randn(4, 2, 1, 1).expand(4, 2, 32, 32) * 30
    for _ in range(30):
        learner.step(L, ab)
    released = norms.plain_state_dict(learner.averaged())
    for name, weight in released.items():
        if weight.dim() == 4:
            matrix = (weight.transpose(0, 1) if name.startswith("ups") else weight).flatten(1)
            assert torch.linalg.svdvals(matrix)[0].item() == pytest.approx(1, abs=0.05), name


def test_the_encoder_learns_slower():
    network = registry.build("encoder_unet", widths=(8, 8, 8, 8))
    rest, encoder = parameter_groups(network, RECIPES["colourise"])
    assert encoder["lr"] == pytest.approx(rest["lr"] / 10)
    assert sum(len(group["params"]) for group in (rest, encoder)) == len(list(network.parameters()))


def test_the_learning_rate_rises_and_falls():
    rates = [one_cycle(done / 100, 0.1) for done in range(101)]
    assert max(rates) == rates[10] == 1
    assert rates[-1] == pytest.approx(0)
    assert rates == sorted(rates[:11]) + sorted(rates[11:], reverse=True)


def test_the_generator_sees_the_old_photograph_and_is_judged_on_the_truth(photos, tmp_path):
    config = replace(TINY, aged=1.0, images=8, batch=4)
    assert train(config, photos, photos[:1], tmp_path / "run") is not None
    learner = Learner(TINY, Accelerator(), fresh=True)
    given = []
    learner.generator.register_forward_hook(lambda module, inputs, output: given.append(inputs[0]))
    L, ab, seen = torch.rand(4, 1, 32, 32) * 100, torch.zeros(4, 2, 32, 32), torch.zeros(4, 1, 32, 32)
    learner.step(L, ab, seen)
    assert torch.equal(given[0], seen)


def test_the_scale_of_fp16_goes_on():
    accelerator = Accelerator()
    learner = Learner(TINY, accelerator, fresh=True)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    state = learner.state_dict()
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    learner.load_state_dict(state)
    assert accelerator.scaler.get_scale() == 8
    del state["scaler"]
    learner.load_state_dict(state)  # a run that was in bf16 until now
    assert accelerator.scaler.get_scale() == 8
