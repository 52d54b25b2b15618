"""Read and write photos, with the metadata and the alpha channel that belong to the picture.

photo.py has `read` and `write`. They ask decode.py and encode.py, which hand a file to the module of its
format: pillow.py, png16.py, jpeg2000.py or tiff.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from colourise.lazy import lazily

if TYPE_CHECKING:
    from colourise.images.limits import MAX_PIXELS as MAX_PIXELS
    from colourise.images.metadata import Edit as Edit, Metadata as Metadata
    from colourise.images.photo import Photo as Photo, read as read, write as write

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {"limits": ("MAX_PIXELS",), "metadata": ("Edit", "Metadata"), "photo": ("Photo", "read", "write")},
)
