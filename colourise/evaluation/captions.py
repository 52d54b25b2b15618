"""Short names of models, for tables, captions and files."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path


def short_names(models: Sequence[str]) -> dict[str, str]:
    """Shorten names of models to as few of the last parts of their paths as tell them apart."""
    parts = {model: Path(model).parts or (model,) for model in models}
    for count in range(1, max(map(len, parts.values()), default=0)):
        short = {model: "/".join(own[-count:]) for model, own in parts.items()}
        if len(set(short.values())) == len(models):
            return short
    return {model: model for model in models}


def caption_names(models: Sequence[str]) -> dict[str, str]:
    """Shorten names of models that stand beside the words "grey" and "truth"."""
    names = short_names(models)
    return {model: f"{name} (model)" if name in ("grey", "truth") else name for model, name in names.items()}


def file_names(names: Sequence[str]) -> list[str]:
    """Return a part of a file name for each name, so that no two of them mean the same file."""
    taken: dict[str, str] = {}  # by their small letters, as some file systems ignore case
    for name in names:
        plain = re.sub(r"[^\w.-]+", "-", name)
        tries = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
        free = next(candidate for candidate in tries if candidate.lower() not in taken)
        taken[free.lower()] = free
    return list(taken.values())
