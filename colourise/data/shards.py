"""Webdataset shards: tar files of photos, read where they lie."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from pathlib import Path

from colourise.errors import TrainingError
from colourise.files.names import EXTENSIONS, is_ours


@dataclass(frozen=True)
class Member:
    """A photo inside a webdataset shard."""

    shard: Path
    """The .tar file."""
    name: str
    """Its name in there."""
    start: int
    """Where its bytes begin, from the beginning of the shard."""
    size: int
    """How many bytes it has."""
    label: str
    """What the shard's .cls file says of its class; empty: nothing."""


def find_shards(folder: Path) -> list[Path]:
    """Every .tar file below a folder that is not hidden, sorted."""
    return [
        path
        for path in sorted(folder.rglob("*.tar"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def photos_in(shard: Path) -> list[Member]:
    """The photos of a webdataset shard, in its order.

    Raises:
        TrainingError: it is not there, no whole tar file, or has links in place of photos.
    """
    photos: list[tarfile.TarInfo] = []
    labels: dict[str, str] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for info in tar:
                key, kind = key_and_kind(info.name)
                if kind == "cls" and (file := tar.extractfile(info)):
                    labels[key] = file.read().decode().strip()
                path = Path(info.name)
                if path.suffix.lower() in EXTENSIONS and not is_ours(path) and path.name[0] != ".":
                    photos += [info] * (not info.isdir())
    except (OSError, KeyError, tarfile.TarError, UnicodeDecodeError) as err:
        raise TrainingError(f"{shard}: no photos here, and no whole tar file of them ({err})") from err
    for info in photos:
        if not info.isfile() or info.issparse():
            raise TrainingError(
                f"{shard}/{info.name}: a link or a sparse file, not a photo; pack the shard with "
                "tar --dereference --hard-dereference, without --sparse"
            )
    return [
        Member(shard, info.name, info.offset_data, info.size, labels.get(key_and_kind(info.name)[0], ""))
        for info in photos
    ]


def key_and_kind(name: str) -> tuple[str, str]:
    """Key and kind of a file in a shard, which webdataset parts at the first dot of the base name."""
    folder, slash, base = name.rpartition("/")
    stem, _, kind = base.partition(".")
    return folder + slash + stem, kind
