"""The networks that losses look through: read where asked, and fed as they were trained."""

from pathlib import Path

import pytest
import torch

from colourise.errors import TrainingError
from colourise.models.networks.registry import LOSS_NETWORKS
from colourise.training import losses


@pytest.mark.parametrize("network", LOSS_NETWORKS)
def test_loss_networks_are_read_where_asked_and_no_further(loss_network, network):
    L, ab = torch.rand(1, 1, 64, 64) * 100, torch.randn(1, 2, 64, 64) * 20
    ab.requires_grad_()
    sizes = []
    for layer, (stride, channels) in LOSS_NETWORKS[network].items():
        features = loss_network(network, layer)
        assert features.features(L, ab).shape == (1, channels, 64 // stride, 64 // stride)
        assert not any(p.requires_grad for p in features.parameters())
        sizes.append(sum(p.numel() for module in called(features, L, ab) for p in module.parameters()))
    features(L, ab, torch.zeros(1, 2, 64, 64)).backward()
    assert ab.grad.abs().sum() > 0
    if network == "fpn":  # every level needs all coarser ones, but none needs the last convolution of another
        assert len(set(sizes)) == 1
    else:
        assert sizes == sorted(set(sizes))


def called(features, L, ab):
    """The layers with weights that a loss network computes."""
    seen = {}
    for module in features.network.modules():
        if any(True for _ in module.parameters()) and not any(True for _ in module.children()):
            module.register_forward_hook(lambda module, inputs, output: seen.update({id(module): module}))
    features.features(L, ab)
    return seen.values()


def test_loss_networks_see_rgb_as_they_were_trained(loss_network):
    """Mid grey, 0.5, reaches each as (0.5 - mean) / std of its own, VGG16 as 127.5 less the mean colour."""
    L, ab = torch.full((1, 1, 32, 32), 53.389), torch.zeros(1, 2, 32, 32)
    imagenet = (torch.full((3,), 0.5) - torch.tensor([0.485, 0.456, 0.406])) / torch.tensor(
        [0.229, 0.224, 0.225]
    )
    caffe = 127.5 - torch.tensor([123.0, 117.0, 104.0])
    for network, expected in (
        ("vgg16", caffe),
        ("resnet50", imagenet),
        ("unet", imagenet),
        ("fpn", imagenet),
    ):
        features = loss_network(network, next(iter(LOSS_NETWORKS[network])))
        seen = []
        features.network.register_forward_pre_hook(lambda module, inputs, seen=seen: seen.append(inputs[0]))
        features.features(L, ab)
        assert torch.allclose(seen[0][0, :, 0, 0], expected, atol=0.02 if network != "vgg16" else 0.2), (
            network
        )


def test_vgg16_not_there_is_one_clear_line(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(
        TrainingError, match=r"vgg16.*cannot be downloaded.*connect once, or put the file into"
    ):
        losses.FeatureReconstructionLoss()
    with pytest.raises(TrainingError, match=r"resnet50.*cannot be downloaded.*connect once"):
        losses.FeatureReconstructionLoss("resnet50", "layer1")


@pytest.mark.parametrize("cut", [400, 0])
def test_a_damaged_cache_is_named(tmp_path, monkeypatch, cut):
    from torchvision.models import ResNet50_Weights

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    file = tmp_path / "hub" / "checkpoints" / Path(ResNet50_Weights.IMAGENET1K_V1.url).name
    file.parent.mkdir(parents=True)
    torch.save({"a": torch.zeros(99)}, file)
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(TrainingError, match=r"resnet50-.*\.pth: damaged \(.*\); delete it, and connect once"):
        losses.FeatureReconstructionLoss("resnet50", "layer1")


def test_unet_encoder_not_there_is_one_clear_line(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(TrainingError, match=r"smp-hub/resnet34.imagenet: cannot be downloaded.*connect once"):
        losses.FeatureReconstructionLoss("unet", "encoder2")
