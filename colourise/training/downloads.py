"""The pretrained networks that a run looks through or starts from, and which of them must be downloaded.

Nothing here imports PyTorch, which takes seconds: a machine without a connection is told at once, and before
thousands of photos are looked through.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from colourise.errors import TrainingError
from colourise.models.networks.registry import GENERATORS, TRANSFORMER
from colourise.training.config import TrainConfig
from colourise.training.recipes import RECIPES

PATIENCE = 5.0  # seconds in which a server has to answer
TORCHVISION = {  # loss networks: the file in torchvision's cache, and its size in MB
    "vgg16": ("vgg16_features-amdegroot-88682ab5.pth", 553),
    "resnet50": ("resnet50-0676ba61.pth", 103),
    "fpn": ("fasterrcnn_resnet50_fpn_coco-258fb6c6.pth", 168),
}
SEGMENTER = "smp-hub/resnet34.imagenet"  # the Hub's repository of the loss network "unet"
ENCODER = "tf_efficientnet_lite0"  # of `encoder_unet`, unless a recipe names another


@dataclass(frozen=True)
class Download:
    """Weights that a run needs and this machine has not."""

    name: str
    """The network, such as "vgg16"."""
    url: str
    """The file, or the Hub's page that it belongs to."""
    megabytes: int | None
    """Its size, if that is known."""
    is_encoder: bool
    """Whether the generator starts from it; otherwise a loss looks through it."""

    @property
    def host(self) -> str:
        """Return the server's name."""
        return urlsplit(self.url).hostname or self.url


def missing(config: TrainConfig, *, encoder: bool = True) -> list[Download]:
    """Return the weights that a run needs and that are in no cache.

    Args:
        config: what to learn.
        encoder: whether the generator's encoder starts from ImageNet weights that timm downloads.
    """
    return list(_missing(config, encoder=encoder))


def _missing(config: TrainConfig, *, encoder: bool) -> Iterator[Download]:
    if config.feature_weight:
        network = config.loss_network
        if network in TORCHVISION:
            file, megabytes = TORCHVISION[network]
            if not (torch_cache() / file).exists():
                yield Download(network, f"https://download.pytorch.org/models/{file}", megabytes, False)
        elif not on_hub_cache(SEGMENTER):
            yield Download(network, hub_page(SEGMENTER), 85, False)
    row = GENERATORS[config.architecture]
    if encoder and row.encoder:
        name = TRANSFORMER if row.grows_from else config.arguments.get("encoder", ENCODER)
        tag = "" if "." in name else ".*"
        if not on_hub_cache(f"timm/{name}{tag}"):
            yield Download(name, hub_page(f"timm/{name}"), None, True)


def check_connection(download: Download) -> None:
    """Ask a download's server for its first answer.

    Raises:
        TrainingError: it cannot be reached; names the recipes that need no download.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE and "download.pytorch.org" not in download.url:
        refuse(download, "HF_HUB_OFFLINE is set")
    try:
        urlopen(Request(download.url, method="HEAD"), timeout=PATIENCE).close()  # noqa: S310  # https, or the user's
    except HTTPError:
        pass  # it answers; what else may be wrong, the library that downloads will say
    except (OSError, ValueError) as err:
        refuse(download, str(getattr(err, "reason", err)).rpartition("] ")[2])


def refuse(download: Download, reason: str) -> NoReturn:
    """Say that weights cannot be downloaded, and how to train without."""
    ready = [name for name, config in RECIPES.items() if not missing(config)]
    ways = ["connect once", f"choose a recipe that needs no download ({', '.join(ready)})"]
    if download.is_encoder:
        ways.insert(1, "give --encoder-weights or --from")
    raise TrainingError(
        f"{download.name}: its weights are not on this machine, and {download.host} cannot be reached "
        f"({reason}); {', or '.join(ways)}"
    )


def torch_cache() -> Path:
    """Return the folder that torchvision keeps weights in, as `torch.hub.get_dir` finds it."""
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return Path(os.environ.get("TORCH_HOME", f"{caches}/torch"), "hub", "checkpoints").expanduser()


def on_hub_cache(repository: str) -> bool:
    """Return whether the Hub's cache has weights of a repository, which may end in an asterisk."""
    from huggingface_hub import constants

    folder = f"models--{repository.replace('/', '--')}"
    found = Path(constants.HF_HUB_CACHE).glob(f"{folder}/snapshots/*/*")
    return any(file.suffix in (".safetensors", ".bin") and file.exists() for file in found)


def hub_page(repository: str) -> str:
    """Return the address of a repository's page on the Hub."""
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{repository}"
