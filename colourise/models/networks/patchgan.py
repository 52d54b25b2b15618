"""The paper's discriminator: pix2pix's PatchGAN, on Lab pictures, alone or at several scales.

It judges every 70x70 patch by itself. Source: Isola et al., "Image-to-Image Translation with Conditional
Adversarial Networks", section 6.1.2; several scales after Wang et al., "High-Resolution Image Synthesis and
Semantic Manipulation with Conditional GANs", section 3.2.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from colourise.models.networks.unet import NORMS, down, start


class PatchGAN(nn.Module):
    """L (N, 1, H, W) and ab (N, 2, H, W) in Lab units -> a logit a patch (N, 1, H / 8 - 2, W / 8 - 2).

    Args:
        width: filters of the first convolution; later ones have up to eight times as many.
        norm: a key of NORMS.
        second_norm: norm of the second convolution, the first that has one; by default `norm`.
    """

    def __init__(self, width: int = 64, norm: str = "batch", second_norm: str | None = None) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            down(3, width, plain=True, norm=None),
            down(width, width * 2, plain=False, norm=second_norm or norm),
            down(width * 2, width * 4, plain=False, norm=norm),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width * 4, width * 8, 4, 1, 1, bias=False),
            NORMS[norm](width * 8),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width * 8, 1, 4, 1, 1),
        )
        self.apply(start)

    def forward(self, L: Tensor, ab: Tensor) -> Tensor:
        """Return a logit for each patch; above 0 means "real"."""
        verdict: Tensor = self.layers(torch.cat([L / 50 - 1, ab / 110], 1))
        return verdict


class MultiScale(nn.Module):
    """PatchGANs at 1, 1/2, 1/4 ... of the size: L and ab -> a list of their verdicts.

    Args:
        scales: how many.
        arguments: of each PatchGAN.
    """

    def __init__(self, scales: int = 1, **arguments: Any) -> None:
        super().__init__()
        self.judges = nn.ModuleList(  # its name is in every resume.pt
            PatchGAN(**arguments) for _ in range(scales)
        )

    def forward(self, L: Tensor, ab: Tensor) -> list[Tensor]:
        """Return a logit for each patch at every scale; above 0 means "real"."""
        verdicts = []
        for scale, discriminator in enumerate(self.judges):
            if scale:
                L, ab = functional.avg_pool2d(L, 2), functional.avg_pool2d(ab, 2)
            verdicts.append(discriminator(L, ab))
        return verdicts
