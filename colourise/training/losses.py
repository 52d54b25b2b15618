"""The losses of training: the adversarial loss, pixel losses on ab, and the feature reconstruction loss.

Source: Tarres et al., "GAN-based Image Colourisation with Feature Reconstruction Loss", equations for the
three; the last after Johnson et al., "Perceptual Losses". Two more: the colour distribution loss, which is
ours, and the colourfulness loss, after DDColor.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from colourise.lab.tensors import tensor_lab_to_rgb
from colourise.models.loss_networks import LOADERS


def pixel_loss(ab: Tensor, truth: Tensor, beta: float) -> Tensor:
    """Return smooth L1 on ab / 110, that is, in -1..1 units.

    Args:
        ab: (N, 2, H, W) in Lab units.
        truth: the same.
        beta: where it turns from squared to absolute, in Lab units; 0 makes it L1.
    """
    return functional.smooth_l1_loss(ab / 110, truth / 110, beta=beta / 110)


def psnr_loss(ab: Tensor, truth: Tensor) -> Tensor:
    """Return how far psnr_ab (metrics.py) is below that of an error of 1, in dB: the mean over pictures.

    A picture's error counts in proportion to what it is, so that those in doubt, where the error is large
    whatever the colours are, leave more room to other losses than those that are surely grey.

    Args:
        ab: (N, 2, H, W) in Lab units.
        truth: the same.
    """
    error = (ab - truth).square().mean((1, 2, 3))
    return 10 * torch.log10(error + 1).mean()


def psnr_both_loss(L: Tensor, ab: Tensor, truth: Tensor) -> Tensor:
    """Return the mean of psnr_loss and of the same for psnr_rgb (metrics.py), at every second pixel each way.

    An error of ab and the error of sRGB that it makes are not in proportion, so either alone neglects the
    other.

    Args:
        L: (N, 1, H, W).
        ab: (N, 2, H, W) in Lab units.
        truth: the same.
    """
    return (psnr_loss(ab, truth) + psnr_loss(halved_rgb(L, ab), halved_rgb(L, truth))) / 2


def halved_rgb(L: Tensor, ab: Tensor) -> Tensor:
    """Return sRGB (N, 3, H / 2, W / 2) in 0..255 of every second pixel each way of L (N, 1, H, W) and ab."""
    return 255 * tensor_lab_to_rgb(L[..., ::2, ::2], ab[..., ::2, ::2])


def adversarial_loss(verdicts: Sequence[Tensor], real: bool, kind: str) -> Tensor:
    """Return how far a discriminator's verdicts are from "real" (or "generated"), averaged over scales.

    Args:
        verdicts: a tensor of patches for each scale.
        real: what they ought to be.
        kind: "bce" for cross-entropy of logits (Goodfellow et al., non-saturating), "lsgan" for squared
            distance from 1 or 0 (Mao et al.).
    """
    distance = functional.mse_loss if kind == "lsgan" else functional.binary_cross_entropy_with_logits
    losses = [distance(verdict, torch.full_like(verdict, float(real))) for verdict in verdicts]
    return torch.stack(losses).mean()


def realness(verdicts: Sequence[Tensor], kind: str) -> Tensor:
    """Return how real pictures look to a discriminator, 0 to 1: the mean over patches and scales."""
    shares = [verdict.clamp(0, 1) if kind == "lsgan" else verdict.sigmoid() for verdict in verdicts]
    return torch.stack([share.mean() for share in shares]).mean()


class DistributionLoss(nn.Module):
    """The distance between the distributions of generated and of real colours, over all pictures together.

    A pixel loss alone makes every doubtful colour the middle of all that it could be, so that pictures are
    greyer than photographs. This asks of all pictures together, not of any one, that their colours are as
    various as real ones: as they are, and less the mean of their picture, else pictures become vivid each in
    one tint. ab is projected on lines through grey; on each line the generated and the real values of the
    last batches (a moving average of their histograms) define the monotone map that carries one distribution
    into the other at the least cost, and the loss is how far this map would carry the values of this batch: a
    sliced Wasserstein-1 distance. Beside an absolute pixel loss of weight 1, a weight w < 1
    moves a pixel at most about from the median of its possible values to their quantile (1 + w) / 2: far
    where the network is in doubt, hardly where it is sure.

    Source: Rabin et al., "Wasserstein Barycenter and its Application to Texture Mixing" (the sliced
    distance); Zhang et al., "Colorful Image Colorization" (why colours turn grey).

    Args:
        lines: how many, at equal angles; of four, two are the axes.
        decay: of the histograms' moving average, a batch.
    """

    lines: Tensor
    made: Tensor
    real: Tensor
    BINS = 300  # of one Lab unit, around grey

    def __init__(self, lines: int = 4, decay: float = 0.97) -> None:
        super().__init__()
        angles = torch.arange(lines) * (math.pi / lines)
        self.decay = decay
        self.register_buffer("lines", torch.stack([angles.cos(), angles.sin()], 1))  # (lines, 2)
        self.register_buffer("made", torch.zeros(2 * lines, self.BINS))
        self.register_buffer("real", torch.zeros(2 * lines, self.BINS))

    def forward(self, ab: Tensor, truth: Tensor) -> Tensor:
        """Return the mean over pixels and lines, in ab / 110; ab and truth are (N, 2, H, W) in Lab units."""
        made, real = self.project(ab), self.project(truth)
        with torch.no_grad():
            self.made = self.average(self.made, made)
            self.real = self.average(self.real, real)
            target = self.transport(made)
        return functional.smooth_l1_loss(made / 110, target / 110, beta=1 / 110)

    def project(self, ab: Tensor) -> Tensor:
        """Project every second pixel each way of (N, 2, H, W) on each line: (2 * lines, M), in Lab units.

        The first half as they are, the second half less the mean of their picture.
        """
        some = ab[..., ::2, ::2]
        inside = some - some.mean((2, 3), keepdim=True)
        return torch.cat([self.lines @ colours.transpose(0, 1).flatten(1) for colours in (some, inside)])

    def average(self, before: Tensor, values: Tensor) -> Tensor:
        """Return the moving average of histograms (R, BINS) updated with values (R, M)."""
        half = self.BINS / 2
        now = torch.stack([torch.histc(row.float(), self.BINS, -half, half) for row in values])
        now /= now.sum(1, keepdim=True)
        return torch.lerp(now, before, self.decay) if before.any() else now

    def transport(self, values: Tensor) -> Tensor:
        """Return where generated values (R, M) would lie if they were distributed like real ones."""
        heights = functional.pad(self.made.cumsum(1), (1, 0)), functional.pad(self.real.cumsum(1), (1, 0))
        place = (values + self.BINS / 2).clamp(0, self.BINS - 1e-3)
        share = interpolate(heights[0], place)
        right = torch.searchsorted(heights[1], share).clamp(1, self.BINS)
        low, high = heights[1].gather(1, right - 1), heights[1].gather(1, right)
        return right - 1 + ((share - low) / (high - low).clamp(min=1e-9)).clamp(0, 1) - self.BINS / 2


def interpolate(heights: Tensor, place: Tensor) -> Tensor:
    """Interpolate heights (R, K), given at whole numbers, at places (R, M)."""
    left = place.long()
    low, high = heights.gather(1, left), heights.gather(1, left + 1)
    return low + (place - left) * (high - low)


def colourfulness_loss(L: Tensor, ab: Tensor, truth: Tensor) -> Tensor:
    """Return how much less colourful generated pictures are than real ones, in hundreds; negative if more.

    It pulls as hard wherever they stand: other losses must hold it. It looks at every second pixel each way.

    Args:
        L: (N, 1, H, W).
        ab: (N, 2, H, W) in Lab units.
        truth: the same.
    Source: Hasler and Suesstrunk, "Measuring colourfulness in natural images" (metrics.py has it for one
        picture); Kang et al., "DDColor" (as a loss).
    """
    made, real = (tensor_colourfulness(halved_rgb(L, colours)) for colours in (ab, truth))
    return (real - made).mean() / 100


def tensor_colourfulness(rgb: Tensor) -> Tensor:
    """Return the colourfulness (N,) of pictures (N, 3, H, W) in 0..255, differentiably."""
    red, green, blue = rgb.flatten(2).unbind(1)  # (N, H * W) each
    both = torch.stack([red - green, (red + green) / 2 - blue])  # (2, N, H * W)
    spread = (both.var(2, correction=0).sum(0) + 1e-3).sqrt()  # the root of grey has no slope
    return spread + 0.3 * (both.mean(2).square().sum(0) + 1e-3).sqrt()


class FeatureReconstructionLoss(nn.Module):
    """The squared distance between features of the generated and the real picture, divided by C * H * W.

    The features are the activations of one layer of a frozen network, which sees RGB with its own
    normalisation. VGG16 takes what the original Caffe weights take: 0..255, less the mean colour of
    ImageNet. At that scale block3_conv3 gives about 50,000, so the paper's weight of 1e-5, which it leaves
    without a unit, makes this term about as large as 100 times the pixel loss.

    Args:
        network: a key of LOSS_NETWORKS.
        layer: one of its layers.
    Raises:
        TrainingError: the network's weights are not cached and cannot be downloaded.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: str = "vgg16", layer: str = "block3_conv3") -> None:
        super().__init__()
        module, mean, std = LOADERS[network](layer)
        self.network = module.eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def features(self, L: Tensor, ab: Tensor) -> Tensor:
        """Return activations (N, C, h, w) of the picture with L (N, 1, H, W) and ab (N, 2, H, W)."""
        with torch.autocast(L.device.type, enabled=False):  # colour needs more than bf16's eight bits
            rgb = (tensor_lab_to_rgb(L, ab) - self.mean) / self.std
        activations: Tensor = self.network(rgb)
        return activations

    def forward(self, L: Tensor, ab: Tensor, truth: Tensor) -> Tensor:
        """Return the mean over the batch; gradients reach `ab` only."""
        with torch.no_grad():
            real = self.features(L, truth)
        return (self.features(L, ab).float() - real.float()).square().mean()
