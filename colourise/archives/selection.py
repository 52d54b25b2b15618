"""Which photos below folders are selected."""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True)
class Selection:
    """Which photos below folders are selected; a file that the user named always is."""

    include: tuple[str, ...] = ()
    """Shell patterns for names, or, with a slash, for paths below the folder; empty: all photos."""
    exclude: tuple[str, ...] = ()
    """Patterns of the same kind for photos to leave out."""
    since: float | None = None
    """Only photos changed since this time, in seconds since 1970."""
    follow: bool = False
    """Whether symbolic links to folders are followed, each folder once."""
    shard: tuple[int, int] | None = None
    """(i, n): only the i-th of n parts of all photos, counted from 1."""

    def takes(self, key: bytes, changed: int | None) -> bool:
        """Tell whether a photo is selected.

        Args:
            key: its `PhotoJob.key`.
            changed: its modification time in nanoseconds, if known.
        """
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
    """Tell whether a path fits a shell pattern; without a slash, the pattern is for the name alone."""
    return fnmatch.fnmatchcase(place if "/" in pattern else place.rpartition("/")[2], pattern)
