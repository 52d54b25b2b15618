"""Read and write photos, with the metadata and the alpha channel that belong to the picture.

photo.py has `read` and `write`. They ask decode.py and encode.py, which hand a file to the module of its
format: pillow.py, png16.py, jpeg2000.py or tiff.py.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from colourise.images.limits import MAX_PIXELS as MAX_PIXELS
    from colourise.images.metadata import Edit as Edit, Metadata as Metadata
    from colourise.images.photo import Photo as Photo, read as read, write as write

_HOMES = {"MAX_PIXELS": "limits", "Edit": "metadata", "Metadata": "metadata"}

__all__ = ["MAX_PIXELS", "Edit", "Metadata", "Photo", "read", "write"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'photo')}"), name)
