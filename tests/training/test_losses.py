"""Losses, against the formulas."""

import cv2
import numpy as np
import pytest
import torch
from helpers.photos import PHOTOS

from colourise.data.crops import square
from colourise.data.photos import read_rgb
from colourise.evaluation.metrics import Scores, colourfulness
from colourise.lab.pictures import lay_over, rgb_to_lab
from colourise.training import losses


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
    made, real = loss.project(ab), loss.project(truth)
    assert made.shape == (8, 8 * 32 * 32)
    torch.testing.assert_close(made[[0, 2]], ab[..., ::2, ::2].transpose(0, 1).flatten(1))
    assert made[4:].reshape(4, 8, -1).mean(2).abs().max() < 1e-4
    torch.testing.assert_close(made[4:].reshape(4, 8, -1).std(2), made[:4].reshape(4, 8, -1).std(2))
    expected = np.mean([wasserstein_distance(*line) for line in zip(made.numpy(), real.numpy(), strict=True)])
    assert float(loss(ab, truth)) * 110 == pytest.approx(expected, abs=0.55)  # half a unit less: smooth L1
    carried = loss.transport(made)
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
