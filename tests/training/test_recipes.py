"""Recipes: the paper's rows, each of which learns."""

from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch
from helpers.photos import PHOTOS
from helpers.training import rows_of

from colourise.training.loop import train
from colourise.training.overrides import configure
from colourise.training.recipes import RECIPES
from colourise.training.warm_start import initial_generator


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_lowers_its_loss(loss_network, photos, tmp_path, recipe):
    config = RECIPES[recipe]
    changes = {"sizes": (64,), "batch": 4, "images": 4 * 18, "input_size": 64, "discriminators": 0}
    if config.architecture == "unet":
        changes |= {
            "arguments": {**config.arguments, "levels": 6, "width": 8},
            "discriminators": min(2, config.discriminators),
            "discriminator": {**config.discriminator, "width": 8},
            "lr": 2e-3,
        }
    config = replace(config, **changes)
    generator = initial_generator(config, (), None, fresh=False)
    weights = tmp_path / "encoder.safetensors"
    if config.architecture == "encoder_unet":
        safetensors.torch.save_file(generator.encoder.state_dict(), weights)
    train(
        config,
        photos,
        photos[:1],
        tmp_path / "run",
        encoder_weights=weights if weights.exists() else None,
        precision="fp32",
        workers=0,
        score_every=6,
    )
    rows = rows_of(tmp_path / "run")
    assert float(rows[-1]["pixel"]) < float(rows[0]["pixel"])
    assert ("feature" in rows[0]) == bool(config.feature_weight)
    assert ("adversarial" in rows[0]) == bool(config.discriminators)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_learns_real_photos(colourise, caches, monkeypatch, tmp_path, recipe, steps=300):
    """Through the command line, at half width to save time: the generator's whole loss is lower at the end.

    A loss network is the trained one where TORCH_HOME (or torch's own cache) or the Hub's cache holds its
    file, else one of random weights; the encoder of `colourise` starts from random weights.
    """
    import huggingface_hub
    from segmentation_models_pytorch.encoders import encoders

    config = RECIPES[recipe]
    network = config.loss_network if config.feature_weight else ""
    if not cached(network, Path(torch.hub.get_dir()), encoders):
        monkeypatch.setenv("TORCH_HOME", str(caches[0]))
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(caches[1]))
    settings = ["sizes=64", "batch=4", f"images={4 * steps}", "input_size=64"]
    more = []
    if config.architecture == "unet":
        settings += ["arguments.levels=6", f"discriminators={min(2, config.discriminators)}"]  # 64 px
        settings += ["arguments.width=32", "discriminator.width=32"]
    else:
        import safetensors.torch

        more = ["--encoder-weights", tmp_path / "encoder.safetensors"]
        safetensors.torch.save_file(
            initial_generator(config, (), None, fresh=False).encoder.state_dict(), more[1]
        )
    held_out = tmp_path / "held_out"
    held_out.mkdir()
    (held_out / "coffee.jpg").write_bytes((PHOTOS / "coffee.jpg").read_bytes())
    result = colourise(
        *("train", "--recipe", recipe, "--data", PHOTOS, "--held-out", held_out, "-o", tmp_path / "run"),
        *(word for setting in settings for word in ("--set", setting)),
        *("--score-every", steps // 10, *more),
        model=False,
    )
    assert result.exit_code == 0, result.stderr
    totals = [
        sum(float(row[term]) for term in ("pixel", "feature", "adversarial") if term in row)
        for row in rows_of(tmp_path / "run")
    ]
    assert len(totals) == 10
    assert totals[-1] < totals[0]


def cached(network, torch_home, encoders):
    """Whether the trained weights of a loss network are on this machine."""
    from huggingface_hub import try_to_load_from_cache
    from torchvision.models import ResNet50_Weights, VGG16_Weights
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

    if network == "unet":
        place = encoders["resnet34"]["pretrained_settings"]["imagenet"]
        file = try_to_load_from_cache(place["repo_id"], "model.safetensors", revision=place["revision"])
        return isinstance(file, str)
    weights = {
        "vgg16": VGG16_Weights.IMAGENET1K_FEATURES,
        "resnet50": ResNet50_Weights.IMAGENET1K_V1,
        "fpn": FasterRCNN_ResNet50_FPN_Weights.COCO_V1,
    }
    return network in weights and (torch_home / "checkpoints" / Path(weights[network].url).name).exists()


def test_every_recipe_passes_its_own_checks():
    assert all(configure(name, []) == recipe for name, recipe in RECIPES.items())


def test_recipes_are_the_papers_rows():
    """Values that the paper and its two baselines give."""
    assert list(RECIPES) == ["pix2pix", "gorriz", "vgg16", "resnet50", "unet", "fpn", "colourise"]
    pix2pix, gorriz, vgg16 = (RECIPES[name] for name in ("pix2pix", "gorriz", "vgg16"))
    assert (pix2pix.pixel_weight, pix2pix.pixel_beta, pix2pix.adversarial, pix2pix.batch) == (
        100,
        0,
        "bce",
        1,
    )
    assert (pix2pix.lr, pix2pix.betas, pix2pix.feature_weight, pix2pix.sizes) == (
        2e-4,
        (0.5, 0.999),
        0,
        (256,),
    )
    assert (gorriz.adversarial, gorriz.discriminators, gorriz.batch, gorriz.spectral_norm) == (
        "lsgan",
        3,
        16,
        True,
    )
    assert (vgg16.loss_network, vgg16.feature_layer, vgg16.feature_weight) == ("vgg16", "block3_conv3", 1e-5)
    assert all(RECIPES[name].images == 23 * 50_000 for name in list(RECIPES)[:6])
