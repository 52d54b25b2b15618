"""Photos in and out of files, with everything that goes along with the picture."""

from colourise.images.metadata import Edit, Metadata
from colourise.images.photo import EXTENSIONS, FORMATS, MAX_PIXELS, Photo, atomic, part_prefix, read, write

__all__ = [
    "EXTENSIONS",
    "FORMATS",
    "MAX_PIXELS",
    "Edit",
    "Metadata",
    "Photo",
    "atomic",
    "part_prefix",
    "read",
    "write",
]
