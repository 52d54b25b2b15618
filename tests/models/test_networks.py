"""Networks: shapes, sizes, reach, and what training may not change."""

import itertools
import subprocess
import sys

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from colourise.errors import ModelError
from colourise.models.networks import norms, registry
from colourise.models.networks.patchgan import MultiScale, PatchGAN
from colourise.models.networks.token_unet import MEAN, STD
from colourise.training.recipes import RECIPES


def parameters(network):
    return sum(p.numel() for p in network.parameters())


def test_unet_is_pix2pix_256():
    network = registry.build("unet")
    pix2pix = 54_413_955  # three channels in and out, and no bias in the first and the innermost convolution
    assert parameters(network) == pix2pix - 2 * 64 * 16 - (128 * 16 + 1) + (64 + 512)
    assert network(torch.rand(1, 1, 256, 256) * 100).shape == (1, 2, 256, 256)


@pytest.mark.parametrize("recipe", ["pix2pix", "gorriz", "vgg16"])
def test_generators_of_the_paper(recipe):
    """Shape, size, norms and reach: the colour in the middle hangs on light in every corner of 256 px."""
    network = registry.build("unet", **RECIPES[recipe].arguments)
    encoder = [64, 128, 256, 512, 512, 512, 512, 512]
    levels = 7 if recipe == "gorriz" else 8
    channels = [1, *encoder[:levels]]
    down = sum(16 * a * b for a, b in itertools.pairwise(channels)) + 64 + 512  # biases where no norm follows
    up = 16 * 512 * 512 + sum(16 * 2 * b * a for a, b in itertools.pairwise([2, *encoder[: levels - 1]])) + 2
    norms = 2 * sum(encoder[1 : levels - 1]) + 2 * sum(encoder[: levels - 1])
    assert parameters(network) == down + up + norms
    ends = [module for module in network.modules() if isinstance(module, nn.InstanceNorm2d)]
    assert [norm.num_features for norm in ends] == ([64] if recipe == "gorriz" else [])
    assert sum(isinstance(module, nn.Dropout) for module in network.modules()) == (0 if ends else 3)
    L = (torch.rand(1, 1, 256, 256) * 100).requires_grad_()
    ab = network.eval()(L)
    assert ab.shape == (1, 2, 256, 256)
    ab[0, :, 128, 128].sum().backward()
    assert all(L.grad[0, 0, y, x] != 0 for y in (0, 255) for x in (0, 255))


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [
        ("unet", {"levels": 5, "width": 4}),
        ("encoder_unet", {"widths": (16, 16, 8, 8)}),
        ("encoder_unet", {"widths": (8, 8)}),
        ("token_unet", {"widths": (8, 8, 4, 4), "token_width": 4}),
    ],
)
@pytest.mark.parametrize("size", [(64, 64), (50, 70), (33, 97)])
def test_any_size_gives_ab_of_that_size(architecture, arguments, size):
    network = registry.build(architecture, **arguments).eval()
    with torch.no_grad():
        ab = network(torch.rand(2, 1, *size) * 100)
    assert ab.shape == (2, 2, *size)
    assert ab.dtype == torch.float32


def test_encoder_unet_starts_grey_and_is_small():
    network = registry.build("encoder_unet").eval()
    assert 4_000_000 < parameters(network) < 6_000_000
    with torch.no_grad():
        assert network(torch.rand(1, 1, 64, 64) * 100).abs().max() == 0


def test_encoder_sees_grey_as_imagenet_pictures():
    """L 53.585 is sRGB 0.5020 (128): what reaches the encoder is (0.502 - mean) / std in three channels."""
    network = registry.build("encoder_unet").eval()
    seen = []
    network.encoder.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    network(torch.full((1, 1, 64, 64), 53.585))
    expected = (128 / 255 - network.mean) / network.std
    assert torch.allclose(seen[0], expected.expand_as(seen[0]), atol=1e-3)


def test_training_leaves_the_encoders_batch_norm_alone():
    network = registry.build("encoder_unet", widths=(16, 16, 8, 8)).train()
    before = {name: value.clone() for name, value in network.encoder.named_buffers()}
    network(torch.rand(2, 1, 64, 64) * 100)
    assert all(torch.equal(before[name], value) for name, value in network.encoder.named_buffers())
    norms = [module for module in network.ups.modules() if isinstance(module, nn.BatchNorm2d)]
    assert norms
    assert all(norm.training for norm in norms)


def test_our_convolutions_are_timms():
    import timm

    from colourise.models.networks.encoder_unet import fix_convolutions

    encoder = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    x = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        theirs = encoder(x)
        fix_convolutions(encoder)
        assert all(torch.equal(a, b) for a, b in zip(encoder(x), theirs, strict=True))


def test_depthwise_convolutions_learn_in_fp32_under_autocast_on_a_cpu():
    """Both strides, and the gradients: bf16 would be off by a hundredth. Elsewhere bf16 is faster."""
    network = registry.build("encoder_unet").encoder
    depthwise = [
        module for module in network.modules() if isinstance(module, nn.Conv2d) and module.groups > 1
    ]
    assert len(depthwise) == 16
    for conv in (depthwise[0], depthwise[1]):
        x = torch.randn(2, conv.in_channels, 16, 16).bfloat16().requires_grad_()
        expected = conv(x.float())
        wanted = torch.autograd.grad(expected.square().sum(), (x, conv.weight))
        with torch.autocast("cpu", torch.bfloat16):
            made = conv(x)
        assert made.dtype == torch.float32
        torch.testing.assert_close(made, expected)
        given = torch.autograd.grad(made.square().sum(), (x, conv.weight))
        torch.testing.assert_close(given, wanted)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            assert conv(x).dtype == torch.bfloat16


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


def test_three_discriminators_see_70_140_and_280_pixels():
    """Those of the recipe gorriz: spectral norm, and an instance norm in the second block."""
    recipe = RECIPES["gorriz"]
    network = MultiScale(recipe.discriminators, **recipe.discriminator)
    assert parameters(network) == 3 * (2_768_705 - 3 * 64 * 16)
    for judge in network.judges:
        assert [
            type(norm) for norm in judge.modules() if isinstance(norm, nn.modules.batchnorm._NormBase)
        ] == [
            nn.InstanceNorm2d,
            nn.BatchNorm2d,
            nn.BatchNorm2d,
        ]
        judge.layers[1][2] = nn.Identity()  # an instance norm sees the whole picture
    L, ab = torch.rand(1, 1, 512, 512) * 100, torch.randn(1, 2, 512, 512).requires_grad_()
    verdicts = network.eval()(L, ab)
    assert [verdict.shape for verdict in verdicts] == [(1, 1, side, side) for side in (62, 30, 14)]
    for verdict, side in zip(verdicts, (70, 140, 280), strict=True):
        ab.grad = None
        middle = verdict.shape[-1] // 2
        verdict[0, 0, middle, middle].backward(retain_graph=True)
        rows = ab.grad.abs().sum((0, 1, 3)).nonzero().flatten()
        assert rows.max() - rows.min() + 1 == side


def test_spectral_norm_keeps_singular_values_at_one_and_leaves_in_a_plain_state():
    torch.manual_seed(0)
    network = registry.build("unet", levels=5, width=4)
    norms.add_spectral_norm(network)
    L = torch.rand(2, 1, 32, 32) * 100
    for _ in range(30):
        network(L)  # a power iteration each
    network.eval()
    weight = network.downs[2][1].weight
    assert torch.linalg.svdvals(weight.flatten(1))[0].item() == pytest.approx(1, abs=0.05)
    transposed = network.ups[1][1].weight.transpose(0, 1)
    assert torch.linalg.svdvals(transposed.flatten(1))[0].item() == pytest.approx(1, abs=0.05)
    plain = registry.build("unet", levels=5, width=4).eval()
    plain.load_state_dict(norms.plain_state_dict(network))
    assert torch.allclose(plain(L), network(L), atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [("unet", {"levels": 5, "width": 4}), ("encoder_unet", {"widths": (8, 8, 8, 8)})],
)
def test_shared_batch_norms_leave_the_network_what_it_is(architecture, arguments):
    network = registry.build(architecture, **arguments)
    names, weights = list(network.state_dict()), list(network.parameters())
    L = torch.rand(2, 1, 32, 32) * 100
    before = network.eval()(L)
    shared = norms.share_batch_norms(network).train()
    shared_norms = [module for module in shared.modules() if isinstance(module, nn.SyncBatchNorm)]
    assert shared_norms and not any(isinstance(module, nn.BatchNorm2d) for module in shared.modules())
    assert {norm.training for norm in shared_norms} == (
        {True, False} if architecture == "encoder_unet" else {True}
    )
    assert torch.equal(shared.eval()(L), before)
    assert list(shared.state_dict()) == names
    assert all(a is b for a, b in zip(shared.parameters(), weights, strict=True))


def test_the_registry_is_read_without_pytorch():
    code = "import sys; import colourise.models.networks.registry; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_wrong_architectures_and_arguments_are_named():
    with pytest.raises(
        ModelError, match="nosuch: no such architecture; there are encoder_unet, token_unet, unet"
    ):
        registry.build("nosuch")
    with pytest.raises(ModelError, match="depth"):
        registry.build("unet", depth=3)


def test_encoders_that_do_not_fit_are_named():
    with pytest.raises(ModelError, match="nosuch: timm has no such encoder"):
        registry.build("encoder_unet", encoder="nosuch")
    with pytest.raises(ModelError, match=r"vgg11: gives no features at strides 2, 4, 8, 16 and 32"):
        registry.build("encoder_unet", encoder="vgg11")


def test_tokens_begin_without_any_influence():
    """So that a trained encoder_unet goes on where it stood; then they reach the colours."""
    torch.manual_seed(0)
    plain = registry.build("encoder_unet", widths=(8, 8, 4, 4)).eval()
    nn.init.normal_(plain.head.weight)
    network = registry.build("token_unet", widths=(8, 8, 4, 4), token_width=4).eval()
    assert network.load_state_dict(plain.state_dict(), strict=False).unexpected_keys == []
    L = torch.rand(1, 1, 64, 96) * 100
    with torch.no_grad():
        assert torch.equal(network(L), plain(L))
        nn.init.normal_(network.token_out[1].weight, std=10)
        assert (network(L) - plain(L)).abs().mean() > 0.1


def test_a_transformer_for_colours_in_patches_of_14_sees_grey_in_patches_of_16(tmp_path):
    """A patch of 16 px gives the token that timm's network gives the same patch shrunk to 14 px."""
    torch.manual_seed(0)
    theirs = timm.create_model(registry.TRANSFORMER, num_classes=0)
    nn.init.normal_(theirs.patch_embed.proj.weight, std=0.02)
    file = tmp_path / "vit.safetensors"
    save_file(theirs.state_dict(), file)
    ours = registry.build("token_unet", widths=(8, 8, 4, 4), token_width=4, pretrained=file).vit
    slope = torch.linspace(0.2, 0.8, 32).expand(1, 1, 32, 32)
    shrunk = torch.nn.functional.interpolate(slope, size=(28, 28), mode="bilinear", antialias=True)
    rgb = (shrunk - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    kernel, bias = theirs.patch_embed.proj.weight, theirs.patch_embed.proj.bias
    expected = torch.nn.functional.conv2d(rgb, kernel, bias, stride=14)
    tokens = torch.nn.functional.conv2d(
        slope, ours.patch_embed.proj.weight, ours.patch_embed.proj.bias, stride=16
    )
    torch.testing.assert_close(tokens, expected, atol=0.01, rtol=0)
    assert expected.std() > 0.1


def test_only_the_transformers_last_blocks_learn():
    network = registry.build("token_unet", widths=(8, 8, 4, 4), token_width=4, blocks=(2, 5, 8))
    network.freeze_transformer(2)
    learning = {name.split(".")[1] for name, value in network.vit.named_parameters() if value.requires_grad}
    assert learning == {"7", "8"}  # the last ones that are used
    network.freeze_transformer(0)
    assert not any(value.requires_grad for value in network.vit.parameters())
