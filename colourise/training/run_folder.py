"""The files of a run folder: `resume.pt` and `metrics.csv`; and means of losses.

All of it survives a kill: `resume.pt` is the old one or the new one, and rows that a killed run wrote beyond
its last save are dropped when it goes on. When a run is done, its card alone says what it was.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from colourise.errors import TrainingError
from colourise.files.atomic import atomic
from colourise.files.containment import own_file
from colourise.models.card import Card


class Means:
    """Means of named numbers since they were taken last."""

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}
        self.count = 0

    def add(self, numbers: dict[str, float]) -> None:
        """Add one value of each."""
        self.count += 1
        for name, number in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + number

    def take(self) -> dict[str, float]:
        """Return the mean of each, and start again."""
        means = {name: total / self.count for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        return means


def save_resume(run: Path, state: dict[str, Any]) -> None:
    """Write `resume.pt`; a kill leaves the old one or the new one."""
    import torch

    with atomic(run / "resume.pt") as file:
        torch.save(state, file)


def load_resume(run: Path, config: dict[str, Any], photos: str) -> dict[str, Any] | None:
    """Return the state that a stopped run left, or None; `photos` is the hash of their names.

    Raises:
        TrainingError: the run had other settings or other photos.
    """
    import torch

    file = run / "resume.pt"
    if not file.exists():
        return None
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    check_same(run, state["config"], config, state["photos"] == photos)
    return state


def is_finished(run: Path, config: dict[str, Any], photos: str) -> bool:
    """Return whether a run folder has a model that is done, and nothing to go on with.

    Raises:
        TrainingError: it was trained with other settings or on other photos, and would be overwritten.
        ModelError: the card of the model cannot be read.
    """
    file = run / f"{run.name}.json"
    if not file.exists() or (run / "resume.pt").exists():
        return False
    recipe = Card.read(file).recipe
    if recipe.get("images_seen", 0) < config["images"] // config["batch"] * config["batch"]:
        return False  # killed at its first save, between the model and resume.pt
    check_same(run, recipe, config, recipe.get("photos_sha256", photos) == photos)
    return True


def check_same(run: Path, kept: dict[str, Any], config: dict[str, Any], same_photos: bool) -> None:
    """Refuse to go on with other settings, or on other photos, than a run was started with.

    Raises:
        TrainingError: naming the settings.
    """
    kept, config = json.loads(json.dumps(kept)), json.loads(json.dumps(config))  # a card has lists for tuples
    odd = [name for name in config if kept.get(name) != config[name]]
    if odd:
        raise TrainingError(
            f"{run}: was started with another {', '.join(odd)}; give the same settings, or another run folder"
        )
    if not same_photos:
        raise TrainingError(
            f"{run}: was started on other photos; give the same --data, or another run folder"
        )


def check_no_links(run: Path) -> None:
    """Refuse a run folder that others can write to and where a link has the name of a file of ours.

    Raises:
        ColouriseError: with the link.
    """
    ours = {"resume.pt", "metrics.csv", "tensorboard", f"{run.name}.safetensors", f"{run.name}.json"}
    for file in run.iterdir():
        if file.name in ours or file.match("preview-*.jpg"):
            own_file(run, file.name)
    for file in (run / "tensorboard").glob("*"):
        own_file(file.parent, file.name)


def write_row(file: Path, row: dict[str, float]) -> None:
    """Append a row to a CSV file in its columns, or start the file with a header."""
    columns = list(row)
    if file.exists():
        with file.open(newline="") as stream:
            columns = next(csv.reader(stream), columns)
    new = not file.exists()
    with file.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        if new:
            writer.writeheader()
        writer.writerow(row)


def rewind(file: Path, step: int) -> None:
    """Drop the rows of a CSV file after a step, because they will be written again."""
    if file.exists():
        header, *rows = file.read_text().splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.endswith("\n") and int(row.partition(",")[0]) <= step]
        if kept:
            file.write_text("".join([header, *kept]))
        else:
            file.unlink()  # with its header, which may be of other losses
