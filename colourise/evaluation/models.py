"""Models to compare: by name or path, as instances, or as functions that load one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from colourise.colouriser import Model

StrPath = str | os.PathLike[str]
Models = StrPath | Sequence[StrPath] | Mapping[str, Model]


def by_name(models: Models) -> Mapping[str, Model]:
    """Return the models by name.

    Raises:
        ValueError: there is no model.
    """
    if isinstance(models, str | os.PathLike):
        models = [models]
    if not models:
        raise ValueError("there is no model to compare")
    return models if isinstance(models, Mapping) else {str(model): model for model in models}
