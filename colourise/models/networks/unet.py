"""The paper's generator: pix2pix's U-Net 256, from L to ab.

Eight halvings to a 1x1 bottleneck and eight doublings with skips; LeakyReLU down, ReLU up, batch norm,
dropout in the three doublings next to the bottleneck, N(0, 0.02) weights. 54 M parameters at 64 filters.

Source: Isola et al., "Image-to-Image Translation with Conditional Adversarial Networks", section 6.1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": partial(nn.InstanceNorm2d, affine=True),
}


class UNet(nn.Module):
    """L (N, 1, H, W) 0..100 -> ab (N, 2, H, W) in Lab units.

    Sides are padded to a multiple of 2 ** levels inside (256 for the paper's eight levels).

    Args:
        levels: halvings; 8 for 256 px, 7 for 128 px.
        width: filters of the first convolution; later ones have up to eight times as many.
        dropout: of the three doublings next to the bottleneck.
        norm: a key of NORMS.
        last_norm: norm of the last doubling that has one (the output has none); by default `norm`.
    """

    def __init__(
        self,
        levels: int = 8,
        width: int = 64,
        dropout: float = 0.5,
        norm: str = "batch",
        last_norm: str | None = None,
    ) -> None:
        super().__init__()
        self.stride = 2**levels
        widths = [min(width * 2**level, width * 8) for level in range(levels)]
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        for level, filters in enumerate(widths):
            first, last = level == 0, level == levels - 1
            self.downs.append(
                down(
                    widths[level - 1] if level else 1,
                    filters,
                    plain=first,
                    norm=None if first or last else norm,
                )
            )
            rate = dropout if levels - 4 <= level < levels - 1 else 0.0
            inputs = filters if last else 2 * filters
            ending = None if first else (last_norm or norm) if level == 1 else norm
            self.ups.insert(0, up(inputs, widths[level - 1] if level else 2, rate, norm=ending))
        self.apply(start)

    def forward(self, L: Tensor) -> Tensor:
        """Predict ab (N, 2, H, W) of L (N, 1, H, W)."""
        height, width = L.shape[-2:]
        x = functional.pad(L / 50 - 1, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        skips: list[Tensor] = []
        for layer in self.downs:
            x = layer(x)
            skips.append(x)
        x = self.ups[0](skips.pop())
        for layer in self.ups[1:]:
            x = layer(torch.cat([x, skips.pop()], 1))
        return 110 * torch.tanh(x)[..., :height, :width]


def down(channels: int, width: int, *, plain: bool, norm: str | None) -> nn.Sequential:
    """Return LeakyReLU (unless plain), a 4x4 convolution of stride 2 and a norm."""
    layers: list[nn.Module] = [] if plain else [nn.LeakyReLU(0.2)]
    layers.append(nn.Conv2d(channels, width, 4, 2, 1, bias=norm is None))
    return nn.Sequential(*layers, *([NORMS[norm](width)] if norm else []))


def up(channels: int, width: int, dropout: float, *, norm: str | None) -> nn.Sequential:
    """Return ReLU, a 4x4 transposed convolution of stride 2, a norm and dropout."""
    layers: list[nn.Module] = [nn.ReLU(), nn.ConvTranspose2d(channels, width, 4, 2, 1, bias=norm is None)]
    if norm:
        layers.append(NORMS[norm](width))
    return nn.Sequential(*layers, *([nn.Dropout(dropout)] if dropout else []))


def start(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02) and gains of norms from N(1, 0.02); set biases to 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
    if isinstance(bias := getattr(module, "bias", None), nn.Parameter):
        nn.init.zeros_(bias)
