"""What training pulls on: the pixel loss on ab, and the feature reconstruction loss through a frozen VGG16.

Source: Tarres et al., "GAN-based Image Colourisation with Feature Reconstruction Loss", equations for the
pixel and the feature reconstruction loss; the latter after Johnson et al., "Perceptual Losses".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from colourise.errors import TrainingError
from colourise.lab import tensor_lab_to_rgb
from colourise.recipes import VGG16_LAYERS


def pixel_loss(ab: Tensor, truth: Tensor, beta: float) -> Tensor:
    """Smooth L1 on ab / 110, so in -1..1 units.

    Args:
        ab: (N, 2, H, W) in Lab units.
        truth: the same.
        beta: where it turns from squared to absolute, in Lab units.
    """
    return functional.smooth_l1_loss(ab / 110, truth / 110, beta=beta / 110)


class FeatureReconstructionLoss(nn.Module):
    """Squared distance between VGG16 features of the generated and the real picture, over C * H * W.

    The loss network takes what the original Caffe weights take: RGB, 0..255, less the mean colour of
    ImageNet. At that scale block3_conv3 gives about 50,000, so the paper's weight of 1e-5, which it
    leaves without a unit, makes this term about as large as 100 times the pixel loss.

    Args:
        layer: a key of VGG16_LAYERS.
    Raises:
        TrainingError: VGG16 is not cached and cannot be downloaded.
    """

    def __init__(self, layer: str = "block3_conv3") -> None:
        super().__init__()
        from torchvision.models import VGG16_Weights, vgg16
        from torchvision.transforms.functional import normalize

        weights = VGG16_Weights.IMAGENET1K_FEATURES
        try:
            state = weights.get_state_dict(progress=False, check_hash=True)
        except (OSError, RuntimeError) as err:  # URLError is an OSError; a wrong hash is a RuntimeError
            raise TrainingError(
                f"{weights.url}: cannot be downloaded ({err}); connect once, or put the file into "
                f"{torch.hub.get_dir()}/checkpoints"
            ) from err
        preset = weights.transforms()
        self.mean, self.std, self.normalize = preset.mean, preset.std, normalize
        network = vgg16(init_weights=False).features
        features = {
            key.removeprefix("features."): value for key, value in state.items() if key[:8] == "features"
        }
        network.load_state_dict(features, strict=True)
        self.network = network[: VGG16_LAYERS[layer]].eval().requires_grad_(False)
        for module in self.network:
            if isinstance(module, nn.ReLU):
                module.inplace = False

    def features(self, L: Tensor, ab: Tensor) -> Tensor:
        """Activations (N, C, h, w) of the picture with L (N, 1, H, W) and ab (N, 2, H, W)."""
        with torch.autocast(L.device.type, enabled=False):  # colour needs more than bf16's eight bits
            rgb = self.normalize(tensor_lab_to_rgb(L, ab), self.mean, self.std)
        activations: Tensor = self.network(rgb)
        return activations

    def forward(self, L: Tensor, ab: Tensor, truth: Tensor) -> Tensor:
        """Mean over the batch; gradients reach `ab` only."""
        with torch.no_grad():
            real = self.features(L, truth)
        return (self.features(L, ab).float() - real.float()).square().mean()
