"""Training on real photos: it learns, it stops and goes on, and it says what is wrong."""

import csv
import inspect
import json
import multiprocessing
import os
import signal
import sys
import tarfile
import threading
import time
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
import safetensors.torch
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from helpers.photos import PHOTOS
from PIL import Image
from torch.utils.data import DataLoader

from colourise.data.crops import Crops, random_crop, square
from colourise.data.photos import class_of, find_photos, place_of, read_rgb
from colourise.data.split import hold_out, parts, shuffle
from colourise.errors import ModelError, PhotoError, TrainingError
from colourise.evaluation.metrics import Scores, colourfulness
from colourise.lab.pictures import lay_over, rgb_to_lab
from colourise.models import checkpoints
from colourise.models.card import Card
from colourise.models.networks import norms, registry
from colourise.models.networks.patchgan import PatchGAN
from colourise.models.networks.registry import LOSS_NETWORKS
from colourise.models.networks.unet import NORMS
from colourise.training import losses
from colourise.training.config import TrainConfig
from colourise.training.devices import ignore_interruptions, mixed_precision
from colourise.training.events import (
    BalanceLost,
    HeldOutScored,
    PhotosFound,
    TrainingFinished,
    TrainingProgress,
    TrainingStopped,
)
from colourise.training.folder import train_folder
from colourise.training.learner import Learner, groups, one_cycle
from colourise.training.loop import train
from colourise.training.overrides import configure
from colourise.training.recipes import RECIPES
from colourise.training.run_folder import rewind
from colourise.training.scoring import lost_balance
from colourise.training.warm_start import start

ROOT = Path(__file__).parent.parent
TINY = TrainConfig(
    architecture="unet",
    arguments={"levels": 5, "width": 4, "dropout": 0.0},
    sizes=(32,),
    batch=4,
    images=32,
    feature_weight=0.0,
    input_size=32,
)
GAN = replace(TINY, discriminators=1, discriminator={"width": 4}, schedule="constant", ema=0.0)
ALIKE = {"norm": "instance"}  # a norm of each picture alone, so that it does not matter who shares its batch


@pytest.fixture(autouse=True)
def fresh_accelerate():
    """Let every test choose its precision: accelerate fixes it for a process."""
    yield
    AcceleratorState._reset_state()


@pytest.fixture
def photos(tmp_path):
    """Twelve photos of a few colours each."""
    chance = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        blocks = chance.integers(0, 256, (4, 6, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize((72, 48), Image.Resampling.BICUBIC).save(
            folder / f"{number:02}.jpg", quality=95
        )
    return find_photos(folder)


@pytest.fixture(scope="session")
def caches(tmp_path_factory):
    """Loss networks of random weights under the official names in (TORCH_HOME, the Hub's cache).

    Tests fetch nothing, so they know that these networks are used, not what the true ones see.
    """
    import safetensors.torch
    from segmentation_models_pytorch.encoders import encoders, get_encoder
    from torchvision.models import ResNet50_Weights, VGG16_Weights, resnet50, vgg16
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops import FrozenBatchNorm2d

    torch_home, hub = tmp_path_factory.mktemp("torch"), tmp_path_factory.mktemp("hub")
    checkpoints_ = torch_home / "hub" / "checkpoints"
    checkpoints_.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        detector = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d)
        for weights, prefix, network in (
            (VGG16_Weights.IMAGENET1K_FEATURES, "features.", vgg16().features),
            (ResNet50_Weights.IMAGENET1K_V1, "", resnet50()),
            (FasterRCNN_ResNet50_FPN_Weights.COCO_V1, "backbone.", detector),
        ):
            state = {f"{prefix}{name}": value for name, value in network.state_dict().items()}
            torch.save(state, checkpoints_ / weights.url.rsplit("/", 1)[1])
        encoder = get_encoder("resnet34").state_dict()
    place = encoders["resnet34"]["pretrained_settings"]["imagenet"]
    folder = hub / f"models--{place['repo_id'].replace('/', '--')}" / "snapshots" / place["revision"]
    folder.mkdir(parents=True)
    safetensors.torch.save_file(encoder, folder / "model.safetensors")
    preset = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    (folder / "config.json").write_text(json.dumps(preset | {"input_space": "RGB", "input_range": [0, 1]}))
    return torch_home, hub


@pytest.fixture
def loss_network(caches, monkeypatch):
    """The feature reconstruction loss, whose networks are in the caches."""
    import huggingface_hub

    monkeypatch.setenv("TORCH_HOME", str(caches[0]))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(caches[1]))
    return losses.FeatureReconstructionLoss


def rows_of(run):
    with (run / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def weights_of(run):
    return checkpoints.load_generator(checkpoints.find(run, need="safetensors")).state_dict()


def test_a_run_leaves_a_model_a_card_scores_and_a_preview(photos, tmp_path):
    run = tmp_path / "runs" / "first"
    reports = []
    card = train(
        TINY, photos[:9], photos[9:], run, about="test blocks", score_every=4, on_event=reports.append
    )
    told = json.loads(card.read_text())
    assert (told["name"], told["data"], told["recipe"]["images_seen"]) == ("first", "test blocks", 32)
    assert told["recipe"]["scored_at"] == 32
    assert [row["step"] for row in rows_of(run)] == ["4", "8"]
    assert float(rows_of(run)[-1]["psnr_rgb"]) == pytest.approx(told["scores"]["psnr_rgb"])
    assert {path.name for path in run.glob("preview-*.jpg")} == {"preview-000004.jpg", "preview-000008.jpg"}
    assert [type(event) for event in reports[-3:]] == [TrainingProgress, HeldOutScored, TrainingFinished]
    assert reports[-3].step == reports[-3].steps == 8
    assert reports[-2].scores == told["scores"]
    assert (reports[-2].preview, reports[-1].card) == (run / "preview-000008.jpg", card)


def test_a_folder_of_photos_is_all_that_training_needs(photos, tmp_path, monkeypatch):
    """What the command line calls: it parts the photos, finds the model to start from, and reports."""
    heard = []
    data, run = photos[0].parent, tmp_path / "run"
    ask = {"per_class": (6, 4), "workers": 0, "score_every": 4}
    card = train_folder(TINY, data, run, **ask, on_event=heard.append)
    assert heard[0] == PhotosFound(6, 4, run)
    assert heard[-1] == TrainingFinished(card)
    assert (run / "split.csv").read_text().count("test,") == 4
    assert json.loads(card.read_text())["data"] == "6 photos of photos"
    monkeypatch.setenv("RANK", "1")  # of `accelerate launch`: the first process alone tells of the photos
    heard.clear()
    other = replace(TINY, arguments={**TINY.arguments, "norm": "instance"})
    with pytest.raises(TrainingError, match="set the same"):
        train_folder(other, data, tmp_path / "other", start_from=[run], on_event=heard.append)
    assert not heard


def test_a_stopped_run_goes_on_to_the_same_weights(photos, tmp_path):
    class StopError(Exception):
        pass

    def stop(event):
        if event.step == 4:
            stopped.append(event.step)
        elif stopped:
            raise StopError

    config = TrainConfig(**{**vars(TINY), "lr": 0.02})
    train(config, photos, photos[:2], tmp_path / "whole", precision="fp32", score_every=4)
    stopped = []
    with pytest.raises(StopError):
        train(config, photos, photos[:2], tmp_path / "halves", precision="fp32", score_every=4, on_event=stop)
    train(config, photos, photos[:2], tmp_path / "halves", precision="fp32", score_every=4)
    whole, halves = weights_of(tmp_path / "whole"), weights_of(tmp_path / "halves")
    assert all(torch.allclose(whole[name], halves[name], rtol=1e-3, atol=1e-4) for name in whole)
    assert [row["step"] for row in rows_of(tmp_path / "halves")] == ["4", "8"]


def test_a_run_is_not_continued_with_other_settings(photos, tmp_path):
    train(TINY, photos, photos[:1], tmp_path / "run")
    with pytest.raises(TrainingError, match="started on other photos; give the same --data"):
        train(TINY, photos[:5], photos[:1], tmp_path / "run")
    with pytest.raises(TrainingError, match="another lr; give the same settings, or another run folder"):
        train(TrainConfig(**{**vars(TINY), "lr": 0.5}), photos, photos[:1], tmp_path / "run")


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
    learner = Learner(config, Accelerator(), None, fresh=True)
    L, ab = torch.rand(4, 1, 32, 32) * 100, torch.randn(4, 2, 1, 1).expand(4, 2, 32, 32) * 30
    seen = [learner.step(L, ab) for _ in range(40)]
    assert seen[-1]["pixel"] < seen[0]["pixel"] / 5
    assert seen[-1]["feature"] < seen[0]["feature"] / 2
    assert all(p.grad is None for p in learner.features.parameters())


def test_a_gan_teaches_each_side_its_own():
    """The discriminator's step leaves the generator alone, and the generator's the discriminator."""
    torch.manual_seed(0)
    learner = Learner(replace(GAN, pixel_weight=0.0, betas=(0.0, 0.9)), Accelerator(), None, fresh=True)
    L, ab = torch.rand(4, 1, 32, 32) * 100, torch.randn(4, 2, 32, 32) * 30
    steps = {"generator": learner.optimizer, "judges": learner.judges_optimizer}
    for moved, still in (("generator", "judges"), ("judges", "generator")):
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
    assert all(p.requires_grad for p in learner.judges.parameters())


@pytest.mark.parametrize("kind", ["bce", "lsgan"])
def test_adversarial_loss_by_hand(kind):
    verdicts = [torch.tensor([0.5, -1.0]), torch.tensor([2.0])]
    real, fake = (losses.adversarial_loss(verdicts, truth, kind).item() for truth in (True, False))
    values = [np.array([0.5, -1.0]), np.array([2.0])]
    if kind == "bce":
        expected = [np.mean([np.log1p(np.exp(-sign * v)).mean() for v in values]) for sign in (1, -1)]
    else:
        expected = [np.mean([((v - target) ** 2).mean() for v in values]) for target in (1, 0)]
    assert [real, fake] == pytest.approx(expected, rel=1e-5)


def test_a_discriminator_that_wins_is_noticed(photos, tmp_path):
    assert not lost_balance({"pixel": 1.0})
    assert not lost_balance({"real": 0.6, "fake": 0.4})
    assert "real photos 0.99 real and coloured ones 0.01" in lost_balance({"real": 0.99, "fake": 0.01})
    told = []
    config = replace(GAN, images=240, adversarial_weight=0.0, lr=2e-3, betas=(0.5, 0.9))
    train(config, photos, photos[:1], tmp_path / "run", score_every=30, on_event=told.append)
    (warning,) = (
        event.message for event in told if isinstance(event, BalanceLost) and event.step == 240 // 4
    )
    assert "the discriminator wins" in warning
    assert float(rows_of(tmp_path / "run")[-1]["real"]) > 0.9
    heading = np.asarray(Image.open(tmp_path / "run" / "preview-000060.jpg"))[:20]
    assert heading.std() > 10  # something is written above the pictures


@pytest.mark.parametrize("network", LOSS_NETWORKS)
def test_loss_networks_are_read_where_asked_and_no_further(loss_network, network):
    L, ab = torch.rand(1, 1, 64, 64) * 100, torch.randn(1, 2, 64, 64) * 20
    ab.requires_grad_()
    sizes = []
    for layer, (stride, channels) in LOSS_NETWORKS[network].items():
        features = loss_network(network, layer)
        assert features.features(L, ab).shape == (1, channels, 64 // stride, 64 // stride)
        assert not any(p.requires_grad for p in features.parameters())
        sizes.append(sum(p.numel() for module in called(features, L, ab) for p in module.parameters()))
    features(L, ab, torch.zeros(1, 2, 64, 64)).backward()
    assert ab.grad.abs().sum() > 0
    if network == "fpn":  # every level needs all coarser ones, but none needs the last convolution of another
        assert len(set(sizes)) == 1
    else:
        assert sizes == sorted(set(sizes))


def called(features, L, ab):
    """The layers with weights that a loss network computes."""
    seen = {}
    for module in features.network.modules():
        if any(True for _ in module.parameters()) and not any(True for _ in module.children()):
            module.register_forward_hook(lambda module, inputs, output: seen.update({id(module): module}))
    features.features(L, ab)
    return seen.values()


def test_loss_networks_see_rgb_as_they_were_trained(loss_network):
    """Mid grey, 0.5, reaches each as (0.5 - mean) / std of its own, VGG16 as 127.5 less the mean colour."""
    L, ab = torch.full((1, 1, 32, 32), 53.389), torch.zeros(1, 2, 32, 32)
    imagenet = (torch.full((3,), 0.5) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    caffe = 127.5 - torch.tensor([123.0, 117.0, 104.0])
    for network, expected in (
        ("vgg16", caffe),
        ("resnet50", imagenet),
        ("unet", imagenet),
        ("fpn", imagenet),
    ):
        features = loss_network(network, next(iter(LOSS_NETWORKS[network])))
        seen = []
        features.network.register_forward_pre_hook(lambda module, inputs, seen=seen: seen.append(inputs[0]))
        features.features(L, ab)
        assert torch.allclose(seen[0][0, :, 0, 0], expected, atol=0.02 if network != "vgg16" else 0.2), (
            network
        )


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
    generator = start(config, None, fresh=False)
    weights = tmp_path / "encoder.safetensors"
    if config.architecture == "encoder_unet":
        safetensors.torch.save_file(generator.encoder.state_dict(), weights)
    told = []
    train(
        config,
        photos,
        photos[:1],
        tmp_path / "run",
        encoder_weights=weights if weights.exists() else None,
        precision="fp32",
        workers=0,
        score_every=6,
        on_event=told.append,
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
        safetensors.torch.save_file(start(config, None, fresh=False).encoder.state_dict(), more[1])
    judge = tmp_path / "judge"
    judge.mkdir()
    (judge / "coffee.jpg").write_bytes((PHOTOS / "coffee.jpg").read_bytes())
    result = colourise(
        *("train", "--recipe", recipe, "--data", PHOTOS, "--held-out", judge, "-o", tmp_path / "run"),
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


def test_pixel_loss_by_hand():
    truth = torch.zeros(1, 2, 1, 2)
    ab = torch.tensor([[[[2.0, -13.0]], [[0.0, 0.0]]]])  # one inside beta, one beyond it
    assert losses.pixel_loss(ab, truth, 3.0).item() == pytest.approx(
        (2**2 / (2 * 3) + (13 - 3 / 2)) / 110 / 4
    )
    squared = losses.pixel_loss(ab, truth, 110.0).item()
    assert squared == pytest.approx((2**2 + 13**2) / 110**2 / 2 / 4)


def test_psnr_loss_is_psnr_ab_of_each_picture():
    truth = torch.zeros(2, 2, 8, 8)
    ab = torch.stack([torch.full((2, 8, 8), 3.0), torch.full((2, 8, 8), -30.0)])
    best = 20 * np.log10(255)  # of an error of 1
    psnr = [best - 10 * np.log10(error + 1) for error in (9, 900)]
    assert float(losses.psnr_loss(ab, truth)) == pytest.approx(best - np.mean(psnr), rel=1e-5)
    assert float(losses.psnr_loss(truth, truth)) == 0


def test_psnr_both_loss_is_the_mean_of_psnr_ab_and_psnr_rgb():
    truth = square(read_rgb(PHOTOS / "coffee.jpg"), 64).repeat(2, 0).repeat(2, 1)  # every second pixel is all
    lab = torch.from_numpy(np.moveaxis(rgb_to_lab(truth), -1, 0)[None])
    L, ab = lab[:, :1], lab[:, 1:]
    grey = lay_over(truth, np.zeros((2, 8, 8), np.float32))
    mine = Scores().add(grey, truth)
    loss = 20 * np.log10(255) - (mine["psnr_rgb"] + mine["psnr_ab"]) / 2
    predicted = torch.zeros_like(ab, requires_grad=True)
    made = losses.psnr_both_loss(L, predicted, ab)
    assert float(made.detach()) == pytest.approx(loss, abs=0.03)
    made.backward()
    assert losses.psnr_both_loss(L, -10 * predicted.grad / predicted.grad.abs().max(), ab) < made
    assert float(losses.psnr_both_loss(L, ab, ab)) < 1e-4


def test_distribution_loss_is_wassersteins_distance():
    from scipy.stats import wasserstein_distance

    chance = torch.Generator().manual_seed(0)
    spread = torch.tensor([10.0, 25.0]).view(1, 2, 1, 1)
    truth = spread * torch.randn((8, 2, 64, 64), generator=chance) + 5
    ab = torch.randn((8, 2, 64, 64), generator=chance) * 8 - 20
    loss = losses.DistributionLoss()
    made, real = loss.projected(ab), loss.projected(truth)
    assert made.shape == (8, 8 * 32 * 32)
    torch.testing.assert_close(made[[0, 2]], ab[..., ::2, ::2].transpose(0, 1).flatten(1))
    assert made[4:].reshape(4, 8, -1).mean(2).abs().max() < 1e-4
    torch.testing.assert_close(made[4:].reshape(4, 8, -1).std(2), made[:4].reshape(4, 8, -1).std(2))
    expected = np.mean([wasserstein_distance(*line) for line in zip(made.numpy(), real.numpy(), strict=True)])
    assert float(loss(ab, truth)) * 110 == pytest.approx(expected, abs=0.55)  # half a unit less: smooth L1
    carried = loss.carried(made)
    assert carried.mean(1).numpy() == pytest.approx(real.mean(1).numpy(), abs=0.2)
    assert carried.std(1).numpy() == pytest.approx(real.std(1).numpy(), rel=0.02)
    order = made[0].argsort()
    assert (carried[0][order].diff() >= 0).all()
    assert float(losses.DistributionLoss()(truth.roll(1, 0), truth)) < 1e-6  # whose colours they are is free


def test_distribution_loss_looks_back_over_batches():
    loss = losses.DistributionLoss(decay=0.5)
    bright, dull = torch.full((1, 2, 4, 4), 40.0), torch.full((1, 2, 4, 4), 2.0)
    loss(bright, bright)
    loss(dull, bright)
    assert loss.made[0].nonzero().flatten().tolist() == [152, 190]
    assert float(loss.made[0, 190]) == pytest.approx(0.5)


@pytest.mark.parametrize(("weight", "spread"), [(0.0, 0.1), (0.5, 0.6)])
def test_distribution_loss_makes_what_cannot_be_known_various(weight, spread):
    """Truths that nothing tells of: a pixel loss alone leads to grey, 0.6 is a normal's three quarters."""
    chance = torch.Generator().manual_seed(0)
    ab = torch.randn((4, 2, 32, 32), generator=chance).requires_grad_()  # each of them 2x2 pixels
    loss, adam = losses.DistributionLoss(), torch.optim.Adam([ab], lr=0.5)
    for step in range(300):
        truth = 20 * torch.randn((4, 2, 64, 64), generator=chance)
        made = torch.nn.functional.interpolate(ab, scale_factor=2)
        adam.param_groups[0]["lr"] = 0.5 * (1 - step / 300)
        (losses.pixel_loss(made, truth, 0) + weight * loss(made, truth)).backward()
        adam.step()
        adam.zero_grad()
    assert float(ab.detach().std()) / 20 == pytest.approx(spread, abs=0.12)


def test_the_colourfulness_loss_is_the_measures_difference():
    pictures = [square(read_rgb(PHOTOS / f"{name}.jpg"), 64) for name in ("coffee", "chelsea")]
    lab = torch.from_numpy(np.stack([np.moveaxis(rgb_to_lab(picture), -1, 0) for picture in pictures]))
    L, truth = lab[:, :1], lab[:, 1:]
    ab = (0.5 * truth).requires_grad_()
    loss = losses.colourfulness_loss(L, ab, truth)
    halves = [
        cv2.cvtColor(np.float32([1, 0.5, 0.5]) * rgb_to_lab(one), cv2.COLOR_LAB2RGB) for one in pictures
    ]
    lack = [
        colourfulness(one[::2, ::2]) - colourfulness((255 * half[::2, ::2]).round())
        for one, half in zip(pictures, halves, strict=True)
    ]
    assert float(loss.detach()) == pytest.approx(np.mean(lack) / 100, abs=2e-3)
    loss.backward()
    moved = losses.colourfulness_loss(L, ab.detach() - 10 * ab.grad / ab.grad.norm(), truth)
    assert moved < loss
    assert losses.colourfulness_loss(L, 2 * truth, truth) < 0
    grey = torch.zeros_like(truth, requires_grad=True)
    losses.colourfulness_loss(L, grey, truth).backward()
    assert grey.grad.isfinite().all()


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
    assert len(start(backwards, found[1:], fresh=True).ups) == 2
    coarse, whole = (checkpoints.load_generator(model).state_dict() for model in found)
    config = replace(TINY, architecture="encoder_unet", arguments={"widths": [8, 6, 4, 4]})
    mixed = start(config, found, fresh=True).state_dict()
    from_first = {
        name for name, value in mixed.items() if torch.equal(value, coarse.get(name, torch.tensor(0)))
    }
    assert {"ups.1.mix.0.0.weight", "encoder.conv_stem.weight", "context.whole.0.weight"} <= from_first
    for name in ("ups.2.mix.0.0.weight", "ups.3.mix.1.0.weight", "head.weight", "head.bias"):
        assert torch.equal(mixed[name], whole[name])
    narrow = replace(config, arguments={"widths": [8, 5, 4, 4]})  # its second stage starts anew, all of it
    begun = start(narrow, found, fresh=True).state_dict()
    assert torch.equal(begun["ups.0.mix.1.0.weight"], coarse["ups.0.mix.1.0.weight"])
    assert torch.equal(begun["ups.1.mix.1.1.running_var"], torch.ones(5))
    other = replace(config, arguments={"widths": [8, 6], "encoder": "mobilenetv2_100"})
    with pytest.raises(TrainingError, match=r"coarse: is encoder_unet .* set the same"):
        train(other, photos, photos[:2], tmp_path / "run", start_from=found, workers=0)


def test_frozen_halvings_keep_their_weights():
    generator = registry.build("encoder_unet", widths=[8, 8, 8, 8])
    generator.freeze(3)
    learning = [name for name, value in generator.encoder.named_parameters() if value.requires_grad]
    assert learning[0].startswith("blocks.3.")
    assert not any(
        name.startswith(("conv_stem", "bn1", "blocks.0", "blocks.1", "blocks.2")) for name in learning
    )
    some = groups(generator, TrainConfig(frozen=3))
    assert sum(len(group["params"]) for group in some) == sum(p.requires_grad for p in generator.parameters())
    generator.freeze(5)
    assert not any(value.requires_grad for value in generator.encoder.parameters())
    assert len(groups(generator, TrainConfig(frozen=5))) == 1


def test_feature_loss_is_zero_for_the_truth_and_by_hand_else(loss_network):
    features = loss_network("vgg16", "block1_conv2")
    L, truth = torch.rand(2, 1, 16, 16) * 100, torch.randn(2, 2, 16, 16) * 20
    assert features(L, truth, truth) == 0
    ab = torch.randn(2, 2, 16, 16) * 20
    from colourise.lab.tensors import tensor_lab_to_rgb

    def by_hand(ab):
        mean = torch.tensor([0.48235, 0.45882, 0.40784]).view(1, 3, 1, 1)
        x = (tensor_lab_to_rgb(L, ab) - mean) * 255  # RGB, 0..255, less the mean
        for layer in features.network:
            x = layer(x)
        return x

    a, b = by_hand(ab), by_hand(truth)
    _, channels, height, width = a.shape
    distance = ((a - b) ** 2).sum((1, 2, 3)) / (channels * height * width)
    assert features(L, ab, truth).item() == pytest.approx(distance.mean().item(), rel=1e-4)
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in features.network) == 2


def test_vgg16_not_there_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(
        TrainingError, match=r"vgg16.*cannot be downloaded.*connect once, or put the file into"
    ):
        losses.FeatureReconstructionLoss()
    with pytest.raises(TrainingError, match=r"resnet50.*cannot be downloaded.*connect once"):
        losses.FeatureReconstructionLoss("resnet50", "layer1")


@pytest.mark.parametrize("cut", [400, 0])
def test_a_damaged_cache_is_named(tmp_path, monkeypatch, cut):
    from torchvision.models import ResNet50_Weights

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / Path(ResNet50_Weights.IMAGENET1K_V1.url).name
    file.parent.mkdir(parents=True)
    torch.save({"a": torch.zeros(99)}, file)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(TrainingError, match=r"resnet50-.*\.pth: damaged \(.*\); delete it, and connect once"):
        losses.FeatureReconstructionLoss("resnet50", "layer1")


def test_unet_encoder_not_there_is_one_clear_line(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(TrainingError, match=r"smp-hub/resnet34.imagenet: cannot be downloaded.*connect once"):
        losses.FeatureReconstructionLoss("unet", "encoder2")


def test_a_broken_held_out_photo_does_not_stop_a_run(photos, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(photos[0].read_bytes()[:300])
    card = train(TINY, photos, [tmp_path / "broken.jpg", photos[0]], tmp_path / "run")
    assert json.loads(card.read_text())["scores"]["psnr_rgb"] > 0
    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "grey.png")
    hopeless = {
        ("broken.jpg", "broken.jpg"): "none of the held-out photos can be read; hold out photos in colour",
        ("broken.jpg", "grey.png"): r"those of the held-out photos that can be read \(1 of 2\) are grey",
    }
    for names, message in hopeless.items():
        with pytest.raises(TrainingError, match=message):
            train(TINY, photos, [tmp_path / name for name in names], tmp_path / "other")
    assert not (tmp_path / "other").exists()  # before anything was learnt


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


def test_a_loss_that_is_not_finite_stops_the_run(photos, tmp_path):
    with pytest.raises(TrainingError, match=r"the loss of batch 1 is not finite \(\d\d\.jpg, .*smaller lr"):
        train(
            TrainConfig(**{**vars(TINY), "pixel_weight": float("inf")}), photos, photos[:1], tmp_path / "run"
        )


def test_a_gradient_that_is_not_finite_stops_the_run_before_its_step(photos, tmp_path, monkeypatch):
    def loss(ab, truth, beta):
        return (ab * 0).abs().sum().sqrt()  # 0, and its slope there is infinite

    monkeypatch.setattr("colourise.training.learner.pixel_loss", loss)
    with pytest.raises(
        TrainingError, match=r"the gradient of batch 1 is not finite \(\d\d\.jpg, .*smaller lr"
    ):
        train(replace(TINY, clip=0.0), photos, photos[:1], tmp_path / "run")
    learner = Learner(TINY, Accelerator(), None, fresh=True)
    before = [p.clone() for p in learner.generator.parameters()]
    with pytest.raises(FloatingPointError):
        learner.step(torch.rand(4, 1, 32, 32) * 100, torch.zeros(4, 2, 32, 32))
    assert all(torch.equal(p, q) for p, q in zip(before, learner.generator.parameters(), strict=True))


def test_a_kill_that_reaches_the_readers_too_leaves_them_alive(photos):
    """SLURM and systemd kill a whole group; the master still needs its readers until it has saved."""
    crops = Crops(photos, sizes=(32,), length=40, batch=4, seed=0)
    reading = iter(DataLoader(crops, 4, num_workers=1, worker_init_fn=ignore_interruptions))
    next(reading)
    (reader,) = multiprocessing.active_children()
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(reader.pid, number)
    assert len(list(reading)) == 9
    assert reader.exitcode == 0
    reading = iter(DataLoader(crops, 4, num_workers=1, worker_init_fn=ignore_interruptions))
    next(reading)
    (reader,) = multiprocessing.active_children()
    reader.terminate()
    assert next(reading)[0].shape == (4, 1, 32, 32)
    with pytest.raises(RuntimeError, match=r"killed by signal: Terminated"):  # or Python would wait at exit
        reader.terminate()
        time.sleep(5)


def test_ctrl_c_saves_and_the_same_command_goes_on(photos, tmp_path):
    def interrupt(event):
        heard.append(event)
        if isinstance(event, TrainingProgress) and event.step < 8 and not sent:
            sent.append(event.step)
            os.kill(os.getpid(), signal.SIGINT)

    sent, heard = [], []
    before = signal.getsignal(signal.SIGINT)
    config = replace(TINY, lr=0.02)
    halves, whole = tmp_path / "halves", tmp_path / "whole"
    assert (
        train(config, photos, photos[:2], halves, precision="fp32", score_every=4, on_event=interrupt) is None
    )
    assert isinstance(heard[-1], TrainingStopped)
    assert signal.getsignal(signal.SIGINT) is before
    assert torch.load(halves / "resume.pt", weights_only=True)["step"] in range(sent[0], 8)
    assert train(config, photos, photos[:2], halves, precision="fp32", score_every=4) is not None
    train(config, photos, photos[:2], whole, precision="fp32", score_every=4)
    ours, theirs = weights_of(halves), weights_of(whole)
    assert all(torch.allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-4) for name in ours)


def test_training_in_a_thread_hears_no_signals(photos, tmp_path):
    cards = []
    thread = threading.Thread(target=lambda: cards.append(train(TINY, photos, photos[:1], tmp_path / "run")))
    thread.start()
    thread.join(60)
    assert cards[0].exists()


def test_a_stopped_gan_goes_on_to_the_same_weights(photos, tmp_path):
    """Both networks and both optimisers, spectral norm's vectors and dropout's chance come back."""
    config = replace(
        GAN,
        arguments={"levels": 5, "width": 4},
        spectral_norm=True,
        discriminators=1,
        adversarial="lsgan",
        lr=1e-2,
    )
    first = replace(config, images=16)
    train(first, photos, photos[:1], tmp_path / "halves", precision="fp32", workers=0)
    state = torch.load(tmp_path / "halves" / "resume.pt", weights_only=True)
    state["config"]["images"] = config.images  # as if it had been stopped at half
    torch.save(state, tmp_path / "halves" / "resume.pt")
    train(config, photos, photos[:1], tmp_path / "halves", precision="fp32", workers=0)
    train(config, photos, photos[:1], tmp_path / "whole", precision="fp32", workers=0)
    ours, theirs = weights_of(tmp_path / "halves"), weights_of(tmp_path / "whole")
    assert not any("parametrizations" in name for name in ours)  # released as plain weights
    assert all(torch.allclose(ours[name], theirs[name], rtol=1e-2, atol=1e-3) for name in ours)


def test_released_weights_have_spectral_norm_though_they_are_a_mean():
    """The mean of the vectors of power iterations is none of the mean weights."""
    config = replace(
        TINY, arguments={"levels": 4, "width": 8}, spectral_norm=True, ema=0.99, lr=0.02, images=120
    )
    torch.manual_seed(0)
    learner = Learner(config, Accelerator(), None, fresh=True)
    L, ab = torch.rand(4, 1, 32, 32) * 100, torch.randn(4, 2, 1, 1).expand(4, 2, 32, 32) * 30
    for _ in range(30):
        learner.step(L, ab)
    released = norms.plain_state_dict(learner.averaged())
    for name, weight in released.items():
        if weight.dim() == 4:
            matrix = (weight.transpose(0, 1) if name.startswith("ups") else weight).flatten(1)
            assert torch.linalg.svdvals(matrix)[0].item() == pytest.approx(1, abs=0.05), name


def test_parts_of_a_batch_add_up_to_the_batch(photos, tmp_path):
    config = replace(TINY, arguments=TINY.arguments | ALIKE, lr=1e-2)
    for accumulate in (1, 2):
        train(
            replace(config, accumulate=accumulate),
            photos,
            photos[:1],
            tmp_path / f"in-{accumulate}",
            precision="fp32",
            workers=0,
        )
    one, two = weights_of(tmp_path / "in-1"), weights_of(tmp_path / "in-2")
    assert all(torch.allclose(one[name], two[name], rtol=1e-2, atol=2e-3) for name in one)


def test_two_processes_learn_what_one_does(photos, tmp_path):
    """`accelerate launch` on two CPU processes (gloo), against one process over the same batches."""
    import subprocess

    arguments = [
        *(
            "train",
            "--recipe",
            "pix2pix",
            "--data",
            str(photos[0].parent),
            "--held-out",
            str(photos[0].parent),
        ),
        *("--precision", "fp32", "--workers", "0", "--set", "batch=4", "--set", "images=32"),
        *("--set", "sizes=32", "--set", "input_size=32", "--set", "lr=0.01", "--set", "arguments.levels=5"),
        *("--set", "arguments.width=4", "--set", "arguments.dropout=0", "--set", "arguments.norm=instance"),
        *("--set", "discriminator.width=4", "--set", "discriminator.norm=instance", "-o"),
    ]
    launch = [*("-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "--num_machines", "1")]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    commands = {
        "two": [sys.executable, *launch, "-m", "colourise", *arguments],
        "one": [sys.executable, "-m", "colourise", *arguments],
    }
    photo = photos[0].parent / "judge"
    photo.mkdir()
    photos[0].rename(photo / "00.jpg")
    for command in commands.values():
        command[command.index("--held-out") + 1] = str(photo)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    runs = [
        subprocess.run([*command, str(tmp_path / name)], env=environment, capture_output=True, timeout=180)
        for name, command in commands.items()
    ]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr.decode()
    assert runs[0].stderr.decode().count("photos to learn from") == 1
    one, two = weights_of(tmp_path / "one"), weights_of(tmp_path / "two")
    torch.manual_seed(0)  # as the runs
    start_ = registry.build("unet", levels=5, width=4, dropout=0.0, norm="instance").state_dict()
    moved = max((one[name] - start_[name]).abs().max().item() for name in one)
    assert moved > 0.02
    assert all(torch.allclose(one[name], two[name], rtol=1e-2, atol=2e-3) for name in one)


def test_tensorboard_has_losses_scores_and_previews(photos, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(GAN, photos, photos[:1], tmp_path / "run", score_every=4)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    tags = events.Tags()
    assert {"train/pixel", "train/adversarial", "train/real", "held_out/js_a"} <= set(tags["scalars"])
    assert [event.step for event in events.Images("preview")] == [4, 8]
    assert [event.value for event in events.Scalars("held_out/psnr_rgb")] == pytest.approx(
        [float(row["psnr_rgb"]) for row in rows_of(tmp_path / "run")]
    )


def test_rows_beyond_the_last_save_are_dropped(tmp_path):
    file = tmp_path / "metrics.csv"
    file.write_text("step,pixel\n4,1.0\n8,0.5\n12,0.")
    rewind(file, 4)
    assert file.read_text() == "step,pixel\n4,1.0\n"
    rewind(file, 0)
    assert not file.exists()  # a run that begins anew may have other columns


def test_a_run_that_begins_anew_leaves_no_rows_of_the_old_one(photos, tmp_path):
    for _ in range(2):
        train(TINY, photos, photos[:1], tmp_path / "run", workers=0, score_every=4)
        (tmp_path / "run" / "resume.pt").unlink()  # as a kill before the first save leaves it
    assert [row["step"] for row in rows_of(tmp_path / "run")] == ["4", "8"]


def test_the_encoder_learns_slower():
    network = registry.build("encoder_unet", widths=(8, 8, 8, 8))
    rest, encoder = groups(network, RECIPES["colourise"])
    assert encoder["lr"] == pytest.approx(rest["lr"] / 10)
    assert sum(len(group["params"]) for group in (rest, encoder)) == len(list(network.parameters()))


def test_the_learning_rate_rises_and_falls():
    rates = [one_cycle(done / 100, 0.1) for done in range(101)]
    assert max(rates) == rates[10] == 1
    assert rates[-1] == pytest.approx(0)
    assert rates == sorted(rates[:11]) + sorted(rates[11:], reverse=True)


def test_the_stream_is_the_same_whoever_asks(photos):
    crops, again = (Crops(photos, sizes=(32, 64), length=40, batch=4, seed=3) for _ in "ab")
    for k in (0, 13, 39):
        assert all(np.array_equal(x, y) for x, y in zip(crops[k], again[k], strict=True))
    assert [crops[k][0].shape[-1] for k in (0, 19, 20, 39)] == [32, 32, 64, 64]
    other = Crops(photos, sizes=(32,), length=40, batch=4, seed=4)
    assert not np.array_equal(crops[0][0], other[0][0])


def test_some_pictures_are_seen_as_old_photographs(photos):
    plain = Crops(photos, sizes=(32,), length=40, batch=4, seed=3)
    aged = Crops(photos, sizes=(32,), length=40, batch=4, seed=3, aged=0.5)
    old = 0
    for k in range(40):
        L, ab, seen = aged[k]
        assert all(np.array_equal(x, y) for x, y in zip((L, ab), plain[k], strict=True))  # the truth stays
        assert seen.shape == L.shape and seen.dtype == np.float32
        old += not np.array_equal(seen, L)
    assert 10 < old < 30
    assert all(np.array_equal(x, y) for x, y in zip(aged[7], aged[7], strict=True))


def test_the_generator_sees_the_old_photograph_and_is_judged_on_the_truth(photos, tmp_path):
    config = replace(TINY, aged=1.0, images=8, batch=4)
    assert train(config, photos, photos[:1], tmp_path / "run") is not None
    learner = Learner(TINY, Accelerator(), None, fresh=True)
    given = []
    learner.generator.register_forward_hook(lambda module, inputs, output: given.append(inputs[0]))
    L, ab, seen = torch.rand(4, 1, 32, 32) * 100, torch.zeros(4, 2, 32, 32), torch.zeros(4, 1, 32, 32)
    learner.step(L, ab, seen)
    assert torch.equal(given[0], seen)


def test_every_photo_is_seen_once_an_epoch(photos):
    crops = Crops(photos, sizes=(32,), length=24, batch=4, seed=0)
    assert sorted(crops._order(0)) == sorted(crops._order(1)) == list(range(12))


def test_grey_and_broken_photos_are_passed_over(photos, tmp_path):
    Image.new("L", (64, 64), 90).save(tmp_path / "grey.jpg")
    (tmp_path / "broken.jpg").write_bytes(photos[0].read_bytes()[:300])
    crops = Crops(
        [tmp_path / "grey.jpg", tmp_path / "broken.jpg", *photos[:2]], sizes=(32,), length=8, batch=4, seed=0
    )
    assert all(np.abs(crops[k][1]).mean() > 1 for k in range(8))
    hopeless = Crops([tmp_path / "grey.jpg"], sizes=(32,), length=8, batch=4, seed=0)
    with pytest.raises(TrainingError, match="hardly any photo here can be read in colour"):
        hopeless[0]


def test_crops_and_squares():
    import random

    ramp = np.repeat(np.arange(0, 200, dtype=np.uint8)[None, :, None], 100, 0).repeat(3, 2)  # (100, 200, 3)
    assert random_crop(ramp, 48, random.Random(0)).shape == (48, 48, 3)
    centre = square(ramp, 50)
    assert centre.shape == (50, 50, 3)
    assert int(centre[0, 0, 0]) == pytest.approx(50, abs=1)
    assert int(centre[0, -1, 0]) == pytest.approx(149, abs=1)


@pytest.fixture
def classes(tmp_path):
    """Three classes of eight photos in folders, and the same photos in two webdataset shards."""
    chance = np.random.default_rng(1)
    folder, shards = tmp_path / "classes", tmp_path / "shards"
    shards.mkdir()
    with tarfile.open(shards / "a.tar", "w") as a, tarfile.open(shards / "b.tar", "w") as b:
        for number in range(24):
            name = f"n{number % 3}"
            (folder / name).mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(chance.integers(0, 256, (6, 8, 3)).astype(np.uint8)).resize((64, 48))
            picture.save(folder / name / f"{number:02}.jpg")
            tar = a if number < 12 else b
            tar.add(folder / name / f"{number:02}.jpg", f"{number:02}.jpg")
            label = tarfile.TarInfo(f"{number:02}.cls")
            label.size = 1
            tar.addfile(label, BytesIO(str(number % 3).encode()))
    return folder, shards


def test_shards_hold_the_same_photos_as_folders(classes):
    folder, shards = classes
    loose, packed = find_photos(folder), find_photos(shards)
    assert len(loose) == len(packed) == 24
    by_name = {place_of(photo).name: photo for photo in packed}
    assert all(np.array_equal(read_rgb(photo), read_rgb(by_name[photo.name])) for photo in loose)
    assert {class_of(photo) for photo in packed} == {"0", "1", "2"}
    assert len(find_photos(shards / "a.tar")) == 12
    assert Crops(packed, sizes=(32,), length=4, batch=4, seed=0)[3][0].shape == (1, 32, 32)


def test_broken_shards_are_named(classes):
    _, shards = classes
    (shards / "broken.tar").write_bytes((shards / "a.tar").read_bytes()[:700])
    with pytest.raises(TrainingError, match=r"broken\.tar: no photos here, and no whole tar file"):
        find_photos(shards)
    photo = find_photos(shards / "a.tar")[0]
    with pytest.raises(PhotoError, match=r"a\.tar/00\.jpg: "):
        read_rgb(replace(photo, size=200))


def test_a_split_takes_so_many_of_each_class(classes, tmp_path):
    folder, shards = classes
    for data in (folder, shards):
        record = tmp_path / data.name / "split.csv"
        ask = {"held_out": None, "split": None, "record": record, "goes_on": False, "seed": 0}
        learn, judge = parts(data, per_class=(5, 2), **ask)
        assert [len(learn), len(judge)] == [15, 6]
        assert not {place_of(photo) for photo in learn} & {place_of(photo) for photo in judge}
        counts = Counter(class_of(photo) for photo in learn)
        assert set(counts.values()) == {5}
        again = parts(data, per_class=(5, 2), **ask | {"record": tmp_path / "other.csv"})
        assert again == (learn, judge)  # by the seed
        assert parts(data, per_class=None, **ask | {"split": record, "seed": 9}) == (learn, judge)
        other = {"record": tmp_path / "other.csv", "seed": 1}
        assert parts(data, per_class=(5, 2), **ask | other) != (learn, judge)


def test_a_record_holds_for_the_run_that_goes_on_alone(classes, tmp_path):
    folder, _ = classes
    record, mine = tmp_path / "run" / "split.csv", tmp_path / "mine.csv"
    ask = {"held_out": None, "split": None, "per_class": None, "record": record, "goes_on": False, "seed": 0}
    first = parts(folder, **ask | {"per_class": (5, 2)})
    again = ask | {"goes_on": True}
    assert parts(folder, **again | {"per_class": (5, 2)}) == first
    assert parts(folder, **again | {"split": record}) == first
    for other in ({"per_class": (1, 1)}, {"per_class": (5, 2), "seed": 1}, {}):
        with pytest.raises(TrainingError, match=r"split\.csv: the run that goes on has another split"):
            parts(folder, **again | other)
    mine.write_text("part,photo\ntrain,n0/00.jpg\ntest,n0/03.jpg\n")
    asked = parts(folder, **ask | {"split": mine})  # anew, in the same folder
    assert [[photo.name for photo in part] for part in asked] == [["00.jpg"], ["03.jpg"]]
    assert record.read_text() == mine.read_text()
    parts(folder, **ask | {"held_out": folder / "n0"})
    assert not record.exists()


def test_a_folder_that_is_held_out_is_not_learnt_from(classes, tmp_path):
    folder, _ = classes
    ask = {"split": None, "per_class": None, "record": tmp_path / "split.csv", "goes_on": False, "seed": 0}
    (tmp_path / "link").symlink_to(folder / "n0")
    for held_out in (folder / "n0", tmp_path / "link"):
        learn, judge = parts(folder, held_out=held_out, **ask)
        assert learn == sorted([*(folder / "n1").iterdir(), *(folder / "n2").iterdir()])
        assert [photo.name for photo in judge] == sorted(photo.name for photo in (folder / "n0").iterdir())
    with pytest.raises(TrainingError, match=r"classes: --held-out .*classes leaves no photo to learn from"):
        parts(folder, held_out=folder, **ask)


def test_photos_are_found_once_and_only_where_they_are_meant(classes, tmp_path):
    folder, shards = classes
    before = find_photos(folder)
    (folder / "n2" / "link.jpg").symlink_to(folder / "n0" / "00.jpg")
    assert find_photos(folder) == before
    assert find_photos(folder / "n0" / "00.jpg") == [folder / "n0" / "00.jpg"]
    (shards / "._a.tar").write_bytes(b"a Mac was here")
    (shards / "folder.tar").mkdir()
    (shards / "c.tar").symlink_to(shards / "a.tar")
    with tarfile.open(shards / "d.tar", "w") as tar:
        for name in ("x/one.jpg", "x/one.colourised.jpg", "x/._one.jpg"):
            tar.add(before[0], name)
    assert [place_of(photo).relative_to(shards).as_posix() for photo in find_photos(shards)[24:]] == [
        "d.tar/x/one.jpg"
    ]


def test_keys_of_a_shard_end_at_the_first_dot(classes, tmp_path):
    folder, _ = classes
    photo = folder / "n0" / "00.jpg"
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, text in (("v1.0/one.cls", "7"), ("v1.0/one.seg.cls", "no"), ("v1.0/two.cls", "8")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, BytesIO(text.encode()))
        tar.add(photo, "v1.0/one.left.jpg")
        tar.add(photo, "v1.0/two.jpg")
        tar.add(photo, "v1.0/three.jpg")
    assert [class_of(photo) for photo in find_photos(tmp_path / "a.tar")] == ["7", "8", "v1.0"]


def test_shards_that_cannot_be_read_or_split_are_named(classes, tmp_path):
    folder, _ = classes
    with tarfile.open(tmp_path / "flat.tar", "w") as tar:
        tar.add(folder / "n0" / "00.jpg", "00.jpg")
    ask = {"held_out": None, "split": None, "record": tmp_path / "split.csv", "goes_on": False, "seed": 0}
    with pytest.raises(
        TrainingError, match=r"flat\.tar/00\.jpg: of no class; a shard tells it in \.cls files"
    ):
        parts(tmp_path / "flat.tar", per_class=(1, 1), **ask)
    os.link(folder / "n0" / "00.jpg", folder / "n0" / "again.jpg")
    with tarfile.open(tmp_path / "hard.tar", "w") as tar:
        tar.add(folder / "n0", "n0")
    with pytest.raises(TrainingError, match=r"hard\.tar/n0/\w+\.jpg: a link or a sparse file"):
        find_photos(tmp_path / "hard.tar")
    with tarfile.open(tmp_path / "sparse.tar", "w") as tar:
        info = tarfile.TarInfo("hole.jpg")
        info.type = tarfile.GNUTYPE_SPARSE
        tar.addfile(info)
    with pytest.raises(TrainingError, match=r"sparse\.tar/hole\.jpg: a link or a sparse file"):
        find_photos(tmp_path / "sparse.tar")


def test_names_that_are_no_text_can_be_learnt_from(photos, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(photos[0].parent) + b"/gr\xfcn.jpg"))
    photos[0].rename(odd)
    record = tmp_path / "run" / "split.csv"
    ask = {"held_out": None, "per_class": None, "record": record, "goes_on": False, "seed": 0}
    learn, judge = parts(odd.parent, split=None, **ask)
    assert odd in learn + judge
    assert parts(odd.parent, split=record, **ask) == (learn, judge)
    assert train(TINY, learn, judge, tmp_path / "run", workers=0) is not None


def test_photos_of_one_name_are_shuffled_apart(tmp_path):
    photos = [tmp_path / f"{number:02}" / f"{name}.jpg" for number in range(40) for name in "abcde"]
    held = hold_out(photos, tmp_path, 20, 0)[1]
    assert len({photo.name for photo in held}) == 5
    assert len({photo.parent for photo in held}) > 10
    flat = [tmp_path / f"{number}.jpg" for number in range(9)]
    assert [photo.name for photo in shuffle(flat, tmp_path, 0)] == [
        photo.name for photo in shuffle([tmp_path / "moved" / p.name for p in flat], tmp_path / "moved", 0)
    ]


def test_splits_that_cannot_be_are_named(classes, tmp_path):
    folder, _ = classes
    ask = {"held_out": None, "record": tmp_path / "split.csv", "goes_on": False, "seed": 0}
    with pytest.raises(TrainingError, match="n0: 8 photos, where 7 to learn from and 2 to test on are asked"):
        parts(folder, per_class=(7, 2), split=None, **ask)
    file = tmp_path / "mine.csv"
    for text, message in (
        ("part,photo\ntrain,n0/00.jpg\ntest,n0/99.jpg\n", r"mine\.csv: 'n0/99.jpg' is not in"),
        ("part,photo\ntrain,n0/00.jpg\ntest,n0/00.jpg\n", r"mine\.csv: n0/00.jpg is in train and in test"),
        ("part,photo\ntrain,n0/00.jpg\n", r"mine\.csv: it has no test photos"),
        ("name\nn0/00.jpg\n", r"mine\.csv: 'photo' is not in"),
    ):
        file.write_text(text)
        with pytest.raises(TrainingError, match=message):
            parts(folder, per_class=None, split=file, **ask)


def test_held_out_photos_are_never_learnt_from(photos):
    many = [photos[0].with_name(f"{number}.jpg") for number in range(240)]
    folder = photos[0].parent
    learn, judge = hold_out(many, folder, 10, 0)
    assert len(judge) == 10
    assert sorted(learn + judge) == sorted(many)
    assert hold_out(many[::-1], folder, 10, 0)[1] == judge
    assert (
        len(set(judge) & set(hold_out([*many, photos[0]], folder, 10, 0)[1])) >= 9
    )  # one photo more moves one at most
    with pytest.raises(TrainingError, match="9 photos are too few to hold some out"):
        hold_out(many[:9], folder, 10, 0)


@pytest.mark.parametrize(
    ("recipe", "overrides", "message"),
    [
        ("nosuch", [], "nosuch: no such recipe; there are"),
        ("colourise", ["learning_rate=1"], "learning_rate=1: no such setting; there are architecture"),
        ("colourise", ["lr=fast"], "lr=fast: no value for lr; the recipe has lr=0.001"),
        ("colourise", ["feature_share=0"], "feature_share=0.0: must be above 0"),
        ("colourise", ["warmup=1"], "warmup=1.0: must not be above 0.99"),
        ("colourise", ["encoder_lr=-1"], "encoder_lr=-1.0: must not be below 0"),
        ("colourise", ["lr=-1"], "lr=-1.0: must be above 0"),
        ("colourise", ["sizes=16"], "crops need at least 32 px"),
        ("colourise", ["images=3"], "less than one batch"),
        ("colourise", ["feature_layer=block9"], "feature_layer=block9: vgg16 has block1_conv2"),
        ("vgg16", ["loss_network=resnet50"], "feature_layer=block3_conv3: resnet50 has layer1, layer2"),
        ("vgg16", ["loss_network=inception"], "loss_network=inception: there are vgg16, resnet50"),
        ("vgg16", ["sizes=64"], "levels would pad crops to multiples of 256 px; set arguments.levels=6"),
        ("vgg16", ["sizes=200,300,100"], "would pad crops to multiples of 256 px; set sizes=256,256,256"),
        ("gorriz", ["sizes=64", "arguments.levels=6"], "3 discriminators need 96 px; set discriminators=2"),
        ("vgg16", ["arguments=7"], "arguments=7: no such setting; there are .*arguments.NAME"),
        ("vgg16", ["lr.x=7"], "lr.x=7: no such setting"),
        ("vgg16", ["adversarial=wgan"], "adversarial=wgan: there are bce, lsgan"),
        ("vgg16", ["spectral_norm=maybe"], "spectral_norm=maybe: no value for spectral_norm"),
        ("vgg16", ["betas=0.5"], "betas=0.5: two numbers from 0 to below 1"),
        ("vgg16", ["accumulate=3"], "accumulate=3: does not divide a batch of 16"),
        ("vgg16", ["discriminators=4"], "discriminators=4: must not be above 3"),
        ("vgg16", ["architecture=nosuch"], "architecture=nosuch: there are unet, encoder_unet"),
        ("vgg16", ["arguments.levles=7"], "arguments.levles: unet has no such argument, only levels, width"),
        (
            "gorriz",
            ["architecture=encoder_unet", "spectral_norm=no"],
            "arguments.levels: encoder_unet has no",
        ),
        *(
            ("vgg16", [f"arguments.levels={value}"], r"arguments\.levels=.*: must be a whole number, 1 to 10")
            for value in ("seven", "null", "[7]", "0", "-1", "true", "7.0", "NaN")
        ),
        ("vgg16", ["arguments.norm=group"], 'arguments.norm="group": must be batch or instance'),
        ("vgg16", ["arguments.norm=null"], "arguments.norm=null: must be batch or instance"),
        ("vgg16", ["arguments.dropout=5"], "arguments.dropout=5: must be a number, 0 to 0.9"),
        ("vgg16", ["arguments.width=2.5"], "arguments.width=2.5: must be a whole number, 1 to 512"),
        ("vgg16", ["arguments.width=0"], "arguments.width=0: must be a whole number, 1 to 512"),
        ("colourise", ["arguments.widths=[8,8,8,8,8]"], "must be one to four whole numbers, such as"),
        (
            "colourise",
            ["arguments.pretrained=true"],
            "arguments.pretrained: encoder_unet has no such argument",
        ),
        ("vgg16", ["discriminator.width=x"], 'discriminator.width="x": must be a whole number'),
        ("vgg16", ["discriminator.wdth=4"], "discriminator.wdth: patchgan has no such argument, only width"),
        ("colourise", ["discriminator.width=4"], "discriminator: there is none; set discriminators=1 too"),
        ("colourise", ["spectral_norm=yes"], "spectral_norm=true: not with encoder_unet"),
        ("vgg16", ["seed=-5"], "seed=-5: must not be below 0"),
        ("vgg16", ["seed=2_147_483_648"], "seed=2147483648: must not be above 2147483647"),
        ("vgg16", ["lr=nan"], "lr=nan: no value for lr"),
        ("vgg16", ["adversarial_weight=inf"], "adversarial_weight=inf: no value for adversarial_weight"),
        ("vgg16", ["betas=nan,0.9"], "betas=nan,0.9: no value for betas"),
        ("vgg16", ["input_size=16"], "input_size=16: must be 32 to 2048"),
        (
            "vgg16",
            ["pixel_weight=0", "feature_weight=0", "discriminators=0"],
            "pixel_weight=0: no loss is left to learn from",
        ),
    ],
)
def test_wrong_settings_are_named(recipe, overrides, message):
    with pytest.raises(TrainingError, match=message):
        configure(recipe, overrides)


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


def test_every_recipe_passes_its_own_checks():
    assert all(configure(name, []) == recipe for name, recipe in RECIPES.items())


def test_encoders_that_do_not_fit_are_named():
    with pytest.raises(ModelError, match="nosuch: timm has no such encoder"):
        registry.build("encoder_unet", encoder="nosuch")
    with pytest.raises(ModelError, match=r"vgg11: gives no features at strides 2, 4, 8, 16 and 32"):
        registry.build("encoder_unet", encoder="vgg11")


def test_encoder_weights_are_for_encoders(photos, tmp_path):
    with pytest.raises(TrainingError, match=r"some\.safetensors: unet has no encoder; leave it out"):
        train(TINY, photos, photos, tmp_path / "run", encoder_weights=tmp_path / "some.safetensors")


def test_accelerate_launch_chooses_the_precision_where_we_do_not(monkeypatch):
    gpu = torch.device("cuda", 0)
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "fp16")
    assert (mixed_precision("auto", gpu), mixed_precision("fp32", gpu)) == ("fp16", "no")
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "no")  # what it says if it was not told
    assert mixed_precision("bf16", gpu) == "bf16"


def test_parts_of_a_batch_and_a_gan_are_not_for_fp16(photos, tmp_path, monkeypatch):
    monkeypatch.setattr("colourise.training.devices.mixed_precision", lambda precision, device: "fp16")
    with pytest.raises(
        TrainingError, match=r"accumulate=2: not in fp16 with discriminators.*--precision bf16"
    ):
        train(replace(GAN, accumulate=2), photos, photos, tmp_path / "run")


def test_the_scale_of_fp16_goes_on():
    accelerator = Accelerator()
    learner = Learner(TINY, accelerator, None, fresh=True)
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    state = learner.state_dict()
    accelerator.scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    learner.load_state_dict(state)
    assert accelerator.scaler.get_scale() == 8
    del state["scaler"]
    learner.load_state_dict(state)  # a run that was in bf16 until now
    assert accelerator.scaler.get_scale() == 8


def test_settings_are_read():
    config = configure("colourise", ["lr=2e-4", "sizes=64,96", "images=1_000"])
    assert (config.lr, config.sizes, config.images) == (2e-4, (64, 96), 1000)
    config = configure("gorriz", ["arguments.width=32", "spectral_norm=no", "betas=0,0.9", "ema=0.5"])
    assert config.arguments == {"levels": 7, "dropout": 0.0, "last_norm": "instance", "width": 32}
    assert (config.spectral_norm, config.betas, config.ema) == (False, (0.0, 0.9), 0.5)
    assert "width" not in RECIPES["gorriz"].arguments


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
