"""EncoderUNet with a second encoder beside its first: a vision transformer that knows what things are.

The convolutions know edges and textures; the transformer's tokens, one for each 16 x 16 px, know things:
that this is a lemon and that is a lawn. They are added to the decoder at strides 16 and 8, from zero, so
that training can begin at a trained `EncoderUNet`, whose weights have the same names here.

The transformer is DINOv2's ViT-S/14 (Oquab et al., "DINOv2: Learning Robust Visual Features without
Supervision"), or one tuned from it, such as the encoder of Depth Anything V2 Small (Yang et al.). Its
patches of 14 px in three colours are turned into patches of 16 px in grey, so that tokens and pyramid lie
on one grid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import safetensors.torch
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from colourise.models.networks.encoder_unet import EncoderUNet, grey_level
from colourise.models.networks.registry import TRANSFORMER

PATCH = 16  # pixels; two tokens a side of the pyramid's last stride
GRID = 37  # tokens a side that the positions were learnt on: 518 px in patches of 14
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of the RGB that the transformer was trained on


class TokenUNet(EncoderUNet):
    """L (N, 1, H, W) 0..100 -> ab (N, 2, H, W) in Lab units, any H and W.

    Args:
        encoder: a timm model name that can give a pyramid of features.
        widths: channels of the decoder at strides 16, 8, 4, 2.
        blocks: the transformer's blocks whose tokens are used.
        token_width: channels that the tokens are projected to.
        pretrained: start the transformer from DINOv2's weights, downloaded by timm, or from a file in timm's
            names. The pyramid comes from a trained `EncoderUNet`.
    """

    vit: Any  # as the pyramid, it has no type of its own

    def __init__(
        self,
        encoder: str = "tf_efficientnet_lite0",
        widths: tuple[int, ...] = (256, 160, 96, 48),
        blocks: tuple[int, ...] = (2, 5, 8, 11),
        token_width: int = 256,
        *,
        pretrained: bool | Path = False,
    ) -> None:
        super().__init__(encoder, widths)
        self.blocks = tuple(blocks)
        self.vit = timm.create_model(
            TRANSFORMER,
            patch_size=PATCH,
            in_chans=1,
            img_size=GRID * PATCH,
            num_classes=0,
            dynamic_img_size=True,
        )
        if pretrained:
            self.vit.load_state_dict(
                transformer_weights(pretrained if isinstance(pretrained, Path) else None)
            )
        width = self.vit.embed_dim
        self.token_norms = nn.ModuleList(nn.LayerNorm(width) for _ in blocks)
        self.token_project = nn.Linear(width * len(blocks), token_width)
        self.token_mix = nn.Sequential(
            nn.Conv2d(token_width, token_width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(token_width, token_width, 3, padding=1),
            nn.ReLU(),
        )
        self.token_out = nn.ModuleList(nn.Conv2d(token_width, width, 1) for width in widths[:2])
        for out in self.token_out:
            nn.init.zeros_(cast("Tensor", out.weight))
            nn.init.zeros_(cast("Tensor", out.bias))

    def forward(self, L: Tensor) -> Tensor:
        """Predict ab (N, 2, H, W) of L (N, 1, H, W)."""
        height, width = L.shape[-2:]
        grey = grey_level(L)
        grey = functional.pad(grey, (0, -width % self.stride, 0, -height % self.stride), mode="replicate")
        tokens = self.tokens(grey[:, :1])
        *skips, x = self.encoder((grey - self.mean) / self.std)
        x = self.context(x)
        for stage, (up, skip) in enumerate(zip(self.ups, reversed(skips), strict=False)):
            x = up(x, skip)
            if stage < len(self.token_out):
                x = x + self.token_out[stage](tokens)
                tokens = functional.interpolate(tokens, scale_factor=2, mode="bilinear", align_corners=False)
        return self.colours(x)[..., :height, :width]

    def tokens(self, grey: Tensor) -> Tensor:
        """Return what the transformer knows of grey (N, 1, H, W) 0..1: (N, token_width, H / 16, W / 16)."""
        maps = self.vit.forward_intermediates(
            grey, indices=list(self.blocks), norm=False, intermediates_only=True
        )
        known = torch.cat(
            [norm(one.flatten(2).transpose(1, 2)) for norm, one in zip(self.token_norms, maps, strict=True)],
            -1,
        )
        rows, columns = maps[0].shape[-2:]
        known = self.token_project(known).transpose(1, 2).unflatten(2, (rows, columns))
        mixed: Tensor = self.token_mix(known)
        return known + mixed

    def freeze_transformer(self, learning: int) -> None:
        """Freeze the transformer but for its last blocks, as many as `learning`."""
        self.vit.requires_grad_(False)
        last = max(self.blocks) + 1  # later blocks are not used
        for block in self.vit.blocks[last - learning : last]:
            block.requires_grad_(True)


def transformer_weights(file: Path | None) -> dict[str, Tensor]:
    """Read weights of a ViT-S/14 for RGB, as ours for grey in patches of 16 px.

    Args:
        file: safetensors in timm's names (or Depth Anything's, which begin with "pretrained."); None:
            timm downloads DINOv2's own.
    """
    if file is None:
        state = timm.create_model(TRANSFORMER, pretrained=True, num_classes=0).state_dict()
    else:
        state = safetensors.torch.load_file(file)
    state = {name: value.float() for name, value in state.items()}
    kernel = state["patch_embed.proj.weight"]  # (384, 3, 14, 14), on (RGB - mean) / std
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    state["patch_embed.proj.bias"] = state["patch_embed.proj.bias"] - (kernel * mean / std).sum((1, 2, 3))
    grey = (kernel / std).sum(1, keepdim=True)
    shrink = functional.interpolate(  # (14, 16): a column of 16 px becomes one of 14
        torch.eye(PATCH)[None, None], size=(kernel.shape[-1], PATCH), mode="bilinear", antialias=True
    )[0, 0]
    state["patch_embed.proj.weight"] = shrink.T @ grey @ shrink
    return state
