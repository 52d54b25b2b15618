"""Colours black-and-white photos, archives and films: a network predicts CIE Lab's ab from L.

    from colourise import colour_photo, load_model
    colour_photo("photo.jpg")  # writes photo.colourised.jpg beside it
    coloured = load_model()(picture)  # a NumPy array or a Pillow image

docs/python.md has more. Everything is imported when it is first used, so that the command line starts fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colourise.lazy import lazily
from colourise.version import __version__ as __version__

if TYPE_CHECKING:
    from colourise.api import (
        available_models as available_models,
        colour_film as colour_film,
        colour_folder as colour_folder,
        colour_photo as colour_photo,
        read as read,
        write as write,
    )
    from colourise.colouriser import Colouriser as Colouriser, load_model as load_model
    from colourise.errors import ColouriseError as ColouriseError
    from colourise.images.photo import Photo as Photo

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "api": ("available_models", "colour_film", "colour_folder", "colour_photo", "read", "write"),
        "colouriser": ("Colouriser", "load_model"),
        "errors": ("ColouriseError",),
        "images.photo": ("Photo",),
    },
)
