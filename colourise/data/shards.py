"""Find photos inside webdataset shards (tar files), which are read without unpacking."""

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
    """Its name in the shard."""
    start: int
    """Offset of its first byte in the shard."""
    size: int
    """Size in bytes."""
    label: str
    """Its class according to the shard's .cls file; empty if there is none."""


def find_shards(folder: Path) -> list[Path]:
    """Return every .tar file below a folder that is not hidden, sorted."""
    return [
        path
        for path in sorted(folder.rglob("*.tar"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def photos_in(shard: Path) -> list[Member]:
    """Return the photos of a webdataset shard, in its order.

    Raises:
        TrainingError: it is missing, is not a whole tar file, or has links in place of photos.
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
    """Split a file name in a shard into key and kind, as webdataset does: at the base name's first dot."""
    folder, slash, base = name.rpartition("/")
    stem, _, kind = base.partition(".")
    return folder + slash + stem, kind
