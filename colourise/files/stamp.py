"""Size and time of a file, which show without reading it whether it has changed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True)
class Stamp:
    """Size and time of a file: if they differ, it has changed."""

    size: int
    """Bytes."""
    changed: int
    """Modification time in nanoseconds."""

    @classmethod
    def of(cls, file: str | os.PathLike[str]) -> Self | None:
        """Look at a file on a disk; None if it is not there."""
        try:
            found = os.stat(file)
        except OSError:
            return None
        return cls(found.st_size, found.st_mtime_ns)
