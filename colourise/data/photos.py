"""Find colour photos in a tree of folders and in webdataset shards, and read them."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from colourise import images
from colourise.data.shards import Member, find_shards, photos_in
from colourise.errors import PhotoError, TrainingError
from colourise.files.names import EXTENSIONS
from colourise.files.walk import walk
from colourise.images.pillow import to_8_bits
from colourise.lab.pictures import Pixels

Source = Path | Member


def find_photos(folder: Path) -> list[Source]:
    """Return every photo below a folder, including those in its webdataset shards (.tar), sorted.

    Hidden files, outputs of `colourise` and links to other files of the folder are left out. The folder may
    also be a shard or one photo.

    Raises:
        TrainingError: there is no such folder, no photo in it, or a shard is damaged.
    """
    if folder.is_file() and folder.suffix.lower() in EXTENSIONS:
        return [folder]
    photos: list[Source] = list(distinct(walk(folder, []))) if folder.is_dir() else []
    for shard in distinct(find_shards(folder)) if folder.is_dir() else [folder]:
        photos += photos_in(shard)
    if not photos:
        raise TrainingError(
            f"{folder}: no photos here; --data takes a folder of colour photos, or of .tar shards"
        )
    return photos


def distinct(files: Iterable[Path]) -> list[Path]:
    """Return files without those that are links to another one of them."""
    files = list(files)
    first: dict[Path, Path] = {}
    for file, place in zip(files, real_places(files), strict=True):
        first.setdefault(place, file)
    return list(first.values())


def real_places(photos: Sequence[Source]) -> list[Path]:
    """Resolve all links in the paths of photos; each folder once, as there may be a million photos."""
    real_folder = functools.cache(os.path.realpath)

    def real(photo: Source) -> Path:
        if isinstance(photo, Member):  # of which no disk knows
            return Path(real_folder(photo.shard), place_of(photo).relative_to(photo.shard))
        if photo.is_symlink():
            return Path(os.path.realpath(photo))
        return Path(real_folder(photo.parent), photo.name)

    return list(map(real, photos))


def place_of(photo: Source) -> Path:
    """Return the path of a photo for display; a shard counts as a folder, whatever its members are called."""
    return Path(f"{photo.shard}/{photo.name}") if isinstance(photo, Member) else photo


def class_of(photo: Source) -> str:
    """Return the class of a photo: its shard's label, else its folder's name; empty if it has none."""
    if isinstance(photo, Member):
        return photo.label or PurePosixPath(photo.name).parent.name
    return photo.parent.name


def read_rgb(photo: Source) -> Pixels:
    """Read a photo as (H, W, 3) uint8 sRGB.

    Raises:
        PhotoError: it cannot be read.
    """
    if isinstance(photo, Member):
        try:
            with photo.shard.open("rb") as stream:
                stream.seek(photo.start)
                pixels = to_8_bits(images.read(stream.read(photo.size)).pixels)
        except PhotoError as err:
            raise err.about(place_of(photo)) from err
        except OSError as err:
            raise PhotoError(str(err), path=place_of(photo)) from err
    else:
        pixels = to_8_bits(images.read(photo).pixels)
    return np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels
