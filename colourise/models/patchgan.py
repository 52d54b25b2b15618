"""The paper's discriminator: pix2pix's PatchGAN, on Lab pictures.

It judges every 70x70 patch by itself. Source: Isola et al., "Image-to-Image Translation with Conditional
Adversarial Networks", section 6.1.2.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from colourise.models.unet import down, start


class PatchGAN(nn.Module):
    """L (N, 1, H, W) and ab (N, 2, H, W) in Lab units -> a logit a patch (N, 1, H / 8 - 2, W / 8 - 2).

    Args:
        width: filters of the first convolution; later ones have up to eight times as many.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            down(3, width, plain=True, norm=False),
            down(width, width * 2, plain=False, norm=True),
            down(width * 2, width * 4, plain=False, norm=True),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width * 4, width * 8, 4, 1, 1, bias=False),
            nn.BatchNorm2d(width * 8),
            nn.LeakyReLU(0.2),
            nn.Conv2d(width * 8, 1, 4, 1, 1),
        )
        self.apply(start)

    def forward(self, L: Tensor, ab: Tensor) -> Tensor:
        """Judge pictures; above 0 is "real"."""
        verdict: Tensor = self.layers(torch.cat([L / 50 - 1, ab / 110], 1))
        return verdict
