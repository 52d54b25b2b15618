"""How a generator learns: recipes, losses, the loop.

from colourise.training import RECIPES, train_folder
train_folder(RECIPES["vgg16"], Path("photos"), Path("runs/mine"), on_event=print)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colourise.lazy import lazily

if TYPE_CHECKING:
    from colourise.training.config import TrainConfig as TrainConfig
    from colourise.training.folder import train_folder as train_folder
    from colourise.training.loop import train as train
    from colourise.training.overrides import configure as configure
    from colourise.training.recipes import RECIPES as RECIPES

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "config": ("TrainConfig",),
        "folder": ("train_folder",),
        "loop": ("train",),
        "overrides": ("configure",),
        "recipes": ("RECIPES",),
    },
)
