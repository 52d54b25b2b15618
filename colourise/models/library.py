"""List the models, and fetch them from and publish them on the Hugging Face Hub: `colourise weights`.

Importing this module needs the standard library alone.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from colourise.errors import ModelError
from colourise.models.card import Card, model_card
from colourise.models.catalogue import MODELS
from colourise.models.checkpoints import (
    CARD,
    Checkpoint,
    beside,
    find,
    from_hub,
    local_or_shipped,
    open_local,
    place_on_hub,
    shipped_stem,
)

COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class ModelListing:
    """A line of `colourise weights`."""

    name: str
    """What `--model` takes: a name in `MODELS`, or OWNER/REPO[@COMMIT]."""
    where: Literal["shipped", "cached", "on the Hub"]
    """The nearest place that has it."""
    card: Card | None
    """Its card; None while it is only on the Hub."""
    size: int | None
    """Bytes of its files that are on this machine; None while it is only on the Hub."""


def available_models() -> list[str]:
    """Return the names that `load_model` and `--model` take: shipped, cached and on the Hub."""
    return [listing.name for listing in list_models()]


def list_models() -> list[ModelListing]:
    """Return the models that `--model` takes by name: shipped, in the Hub client's cache, or on the Hub.

    Repositories that were pulled without being in `MODELS` are listed too. Asks no network.
    """
    cached = _cached()
    rows = []
    for name, row in MODELS.items():
        stem = shipped_stem(name)
        copy = cached.pop(f"{row.repository}@{row.revision}", None)
        if stem is not None:
            rows.append(_listing(name, "shipped", beside(stem, ".json")))
        elif copy is not None:
            rows.append(replace(copy, name=name))
        elif row.repository:
            rows.append(ModelListing(name, "on the Hub", None, None))
    return rows + sorted(cached.values(), key=lambda row: row.name)


def pull(model: str, *, progress: bool = True) -> Checkpoint:
    """Download every file of a named model or of OWNER/REPO[@REVISION], and return the checkpoint.

    A branch is updated: from then on `find` uses its newest commit.

    Raises:
        ModelError: if there is no such model, or a file is not what the card says.
        HubError: if the Hub refuses, or cannot be reached.
    """
    stem = local_or_shipped(model)
    if stem is not None:
        return open_local(beside(stem, ".json"), "all")
    from colourise.models import hub

    row = place_on_hub(model)
    if COMMIT.fullmatch(row.revision):
        return from_hub(row, "all", progress=progress)
    commit = hub.commit(row.repository, CARD, row.revision)
    checkpoint = from_hub(replace(row, revision=commit), "all", progress=progress)
    hub.download(row.repository, CARD, row.revision, refresh=True)  # once all is here, the branch moves on
    return checkpoint


def push(repository: str, run: str | Path, *, private: bool = False) -> str:
    """Upload a checkpoint, with its card as a model card, in one commit, and return the repository's URL.

    Args:
        repository: OWNER/REPO; made if it is not there yet.
        run: What `find` takes, such as a run's folder.
        private: Whether a new repository is private.

    Raises:
        ModelError: if the checkpoint is not whole.
        HubError: if the Hub refuses, or cannot be reached.
    """
    from colourise.models import hub

    checkpoint = find(run, need="all")
    card = checkpoint.card
    files: dict[str, Path | bytes] = {
        "README.md": model_card(card, repository).encode(),
        CARD: card.to_json().encode(),
    }
    for file in (checkpoint.weights, checkpoint.onnx):
        if file is not None:
            files[f"model{file.suffix}"] = file
    return hub.upload(repository, files, f"Upload {card.name}", private=private)


def _cached() -> dict[str, ModelListing]:
    """Return the checkpoints in the Hub client's cache, by OWNER/REPO@COMMIT."""
    from colourise.models import hub

    rows = {}
    for repository, commit, refs, folder in hub.cached():
        source = f"{repository}@{commit}"
        with contextlib.suppress(ModelError):  # somebody else's repository
            row = _listing(repository if "main" in refs else source, "cached", folder / CARD)
            if row.size:  # not the card alone
                rows[source] = row
    return rows


def _listing(name: str, where: Literal["shipped", "cached"], path: Path) -> ModelListing:
    """Return the line of a checkpoint on this machine, by its card's path."""
    card = Card.read(path)
    files = (beside(path.with_suffix(""), suffix) for suffix in card.sha256)
    return ModelListing(name, where, card, sum(file.stat().st_size for file in files if file.is_file()))
