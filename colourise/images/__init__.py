"""Photos in and out of files, with everything that goes along with the picture."""

from colourise.images.metadata import Edit, Metadata
from colourise.images.photo import MAX_PIXELS, Photo, read, write

__all__ = ["MAX_PIXELS", "Edit", "Metadata", "Photo", "read", "write"]
