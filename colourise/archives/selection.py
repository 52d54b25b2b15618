"""Which photos of the folders are meant."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Selection:
    """Which photos of the folders are meant; a file that the user named always is."""

    include: tuple[str, ...] = ()
    """Shell patterns of names, or of paths below the folder where they have a slash; none: all photos."""
    exclude: tuple[str, ...] = ()
    """The same, of what is left out."""
    since: float | None = None
    """Only photos changed since, in seconds since 1970."""
    follow: bool = False
    """Whether folders that are symbolic links are walked, each once."""
    shard: tuple[int, int] | None = None
    """(i, n): the i-th of n parts of all photos, from 1."""

    def takes(self, key: bytes, changed: int | None) -> bool:
        """Whether a photo is meant, by `PhotoJob.key` and its time in nanoseconds, if that is known."""
        place = os.fsdecode(key)
        if self.include and not any(fits(place, pattern) for pattern in self.include):
            return False
        if any(fits(place, pattern) for pattern in self.exclude):
            return False
        if self.since is not None and changed is not None and changed < self.since * 1e9:
            return False
        if self.shard is None:
            return True
        part, parts = self.shard
        return int.from_bytes(sha256(key).digest()[:8], "big") % parts == part - 1


def fits(place: str, pattern: str) -> bool:
    """Whether a path fits a shell pattern, which is of the name alone unless it has a slash."""
    return fnmatch.fnmatchcase(place if "/" in pattern else place.rpartition("/")[2], pattern)
