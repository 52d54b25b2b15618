"""Colours black-and-white photos: a U-Net predicts CIE Lab's ab from L.

    from colourise import load_model
    colouriser = load_model()
    [coloured] = colouriser([pixels])  # (H, W) or (H, W, 3), uint8 or uint16

Everything is imported when it is first used, so that the command line starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from colourise.version import __version__

if TYPE_CHECKING:
    from colourise.colouriser import Colouriser, load_model
    from colourise.errors import ColouriseError
    from colourise.models.library import available_models

__all__ = ["ColouriseError", "Colouriser", "__version__", "available_models", "load_model"]

_HOMES = {
    "ColouriseError": ("colourise.errors", "ColouriseError"),
    "Colouriser": ("colourise.colouriser", "Colouriser"),
    "available_models": ("colourise.models.library", "available_models"),
    "load_model": ("colourise.colouriser", "load_model"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'colourise' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(import_module(module), attribute)
