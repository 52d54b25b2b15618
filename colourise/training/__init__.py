"""How a generator learns: recipes, losses, the loop.

from colourise.training import RECIPES, train_folder
train_folder(RECIPES["vgg16"], Path("photos"), Path("runs/mine"), on_event=print)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colourise.training.config import TrainConfig
    from colourise.training.folder import train_folder
    from colourise.training.loop import train
    from colourise.training.overrides import configure
    from colourise.training.recipes import RECIPES

__all__ = ["RECIPES", "TrainConfig", "configure", "train", "train_folder"]

_HOMES = {
    "RECIPES": "recipes",
    "TrainConfig": "config",
    "configure": "overrides",
    "train": "loop",
    "train_folder": "folder",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
