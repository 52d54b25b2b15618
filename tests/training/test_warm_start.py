"""First weights: ImageNet's, or those of trained models."""

from dataclasses import replace

import pytest
import torch
from helpers.photos import PHOTOS
from helpers.training import TINY

from colourise.errors import TrainingError
from colourise.models import checkpoints
from colourise.models.card import Card
from colourise.models.networks import registry
from colourise.training.loop import train
from colourise.training.recipes import RECIPES
from colourise.training.warm_start import initial_generator


def test_a_run_can_start_from_a_trained_model(photos, tmp_path):
    train(TINY, photos, photos[:2], tmp_path / "first", workers=0)
    first = checkpoints.find(tmp_path / "first", need="safetensors")
    still = replace(TINY, lr=1e-12, images=4)
    train(still, photos, photos[:2], tmp_path / "second", start_from=[first], workers=0)
    second = checkpoints.find(tmp_path / "second", need="safetensors")
    weights = [checkpoints.load_generator(one).state_dict() for one in (first, second)]
    for name, value in weights[0].items():
        if "running" not in name and "num_batches" not in name:
            torch.testing.assert_close(value, weights[1][name])
    assert second.card.recipe["start_from"] == "first"
    other = replace(TINY, arguments={**TINY.arguments, "width": 8})
    with pytest.raises(
        TrainingError, match=r"first: is unet .*\"width\": 4.*and the recipe has.*\"width\": 8"
    ):
        train(other, photos, photos[:2], tmp_path / "third", start_from=[first], workers=0)
    assert not (tmp_path / "third").exists()


def test_a_model_to_start_from_is_checked_before_anything_is_written(colourise, tmp_path):
    for model, said in (("colourise-v4", "colourise-v4: is encoder_unet"), ("nobody", "nobody")):
        result = colourise(
            *("train", "--recipe", "vgg16", "--data", PHOTOS, "-o", tmp_path / "run", "--from", model),
            model=False,
        )
        assert result.exit_code == 1
        assert said in result.stderr
        assert "photos to learn from" not in result.stderr
        assert not (tmp_path / "run").exists()


def test_a_trained_model_needs_no_encoder_weights(photos, tmp_path):
    card = Card("first", "encoder_unet", {"widths": [8, 8, 8, 8]}, 64, "nothing", {}, {}, "MIT")
    first = checkpoints.save(registry.build("encoder_unet", **card.arguments), tmp_path / "first", card)
    config = replace(TINY, architecture="encoder_unet", arguments=card.arguments, sizes=(64,))
    given = tmp_path / "imagenet.safetensors"
    with pytest.raises(
        TrainingError, match=r"imagenet\.safetensors: first has all its weights; leave one of"
    ):
        train(config, photos, photos[:2], tmp_path / "run", encoder_weights=given, start_from=[first])
    assert not (tmp_path / "run").exists()


def test_a_run_takes_from_the_next_model_what_the_first_lacks(photos, tmp_path):
    found = []
    for name, widths in (("coarse", [8, 6]), ("whole", [8, 6, 4, 4])):
        card = Card(name, "encoder_unet", {"widths": widths}, 64, "nothing", {}, {}, "MIT")
        generator = registry.build("encoder_unet", **card.arguments)
        torch.nn.init.normal_(generator.head.weight)
        torch.nn.init.normal_(generator.head.bias)
        found.append(checkpoints.save(generator, tmp_path / name, card))
    backwards = replace(TINY, architecture="encoder_unet", arguments={"widths": [8, 6]})
    assert len(initial_generator(backwards, found[1:], fresh=True).ups) == 2
    coarse, whole = (checkpoints.load_generator(model).state_dict() for model in found)
    config = replace(TINY, architecture="encoder_unet", arguments={"widths": [8, 6, 4, 4]})
    mixed = initial_generator(config, found, fresh=True).state_dict()
    from_first = {
        name for name, value in mixed.items() if torch.equal(value, coarse.get(name, torch.tensor(0)))
    }
    assert {"ups.1.mix.0.0.weight", "encoder.conv_stem.weight", "context.whole.0.weight"} <= from_first
    for name in ("ups.2.mix.0.0.weight", "ups.3.mix.1.0.weight", "head.weight", "head.bias"):
        assert torch.equal(mixed[name], whole[name])
    narrow = replace(config, arguments={"widths": [8, 5, 4, 4]})  # its second stage starts anew, all of it
    begun = initial_generator(narrow, found, fresh=True).state_dict()
    assert torch.equal(begun["ups.0.mix.1.0.weight"], coarse["ups.0.mix.1.0.weight"])
    assert torch.equal(begun["ups.1.mix.1.1.running_var"], torch.ones(5))
    other = replace(config, arguments={"widths": [8, 6], "encoder": "mobilenetv2_100"})
    with pytest.raises(TrainingError, match=r"coarse: is encoder_unet .* set the same"):
        train(other, photos, photos[:2], tmp_path / "run", start_from=found, workers=0)


def test_encoder_weights_that_do_not_fit_are_named(photos, tmp_path):
    (tmp_path / "odd.safetensors").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"odd\.safetensors: its ImageNet weights cannot be loaded"):
        train(
            RECIPES["colourise"],
            photos,
            photos,
            tmp_path / "run",
            encoder_weights=tmp_path / "odd.safetensors",
        )


def test_encoder_weights_are_for_encoders(photos, tmp_path):
    with pytest.raises(TrainingError, match=r"some\.safetensors: unet has no encoder; leave it out"):
        train(TINY, photos, photos, tmp_path / "run", encoder_weights=tmp_path / "some.safetensors")
