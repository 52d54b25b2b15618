"""Training on real photos: it learns, it stops and goes on, and it says what is wrong."""

import csv
import json

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState
from PIL import Image

from colourise import checkpoints, losses
from colourise.data import Crops, find_photos, hold_out, random_crop, square
from colourise.errors import TrainingError
from colourise.recipes import RECIPES, TrainConfig, configure
from colourise.train import generator_step, groups, one_cycle, train

TINY = TrainConfig(
    architecture="unet",
    arguments={"levels": 5, "width": 4, "dropout": 0.0},
    sizes=(32,),
    batch=4,
    images=32,
    feature_weight=0.0,
    input_size=32,
)


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


@pytest.fixture
def loss_network(tmp_path, monkeypatch):
    """A VGG16 of random weights under the official name in the cache, for tests fetch nothing."""
    from torchvision.models import VGG16_Weights, vgg16

    torch.manual_seed(0)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    state = {f"features.{name}": value for name, value in vgg16().features.state_dict().items()}
    torch.save(state, folder / VGG16_Weights.IMAGENET1K_FEATURES.url.rsplit("/", 1)[1])
    return losses.FeatureReconstructionLoss


def rows_of(run):
    with (run / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def weights_of(run):
    return checkpoints.load_generator(checkpoints.find(run, need="safetensors")).state_dict()


def test_a_run_leaves_a_model_a_card_scores_and_a_preview(photos, tmp_path):
    run = tmp_path / "runs" / "first"
    reports = []
    card = train(TINY, photos[:9], photos[9:], run, data="test blocks", score_every=4, report=reports.append)
    told = json.loads(card.read_text())
    assert (told["name"], told["data"], told["recipe"]["images_seen"]) == ("first", "test blocks", 32)
    assert [row["step"] for row in rows_of(run)] == ["4", "8"]
    assert float(rows_of(run)[-1]["psnr_rgb"]) == pytest.approx(told["scores"]["psnr_rgb"])
    assert {path.name for path in run.glob("preview-*.jpg")} == {"preview-000004.jpg", "preview-000008.jpg"}
    assert reports[-1].step == reports[-1].steps == 8


def test_a_stopped_run_goes_on_to_the_same_weights(photos, tmp_path):
    class StopError(Exception):
        pass

    def stop(progress):
        if progress.step == 4:
            stopped.append(progress.step)
        elif stopped:
            raise StopError

    config = TrainConfig(**{**vars(TINY), "lr": 0.02})
    train(config, photos, photos[:2], tmp_path / "whole", precision="fp32", score_every=4)
    stopped = []
    with pytest.raises(StopError):
        train(config, photos, photos[:2], tmp_path / "halves", precision="fp32", score_every=4, report=stop)
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
    from accelerate import Accelerator

    from colourise import models

    torch.manual_seed(0)
    config = TrainConfig(feature_weight=1e-5, feature_share=0.5)
    generator = models.build("unet", levels=5, width=8, dropout=0.0).train()
    L, ab = torch.rand(4, 1, 32, 32) * 100, torch.randn(4, 2, 1, 1).expand(4, 2, 32, 32) * 30
    optimizer = torch.optim.Adam(generator.parameters(), 4e-3)
    accelerator, features = Accelerator(), loss_network()
    seen = []
    for _ in range(40):
        seen.append(generator_step(generator, features, L, ab, config, 2, accelerator))
        optimizer.step()
        optimizer.zero_grad()
    assert seen[-1]["pixel"] < seen[0]["pixel"] / 5
    assert seen[-1]["feature"] < seen[0]["feature"] / 2
    assert all(p.grad is None for p in features.parameters())


def test_pixel_loss_by_hand():
    truth = torch.zeros(1, 2, 1, 2)
    ab = torch.tensor([[[[2.0, -13.0]], [[0.0, 0.0]]]])  # one inside beta, one beyond it
    assert losses.pixel_loss(ab, truth, 3.0).item() == pytest.approx(
        (2**2 / (2 * 3) + (13 - 3 / 2)) / 110 / 4
    )
    squared = losses.pixel_loss(ab, truth, 110.0).item()
    assert squared == pytest.approx((2**2 + 13**2) / 110**2 / 2 / 4)


def test_feature_loss_is_zero_for_the_truth_and_by_hand_else(loss_network):
    features = loss_network("block1_conv2")
    L, truth = torch.rand(2, 1, 16, 16) * 100, torch.randn(2, 2, 16, 16) * 20
    assert features(L, truth, truth) == 0
    ab = torch.randn(2, 2, 16, 16) * 20
    from colourise.lab import tensor_lab_to_rgb

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


def test_a_broken_held_out_photo_does_not_stop_a_run(photos, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(photos[0].read_bytes()[:300])
    card = train(TINY, photos, [tmp_path / "broken.jpg", photos[0]], tmp_path / "run")
    assert json.loads(card.read_text())["scores"]["psnr_rgb"] > 0
    with pytest.raises(TrainingError, match="none of the held-out photos can be read"):
        train(TINY, photos, [tmp_path / "broken.jpg"], tmp_path / "other")


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
    with pytest.raises(TrainingError, match="the loss of batch 1 is not finite; try a smaller lr"):
        train(
            TrainConfig(**{**vars(TINY), "pixel_weight": float("inf")}), photos, photos[:1], tmp_path / "run"
        )


def test_the_encoder_learns_slower():
    from colourise import models

    network = models.build("encoder_unet", widths=(8, 8, 8, 8))
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


def test_held_out_photos_are_never_learnt_from(photos):
    many = [photos[0].with_name(f"{number}.jpg") for number in range(240)]
    learn, judge = hold_out(many, 10, 0)
    assert len(judge) == 10
    assert sorted(learn + judge) == sorted(many)
    assert hold_out(many[::-1], 10, 0)[1] == judge
    assert (
        len(set(judge) & set(hold_out([*many, photos[0]], 10, 0)[1])) >= 9
    )  # one photo more moves one at most
    with pytest.raises(TrainingError, match="9 photos are too few to hold some out"):
        hold_out(many[:9], 10, 0)


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
        ("colourise", ["feature_layer=block9"], "feature_layer=block9: VGG16 has block1_conv2"),
    ],
)
def test_wrong_settings_are_named(recipe, overrides, message):
    with pytest.raises(TrainingError, match=message):
        configure(recipe, overrides)


def test_settings_are_read():
    config = configure("colourise", ["lr=2e-4", "sizes=64,96", "images=1_000"])
    assert (config.lr, config.sizes, config.images) == (2e-4, (64, 96), 1000)
