"""How good colours are in the eyes of a trained network: LPIPS, FID, and a Frechet distance on VGG16.

They are kept apart from `metrics` because they load torch and networks, most of which are downloads.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pickle import UnpicklingError

import numpy as np
import torch
from torch import Tensor, nn
from torchmetrics.image import FrechetInceptionDistance, LearnedPerceptualImagePatchSimilarity
from torchvision.transforms import v2

from colourise.errors import ModelError
from colourise.lab.pictures import Pixels
from colourise.models.loss_networks import vgg16


class PerceptualScores:
    """Running scores of several models against the same photos; memory does not grow with their number.

    "lpips" is LPIPS on AlexNet, the mean over photos. "fid" and "frechet" are the Frechet distance between
    Gaussians fitted to the features of all predictions and to those of all truths: FID on Inception's 2,048,
    as in the literature, and on VGG16's 512 (see `vgg16_means`). Both come out too high unless there are
    several times as many photos as features.

    Args:
        measures: any of "lpips", "fid", "frechet".
        device: PyTorch device on which the networks run.
    Raises:
        ModelError: a network is not cached and cannot be downloaded.
        TrainingError: VGG16, the loss network, is not.
    """

    def __init__(self, measures: Collection[str], *, device: str = "cpu") -> None:
        self.device = device
        self.lpips: LearnedPerceptualImagePatchSimilarity | None = None
        self.networks: dict[str, nn.Module] = {}
        """For each Frechet distance: RGB (1, 3, H, W) uint8 -> features (1, C)."""
        with redirect_stdout(sys.stderr):  # torch.hub reports downloads on standard output
            if "lpips" in measures:
                with downloading("--lpips: AlexNet"):
                    lpips = LearnedPerceptualImagePatchSimilarity("alex", normalize=True)
                self.lpips = lpips.to(device)
            if "fid" in measures:
                with downloading("--fid: Inception"):
                    inception = FrechetInceptionDistance(2048).inception
                self.networks["fid"] = inception.to(device)
            if "frechet" in measures:
                self.networks["frechet"] = vgg16_means().to(device)
        self.photos = 0
        self.lpips_sums: dict[str, float] = defaultdict(float)
        self.distances: dict[tuple[str, str], FrechetInceptionDistance] = {}
        """For each model and measure."""

    @torch.no_grad()
    def add(self, predicted: Mapping[str, Pixels], truth: Pixels) -> None:
        """Add one photo: each model's version and the truth, all (H, W, 3)."""
        self.photos += 1
        real = self._tensor(truth)
        fakes = {model: self._tensor(picture) for model, picture in predicted.items()}
        if self.lpips is not None:
            for model, fake in fakes.items():
                self.lpips_sums[model] += float(self.lpips(fake / 255, real / 255))
                self.lpips.reset()  # or it keeps every score
        for measure, network in self.networks.items():
            features = network(real)  # (1, C)
            for model, fake in fakes.items():
                if (model, measure) not in self.distances:
                    self.distances[model, measure] = self._distance(features.shape[1])
                self.distances[model, measure].update(features, real=True)
                self.distances[model, measure].update(network(fake), real=False)

    def summary(self, model: str) -> dict[str, float]:
        """Return every measure of a model over all photos so far; NaN where there are too few photos."""
        scores = {} if self.lpips is None else {"lpips": self.lpips_sums[model] / max(1, self.photos)}
        for measure in self.networks:
            enough = self.photos > 1
            scores[measure] = float(self.distances[model, measure].compute()) if enough else float("nan")
        return scores

    def _distance(self, size: int) -> FrechetInceptionDistance:
        """Return a Frechet distance that takes features (N, size): models share those of the truth."""
        given = nn.Identity()
        given.num_features = size  # type: ignore[assignment]  # where torchmetrics looks
        return FrechetInceptionDistance(given).to(self.device)

    def _tensor(self, picture: Pixels) -> Tensor:
        """Return a picture as a (1, 3, H, W) uint8 tensor."""
        return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].to(self.device)


def vgg16_means() -> nn.Module:
    """Return VGG16, the loss network: RGB (N, 3, H, W) uint8 -> block5_conv3, averaged, (N, 512).

    Raises:
        TrainingError: its weights are not cached and cannot be downloaded.
    """
    network, mean, std = vgg16("block5_conv3")
    scale = v2.ToDtype(torch.float32, scale=True), v2.Normalize(list(mean), list(std))
    return nn.Sequential(*scale, network, nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()


@contextmanager
def downloading(what: str) -> Iterator[None]:
    """Turn errors about a network's weights into one line."""
    try:
        yield
    except (OSError, RuntimeError, EOFError, UnpicklingError) as err:  # a wrong hash is a RuntimeError
        reason = str(err).partition("\n")[0]
        raise ModelError(
            f"{what} cannot be loaded ({reason}); connect once, delete what is damaged in "
            f"{torch.hub.get_dir()}/checkpoints, or do without it"
        ) from err
