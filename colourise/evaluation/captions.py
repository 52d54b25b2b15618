"""Short names of models, for tables, captions and files."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from pathlib import Path


def short_names(models: Sequence[str]) -> dict[str, str]:
    """Names of models for captions: as few of the last parts of their paths as tell them apart."""
    parts = {model: Path(model).parts or (model,) for model in models}
    for count in range(1, max(map(len, parts.values()), default=0)):
        short = {model: "/".join(own[-count:]) for model, own in parts.items()}
        if len(set(short.values())) == len(models):
            return short
    return {model: model for model in models}


def caption_names(models: Sequence[str]) -> dict[str, str]:
    """Short names of models that stand beside the words "grey" and "truth"."""
    names = short_names(models)
    return {model: f"{name} (model)" if name in ("grey", "truth") else name for model, name in names.items()}


def file_names(names: Sequence[str]) -> list[str]:
    """Parts of file names, one for each name, no two of which are one file."""
    taken: dict[str, str] = {}  # by what file systems that know no capitals tell apart
    for name in names:
        plain = re.sub(r"[^\w.-]+", "-", name)
        tries = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
        free = next(candidate for candidate in tries if candidate.lower() not in taken)
        taken[free.lower()] = free
    return list(taken.values())
