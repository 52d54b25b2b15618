"""Weights that must be downloaded: asked for before anything else, and an offline machine is told at once."""

import inspect
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.training import TINY

from colourise.errors import TrainingError
from colourise.training import RECIPES, downloads
from colourise.training.events import DownloadNeeded, PhotosFound
from colourise.training.folder import train_folder


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """Empty caches, and a server that answers nobody."""
    from huggingface_hub import constants

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)

    def offline(request, timeout):
        raise OSError(-2, "Name or service not known")

    monkeypatch.setattr(downloads, "urlopen", offline)


def test_an_offline_machine_is_told_before_photos_are_looked_for(bare, tmp_path):
    heard = []
    told = (
        r"^vgg16: its weights are not on this machine, and download\.pytorch\.org cannot be reached "
        r"\(Name or service not known\); connect once, or choose a recipe that needs no download "
        r"\(pix2pix, gorriz\)$"
    )
    for recipe in ("vgg16", "colourise"):
        with pytest.raises(TrainingError, match=told):
            train_folder(RECIPES[recipe], tmp_path / "nowhere", tmp_path / "run", on_event=heard.append)
    assert not heard
    assert not (tmp_path / "run").exists()
    encoder = replace(RECIPES["colourise"], feature_weight=0.0)
    with pytest.raises(
        TrainingError, match=r"tf_efficientnet_lite0: .* give --encoder-weights or --from, or"
    ):
        train_folder(encoder, tmp_path / "nowhere", tmp_path / "run")


def test_what_each_recipe_needs(bare, tmp_path):
    def needed(name, **ask):
        return [one.name for one in downloads.missing(RECIPES[name], **ask)]

    assert {name: needed(name) for name in RECIPES} == {
        "pix2pix": [],
        "gorriz": [],
        "vgg16": ["vgg16"],
        "resnet50": ["resnet50"],
        "unet": ["unet"],
        "fpn": ["fpn"],
        "colourise": ["vgg16", "tf_efficientnet_lite0"],
    }
    assert needed("colourise", encoder=False) == ["vgg16"]
    weights = (
        tmp_path / "hub" / "models--timm--tf_efficientnet_lite0.in1k" / "snapshots" / "0" / "w.safetensors"
    )
    weights.parent.mkdir(parents=True)
    weights.touch()
    assert needed("colourise") == ["vgg16"]


@pytest.mark.parametrize("network", ["vgg16", "resnet50", "fpn", "unet"])
def test_what_is_in_the_caches_is_not_asked_for(network, bare, loss_network):
    assert downloads.missing(RECIPES[network]) == []


def test_what_is_missing_is_downloaded_before_photos_are_looked_for(
    bare, caches, photos, tmp_path, monkeypatch
):
    """A server that answers, and torchvision's download of the file."""
    from torchvision.models import VGG16_Weights

    file = caches[0] / "hub" / "checkpoints" / downloads.TORCHVISION["vgg16"][0]
    asked, heard = [], []

    class Answer:
        def close(self):
            pass

    def fetched(weights, **options):
        asked.append((weights, len(heard)))
        kept = downloads.torch_cache() / file.name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(file.read_bytes())
        return torch.load(kept, weights_only=True)

    monkeypatch.setattr(downloads, "urlopen", lambda request, timeout: Answer())
    monkeypatch.setattr(VGG16_Weights, "get_state_dict", fetched)
    config = replace(TINY, images=4, feature_weight=1e-5)
    train_folder(config, photos[0].parent, tmp_path / "run", workers=0, on_event=heard.append)
    assert heard[0] == DownloadNeeded("vgg16", "download.pytorch.org", 553)
    assert isinstance(heard[1], PhotosFound)
    assert asked[0] == (VGG16_Weights.IMAGENET1K_FEATURES, 1)


def test_the_hub_may_be_forbidden(bare, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(downloads, "urlopen", lambda *request, **options: pytest.fail("it was asked"))
    with pytest.raises(TrainingError, match=r"unet: .*\(HF_HUB_OFFLINE is set\); connect once"):
        train_folder(RECIPES["unet"], tmp_path, tmp_path / "run")


def test_the_names_are_those_of_the_libraries(monkeypatch):
    from segmentation_models_pytorch.encoders import encoders
    from torchvision.models import ResNet50_Weights, VGG16_Weights
    from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

    from colourise.models.networks.encoder_unet import EncoderUNet

    theirs = {
        "vgg16": VGG16_Weights.IMAGENET1K_FEATURES,
        "resnet50": ResNet50_Weights.IMAGENET1K_V1,
        "fpn": FasterRCNN_ResNet50_FPN_Weights.COCO_V1,
    }
    for name, (file, megabytes) in downloads.TORCHVISION.items():
        assert theirs[name].url == f"https://download.pytorch.org/models/{file}"
        assert megabytes == round(theirs[name].meta["_file_size"] * 2**20 / 1e6)
    assert encoders["resnet34"]["pretrained_settings"]["imagenet"]["repo_id"] == downloads.SEGMENTER
    assert inspect.signature(EncoderUNet).parameters["encoder"].default == downloads.ENCODER
    for place in ({"TORCH_HOME": "/a"}, {"XDG_CACHE_HOME": "/b"}, {}):
        for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, folder in place.items():
            monkeypatch.setenv(name, folder)
        assert downloads.torch_cache() == Path(torch.hub.get_dir(), "checkpoints")
