"""What a command has left behind."""

from pathlib import Path

import numpy as np


def files_below(folder: Path) -> list[str]:
    """All but what a run remembers itself by."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".colourise."))
    return sorted(str(path.relative_to(folder)) for path in files)


def spread(rgb: np.ndarray) -> int:
    """How far R, G and B lie apart, 0 for grey."""
    return int((rgb.max(2).astype(int) - rgb.min(2)).max())
