"""A U-Net whose encoder already knows what photographs show.

The encoder is a timm network pretrained on ImageNet; grey goes in as three equal channels in its own
normalisation. The decoder is light and stops at half resolution, because the eye takes its detail
from L. The encoder's batch norms stay in evaluation mode in training too: statistics of small grey
crops made cyan blotches at full size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import timm
import torch
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn
from torch.nn import functional

from colourise.errors import ModelError
from colourise.lab.pictures import DELTA
from colourise.lab.srgb import from_linear


class EncoderUNet(nn.Module):
    """L (N, 1, H, W) 0..100 -> ab (N, 2, H, W) in Lab units, any H and W.

    Args:
        encoder: a timm model name that can give a pyramid of features.
        widths: channels of the decoder at strides 16, 8, 4, 2; with fewer it ends, and colours, coarser.
        pretrained: start from ImageNet weights: timm's own (downloaded once), or a file in timm's names.
    Raises:
        ModelError: timm has no such encoder, or it does not halve the picture five times.
    """

    stride = 32
    encoder: Any  # timm's feature pyramids have no type of their own
    mean: Tensor
    std: Tensor

    def __init__(
        self,
        encoder: str = "tf_efficientnet_lite0",
        widths: tuple[int, ...] = (256, 160, 96, 48),
        *,
        pretrained: bool | Path = False,
    ) -> None:
        super().__init__()
        if not timm.is_model(encoder):
            raise ModelError(f"{encoder}: timm has no such encoder; timm.list_models() names all")
        self.encoder = timm.create_model(
            encoder,
            pretrained=bool(pretrained),
            pretrained_cfg_overlay={"file": str(pretrained)} if isinstance(pretrained, Path) else None,
            features_only=True,
        )
        fix_convolutions(self.encoder)
        mean, std = self.encoder.default_cfg["mean"], self.encoder.default_cfg["std"]
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        *skips, channels = self.encoder.feature_info.channels()  # strides 2, 4, 8, 16 and 32
        if self.encoder.feature_info.reduction() != [2, 4, 8, 16, 32]:
            raise ModelError(f"{encoder}: gives no features at strides 2, 4, 8, 16 and 32; choose another")
        self.context = Context(channels)
        self.ups = nn.ModuleList()
        for skip, width in zip(reversed(skips), widths, strict=False):
            self.ups.append(Up(channels, skip, width))
            channels = width
        self.head = nn.Conv2d(channels, 2, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(cast("Tensor", self.head.bias))

    def forward(self, L: Tensor) -> Tensor:
        """Predict ab (N, 2, H, W) of L (N, 1, H, W)."""
        height, width = L.shape[-2:]
        grey = grey_level(L)
        grey = functional.pad(grey, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        *skips, x = self.encoder((grey - self.mean) / self.std)
        x = self.context(x)
        for up, skip in zip(self.ups, reversed(skips), strict=False):
            x = up(x, skip)
        return self.colours(x)[..., :height, :width]

    def colours(self, x: Tensor) -> Tensor:
        """Turn the decoder's last features into ab (N, 2, H, W)."""
        ab = 110 * self.head(x)  # (N, 2, H / scale, W / scale)
        scale = self.stride // 2 ** len(self.ups)
        return functional.interpolate(ab, scale_factor=scale, mode="bilinear", align_corners=False)

    def freeze(self, halvings: int) -> None:
        """Freeze the encoder's weights from its input to its given number of halvings of the picture."""
        last = self.encoder.feature_info.module_name(halvings - 1)  # "blocks.2"; modules stand in their order
        names = [name for name, _ in self.encoder.named_parameters()]
        end = max(place for place, name in enumerate(names) if name.startswith(f"{last}."))
        for name in names[: end + 1]:
            self.encoder.get_parameter(name).requires_grad_(False)

    def train(self, mode: bool = True) -> EncoderUNet:
        """Switch everything to training except the encoder's batch norms."""
        super().train(mode)
        for module in self.encoder.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self


class Up(nn.Module):
    """Double the size, join the encoder's features of that size, and mix them in two convolutions."""

    def __init__(self, channels: int, skip: int, width: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(conv(channels + skip, width), conv(width, width))

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        """Turn features (N, C, h, w) and skip (N, S, 2h, 2w) into (N, width, 2h, 2w)."""
        x = functional.interpolate(x, scale_factor=2, mode="nearest")
        mixed: Tensor = self.mix(torch.cat([x, skip], 1))
        return mixed


class Context(nn.Module):
    """Add the mean of the whole picture to every place, so that a scene is lit consistently."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.whole = nn.Sequential(
            nn.Conv2d(channels, channels, 1), nn.ReLU(), nn.Conv2d(channels, channels, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> the same shape."""
        whole: Tensor = self.whole(x.mean((2, 3), keepdim=True))
        return x + whole


class FullPrecisionConv2d(nn.Conv2d):
    """A convolution that a CPU computes in fp32 during training, even where autocast asks for bf16.

    Used for depthwise convolutions and those with a stride of 2, whose bf16 gradient is slow in PyTorch. In
    fp32 a training step takes a fifth less at 128 px, a sixth at 192. Without a gradient, bf16 is faster.
    """

    def _conv_forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        learns = torch.is_grad_enabled() and weight.requires_grad
        if not learns or x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super()._conv_forward(x, weight, bias)
        with torch.autocast("cpu", enabled=False):
            return super()._conv_forward(x.float(), weight, bias)


class PaddedConv2d(FullPrecisionConv2d):
    """A convolution with TensorFlow's "same" padding, for sides that its stride divides."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) -> (N, D, h / stride, w / stride)."""
        over = [(size - 1) * dilation + 1 - step for size, dilation, step in self.geometry()]
        down, across = (max(0, pixels) for pixels in over)
        x = functional.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        y: Tensor = self._conv_forward(x, self.weight, self.bias)
        return y

    def geometry(self) -> list[tuple[int, int, int]]:
        """Return (kernel size, dilation, stride), vertical and horizontal."""
        return list(zip(self.kernel_size, self.dilation, self.stride, strict=True))


def fix_convolutions(encoder: nn.Module) -> None:
    """Replace some of timm's convolutions with ours, keeping weights and names.

    timm's "same" convolutions compute their padding from each picture. Here all sides are multiples of 32,
    so the padding is known; with a symbolic one the exporter takes minutes.
    """
    for module in encoder.modules():
        if isinstance(module, Conv2dSame):
            module.__class__ = PaddedConv2d  # type: ignore[assignment]
        elif isinstance(module, nn.Conv2d) and module.groups == module.in_channels:
            module.__class__ = FullPrecisionConv2d


def conv(channels: int, width: int) -> nn.Sequential:
    """Return a 3x3 convolution, batch norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
    )


def grey_level(L: Tensor) -> Tensor:
    """Return sRGB (N, 3, H, W) in 0..1 of the grey with this L; the encoder was trained on sRGB."""
    fy = (L + 16) / 116
    Y = torch.where(fy > DELTA, fy**3, 3 * DELTA**2 * (fy - 4 / 29))
    grey: Tensor = from_linear(Y, torch)
    return grey.expand(-1, 3, -1, -1)
