"""Measures that look through a network: against torchmetrics, and against the formula in scipy."""

import types

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from torchmetrics.image import LearnedPerceptualImagePatchSimilarity

from colourise.evaluation import perceptual
from colourise.evaluation.perceptual import PerceptualScores
from colourise.models import loss_networks

CHANCE = np.random.default_rng(0)
TRUTHS = CHANCE.integers(0, 256, (12, 64, 64, 3)).astype(np.uint8)
FIRST, SECOND = (np.clip(TRUTHS + CHANCE.normal(0, spread, TRUTHS.shape), 0, 255) for spread in (20, 60))
MODELS = {"first": FIRST.astype(np.uint8), "second": SECOND.astype(np.uint8)}


def tensor(pictures):
    return torch.from_numpy(pictures).permute(0, 3, 1, 2)


def fed(measures):
    """All photos, one by one."""
    running = PerceptualScores(measures)
    for place, truth in enumerate(TRUTHS):
        running.add({model: pictures[place] for model, pictures in MODELS.items()}, truth)
    return running


@pytest.fixture
def small_vgg16(monkeypatch):
    """Two layers of random weights in VGG16's place."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3), torch.nn.ReLU())
    mean, std = (0.4, 0.5, 0.6), (0.1, 0.2, 0.3)
    monkeypatch.setattr(perceptual, "vgg16", lambda layer: (network, mean, std))
    return network, mean, std


def test_frechet_distance_is_the_formula(small_vgg16):
    """Source: Heusel et al., "GANs trained by a two time-scale update rule", equation 6."""
    network, mean, std = small_vgg16

    def features(pictures):
        rgb = (tensor(pictures) / 255 - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
        with torch.no_grad():
            return network(rgb).mean((2, 3)).double().numpy()

    def distance(pictures):
        real, fake = features(TRUTHS), features(pictures)
        covariances = np.cov(real.T), np.cov(fake.T)
        root = sqrtm(covariances[0] @ covariances[1]).real
        apart = np.square(real.mean(0) - fake.mean(0)).sum()
        return apart + np.trace(covariances[0] + covariances[1] - 2 * root)

    running = fed(["frechet"])
    for model, pictures in MODELS.items():
        assert running.summary(model) == {"frechet": pytest.approx(distance(pictures), rel=1e-3)}
    assert running.summary("first")["frechet"] < running.summary("second")["frechet"]


def test_frechet_distance_looks_at_the_last_convolutions_of_vgg16(monkeypatch):
    asked = []

    def vgg16(layer):
        asked.append(layer)
        return torch.nn.Conv2d(3, 512, 16, stride=16), (0.5,) * 3, (1,) * 3

    monkeypatch.setattr(perceptual, "vgg16", vgg16)
    assert perceptual.vgg16_means()(tensor(TRUTHS[:2])).shape == (2, 512)
    assert asked == ["block5_conv3"]
    assert callable(loss_networks.vgg16)


def test_frechet_distance_of_one_photo_is_undefined(small_vgg16):
    running = PerceptualScores(["frechet"])
    running.add({"model": TRUTHS[1]}, TRUTHS[0])
    assert np.isnan(running.summary("model")["frechet"])


def test_networks_keep_nothing_of_the_photos(small_vgg16, alexnet):
    running = fed(["frechet", "lpips"])
    few = sum(state.nbytes for metric in running.distances.values() for state in metric.metric_state.values())
    assert few == len(MODELS) * 2 * (6 * 6 + 6 + 1) * 8  # squares, sums and a count; predictions and truths
    assert not running.lpips.all_scores


@pytest.fixture
def alexnet(monkeypatch):
    """AlexNet of random weights where torchmetrics asks torchvision for the trained one."""
    import torchvision

    torch.manual_seed(0)
    layers = torchvision.models.AlexNet.__new__(torchvision.models.AlexNet)
    with monkeypatch.context() as patch:
        patch.setattr(
            torch.nn, "Linear", lambda *sizes: torch.nn.Identity()
        )  # 230 MB that LPIPS leaves alone
        layers.__init__()
    monkeypatch.setattr(
        torchvision.models, "alexnet", lambda **options: types.SimpleNamespace(features=layers.features)
    )


def test_lpips_is_torchmetrics_own_mean(alexnet):
    theirs = LearnedPerceptualImagePatchSimilarity("alex")
    running = fed(["lpips"])
    for model, pictures in MODELS.items():
        expected = float(theirs(tensor(pictures) / 127.5 - 1, tensor(TRUTHS) / 127.5 - 1))
        assert expected > 0
        assert running.summary(model) == {"lpips": pytest.approx(expected, rel=1e-3)}


def test_inception_gives_its_2048_features_to_fid(monkeypatch):
    """The network itself, of random weights."""
    import torch_fidelity.feature_extractor_inceptionv3 as theirs

    monkeypatch.setattr(theirs, "load_state_dict_from_url", lambda *args, **options: {})
    monkeypatch.setattr(theirs.FeatureExtractorInceptionV3, "load_state_dict", lambda self, state: None)
    running = PerceptualScores(["fid"])
    running.add({"model": MODELS["first"][0]}, TRUTHS[0])
    distance = running.distances["model", "fid"]
    assert distance.real_features_sum.shape == (2048,)
    assert (distance.real_features_sum != distance.fake_features_sum).any()
