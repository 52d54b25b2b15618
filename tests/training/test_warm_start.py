"""First weights: ImageNet's, or those of trained models."""

from dataclasses import replace

import pytest
import timm
import torch
from helpers.photos import PHOTOS
from helpers.training import TINY
from safetensors.torch import save_file

from colourise.errors import TrainingError
from colourise.models import checkpoints
from colourise.models.card import Card
from colourise.models.networks import registry
from colourise.training.learner import parameter_groups
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
            *("train", "--recipe", "pix2pix", "--data", PHOTOS, "-o", tmp_path / "run", "--from", model),
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
    assert len(initial_generator(backwards, found[1:], None, fresh=True).ups) == 2
    coarse, whole = (checkpoints.load_generator(model).state_dict() for model in found)
    config = replace(TINY, architecture="encoder_unet", arguments={"widths": [8, 6, 4, 4]})
    mixed = initial_generator(config, found, None, fresh=True).state_dict()
    from_first = {
        name for name, value in mixed.items() if torch.equal(value, coarse.get(name, torch.tensor(0)))
    }
    assert {"ups.1.mix.0.0.weight", "encoder.conv_stem.weight", "context.whole.0.weight"} <= from_first
    for name in ("ups.2.mix.0.0.weight", "ups.3.mix.1.0.weight", "head.weight", "head.bias"):
        assert torch.equal(mixed[name], whole[name])
    narrow = replace(config, arguments={"widths": [8, 5, 4, 4]})  # its second stage starts anew, all of it
    begun = initial_generator(narrow, found, None, fresh=True).state_dict()
    assert torch.equal(begun["ups.0.mix.1.0.weight"], coarse["ups.0.mix.1.0.weight"])
    assert torch.equal(begun["ups.1.mix.1.1.running_var"], torch.ones(5))
    other = replace(config, arguments={"widths": [8, 6], "encoder": "mobilenetv2_100"})
    with pytest.raises(TrainingError, match=r"coarse: is encoder_unet .* set the same"):
        train(other, photos, photos[:2], tmp_path / "run", start_from=found, workers=0)


def test_encoder_weights_that_do_not_fit_are_named(photos, tmp_path):
    (tmp_path / "odd.safetensors").write_bytes(b"nothing")
    with pytest.raises(TrainingError, match=r"odd\.safetensors: its pretrained weights cannot be loaded"):
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


def test_a_network_grows_from_a_trained_one(photos, tmp_path):
    """Pyramid and decoder come from the model, the transformer from a file; then all from one model."""
    card = Card("small", "encoder_unet", {"widths": [8, 8, 4, 4]}, 64, "nothing", {}, {}, "MIT")
    small = checkpoints.save(registry.build("encoder_unet", **card.arguments), tmp_path / "small", card)
    arguments = {**card.arguments, "token_width": 4}
    config = replace(TINY, architecture="token_unet", arguments=arguments, sizes=(32,), batch=2, images=2)
    with pytest.raises(
        TrainingError, match="token_unet: grows from a trained encoder_unet; name one with --from"
    ):
        train(config, photos, photos[:2], tmp_path / "run", workers=0)
    vit = timm.create_model(registry.TRANSFORMER, num_classes=0)
    save_file(vit.state_dict(), tmp_path / "vit.safetensors")
    grown = initial_generator(config, [small], tmp_path / "vit.safetensors", fresh=True)
    assert torch.equal(
        grown.encoder.conv_stem.weight, checkpoints.load_generator(small).encoder.conv_stem.weight
    )
    assert torch.equal(grown.vit.blocks[3].attn.qkv.weight, vit.blocks[3].attn.qkv.weight)
    grown_card = replace(card, name="grown", architecture="token_unet", arguments=arguments)
    whole = checkpoints.save(grown, tmp_path / "grown", grown_card)
    again = initial_generator(config, [whole], None, fresh=True)
    for name, value in grown.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    odd = replace(config, arguments={**arguments, "encoder": "mobilenetv2_100"})
    with pytest.raises(TrainingError, match=r"small: is encoder_unet .* set the same"):
        train(odd, photos, photos[:2], tmp_path / "run", start_from=[small], workers=0)


def test_each_part_of_a_network_learns_at_its_own_rate():
    network = registry.build("token_unet", widths=[8, 8, 4, 4], token_width=4)
    config = replace(TINY, lr=1.0, encoder_lr=0.25, transformer_lr=0.125)
    network.freeze_transformer(2)
    rates = {
        id(parameter): group["lr"]
        for group in parameter_groups(network, config)
        for parameter in group["params"]
    }
    assert rates[id(network.encoder.conv_stem.weight)] == 0.25
    assert rates[id(network.vit.blocks[11].attn.qkv.weight)] == 0.125
    assert rates[id(network.token_out[0].weight)] == rates[id(network.head.weight)] == 1.0
    assert id(network.vit.blocks[9].attn.qkv.weight) not in rates
