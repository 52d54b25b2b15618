"""Frozen networks whose features losses and measures compare: VGG16, ResNet50, a U-Net's encoder, an FPN."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor, nn

from colourise.errors import TrainingError
from colourise.models.networks.registry import LOSS_NETWORKS

# One network as losses use it: normalised RGB -> activations, and the mean and deviation of that RGB in 0..1.
LossNetwork = tuple[nn.Module, Sequence[float], Sequence[float]]


def vgg16(layer: str) -> LossNetwork:
    """Return VGG16 with the original weights, up to one layer."""
    from torchvision.models import VGG16_Weights, vgg16

    weights = VGG16_Weights.IMAGENET1K_FEATURES
    network = vgg16(init_weights=False).features
    network.load_state_dict(below(downloaded(weights), "features."))
    ends = [place for place, module in enumerate(network, 1) if isinstance(module, nn.MaxPool2d)]
    end = ends[list(LOSS_NETWORKS["vgg16"]).index(layer)] - 1  # each block's last ReLU is before its pooling
    preset = weights.transforms()
    return network[:end], preset.mean, preset.std


def resnet50(layer: str) -> LossNetwork:
    """Return ResNet50, an ImageNet classifier, up to one layer."""
    from torchvision.models import ResNet50_Weights, resnet50

    weights = ResNet50_Weights.IMAGENET1K_V1
    network = resnet50()
    network.load_state_dict(downloaded(weights))
    parts = dict(network.named_children())
    names = list(parts)[: list(parts).index(layer) + 1]
    preset = weights.transforms()
    return nn.Sequential(*(parts[name] for name in names)), preset.mean, preset.std


def fpn(layer: str) -> LossNetwork:
    """Return the feature pyramid of torchvision's COCO detector, at one level."""
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops import FrozenBatchNorm2d

    network = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d)
    network.load_state_dict(below(downloaded(FasterRCNN_ResNet50_FPN_Weights.COCO_V1), "backbone."))
    for module in network.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = 0.0  # as torchvision has it for these weights
    place = list(LOSS_NETWORKS["fpn"]).index(layer)
    for other in set(range(len(network.fpn.layer_blocks))) - {place}:
        network.fpn.layer_blocks[other] = nn.Identity()  # levels that are not used
    return (
        SelectOutput(network, str(place)),
        (0.485, 0.456, 0.406),
        (0.229, 0.224, 0.225),
    )  # GeneralizedRCNNTransform's


def unet(layer: str) -> LossNetwork:
    """Return the ImageNet encoder of segmentation-models-pytorch's U-Net, up to one layer."""
    import segmentation_models_pytorch as smp

    depth = list(LOSS_NETWORKS["unet"]).index(layer) + 1
    try:
        encoder = smp.encoders.get_encoder("resnet34", depth=depth, weights="imagenet")
        preset = smp.encoders.get_preprocessing_params("resnet34", "imagenet")
    except Exception as err:  # the Hub's client has many errors; OSError is the base of some only
        raise TrainingError(
            f"smp-hub/resnet34.imagenet: cannot be downloaded ({str(err).splitlines()[0]}); connect once"
        ) from err
    return SelectOutput(encoder, -1), preset["mean"], preset["std"]


LOADERS: dict[str, Callable[[str], LossNetwork]] = {
    "vgg16": vgg16,
    "resnet50": resnet50,
    "unet": unet,
    "fpn": fpn,
}


class SelectOutput(nn.Module):
    """A network with several outputs, reduced to one of them."""

    def __init__(self, network: nn.Module, key: str | int) -> None:
        super().__init__()
        self.network, self.key = network, key

    def forward(self, rgb: Tensor) -> Tensor:
        """Return activations (N, C, h, w) of RGB (N, 3, H, W)."""
        output: Tensor = self.network(rgb)[self.key]
        return output


def downloaded(weights: object) -> dict[str, Tensor]:
    """Return the state dict of torchvision's weights, from its cache or its server.

    Raises:
        TrainingError: they cannot be downloaded, or the cached file is damaged.
    """
    file = Path(torch.hub.get_dir(), "checkpoints", Path(weights.url).name)  # type: ignore[attr-defined]
    try:
        state: dict[str, Tensor] = weights.get_state_dict(progress=sys.stderr.isatty(), check_hash=True)  # type: ignore[attr-defined]
    except (OSError, RuntimeError, EOFError, UnpicklingError) as err:  # a wrong hash is a RuntimeError
        reason = str(err).partition("\n")[0]
        if file.exists():
            raise TrainingError(f"{file}: damaged ({reason}); delete it, and connect once") from err
        raise TrainingError(
            f"{weights.url}: cannot be downloaded ({reason}); connect once, or put the file into "  # type: ignore[attr-defined]
            f"{file.parent}"
        ) from err
    return state


def below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the entries of a state dict that begin with a prefix, without the prefix."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
