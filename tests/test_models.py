"""Networks: shapes, sizes, reach, and what training may not change."""

import pytest
import torch
from torch import nn

from colourise import models
from colourise.errors import ModelError
from colourise.models.patchgan import PatchGAN

torch.set_num_threads(2)


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def test_unet_is_pix2pix_256():
    network = models.build("unet")
    pix2pix = 54_413_955  # three channels in and out, and no bias in the first and the innermost convolution
    assert parameters(network) == pix2pix - 2 * 64 * 16 - (128 * 16 + 1) + (64 + 512)
    assert network(torch.rand(1, 1, 256, 256) * 100).shape == (1, 2, 256, 256)


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [("unet", {"levels": 5, "width": 4}), ("encoder_unet", {"widths": (16, 16, 8, 8)})],
)
@pytest.mark.parametrize("size", [(64, 64), (50, 70), (33, 97)])
def test_any_size_gives_ab_of_that_size(architecture, arguments, size):
    network = models.build(architecture, **arguments).eval()
    with torch.no_grad():
        ab = network(torch.rand(2, 1, *size) * 100)
    assert ab.shape == (2, 2, *size)
    assert ab.dtype == torch.float32


def test_encoder_unet_starts_grey_and_is_small():
    network = models.build("encoder_unet").eval()
    assert 4_000_000 < parameters(network) < 6_000_000
    with torch.no_grad():
        assert network(torch.rand(1, 1, 64, 64) * 100).abs().max() == 0


def test_encoder_sees_grey_as_imagenet_pictures():
    """L 53.585 is sRGB 0.5020 (128): what reaches the encoder is (0.502 - mean) / std in three channels."""
    network = models.build("encoder_unet").eval()
    seen = []
    network.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(torch.full((1, 1, 64, 64), 53.585))
    expected = (128 / 255 - network.mean) / network.std
    assert torch.allclose(seen[0], expected.expand_as(seen[0]), atol=1e-3)


def test_training_leaves_the_encoders_batch_norm_alone():
    network = models.build("encoder_unet", widths=(16, 16, 8, 8)).train()
    before = {name: value.clone() for name, value in network.encoder.named_buffers()}
    network(torch.rand(2, 1, 64, 64) * 100)
    assert all(torch.equal(before[name], value) for name, value in network.encoder.named_buffers())
    norms = [module for module in network.ups.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert all(norm.training for norm in norms)


def test_fixed_padding_is_timms_same_padding():
    import timm

    from colourise.models.encoder_unet import fix_padding

    encoder = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        theirs = encoder(x)
        fix_padding(encoder)
        assert all(torch.equal(a, b) for a, b in zip(encoder(x), theirs, strict=True))


def test_patchgan_judges_70_pixel_patches():
    network = PatchGAN().eval()
    assert parameters(network) == 2_768_705 - 3 * 64 * 16  # pix2pix's, with 3 channels in place of 6
    L, ab = torch.rand(1, 1, 256, 256) * 100, torch.randn(1, 2, 256, 256)
    ab.requires_grad_()
    verdict = network(L, ab)
    assert verdict.shape == (1, 1, 30, 30)
    verdict[0, 0, 15, 15].backward()
    rows = ab.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert rows.max() - rows.min() + 1 == 70


def test_wrong_architectures_and_arguments_are_named():
    with pytest.raises(ModelError, match="nosuch: no such architecture; there are encoder_unet, unet"):
        models.build("nosuch")
    with pytest.raises(ModelError, match="depth"):
        models.build("unet", depth=3)
