"""Fixtures: loss networks of random weights, in the caches where the official ones would be."""

import json

import pytest


@pytest.fixture(scope="session")
def caches(tmp_path_factory):
    """Loss networks of random weights under the official names in (TORCH_HOME, the Hub's cache).

    Tests fetch nothing, so they know that these networks are used, not what the true ones see.
    """
    import safetensors.torch
    import torch
    from segmentation_models_pytorch.encoders import encoders, get_encoder
    from torchvision.models import ResNet50_Weights, VGG16_Weights, resnet50, vgg16
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
    from torchvision.ops import FrozenBatchNorm2d

    torch_home, hub = tmp_path_factory.mktemp("torch"), tmp_path_factory.mktemp("hub")
    checkpoints_ = torch_home / "hub" / "checkpoints"
    checkpoints_.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        detector = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=FrozenBatchNorm2d)
        for weights, prefix, network in (
            (VGG16_Weights.IMAGENET1K_FEATURES, "features.", vgg16().features),
            (ResNet50_Weights.IMAGENET1K_V1, "", resnet50()),
            (FasterRCNN_ResNet50_FPN_Weights.COCO_V1, "backbone.", detector),
        ):
            state = {f"{prefix}{name}": value for name, value in network.state_dict().items()}
            torch.save(state, checkpoints_ / weights.url.rsplit("/", 1)[1])
        encoder = get_encoder("resnet34").state_dict()
    place = encoders["resnet34"]["pretrained_settings"]["imagenet"]
    folder = hub / f"models--{place['repo_id'].replace('/', '--')}" / "snapshots" / place["revision"]
    folder.mkdir(parents=True)
    safetensors.torch.save_file(encoder, folder / "model.safetensors")
    preset = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    (folder / "config.json").write_text(json.dumps(preset | {"input_space": "RGB", "input_range": [0, 1]}))
    return torch_home, hub


@pytest.fixture
def loss_network(caches, monkeypatch):
    """The feature reconstruction loss, whose networks are in the caches."""
    import huggingface_hub

    from colourise.training import losses

    monkeypatch.setenv("TORCH_HOME", str(caches[0]))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(caches[1]))
    return losses.FeatureReconstructionLoss
