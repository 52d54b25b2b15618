"""What a paper shows: photos, histograms of a and b, and each model's best and worst photos.

`Album` keeps the few photos that go onto the sheets while any number of them goes by.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from colourise.data.photos import place_of
from colourise.evaluation.captions import caption_names, file_names, short_names
from colourise.evaluation.contact_sheets import ranked, sheet_of, write
from colourise.evaluation.events import ScoredPhoto
from colourise.evaluation.histograms import histograms
from colourise.evaluation.metrics import Scores

SHOWN = 8  # photos on the sheet of photos
EXTREMES = 4  # photos on each sheet of best and worst ones
SEED = "0"  # which photos are shown


class Album:
    """Keeps the photos for the figures: a few that a fixed seed chooses, and each model's best and worst.

    Args:
        models: names of the models that the figures show.
    """

    def __init__(self, models: Sequence[str]) -> None:
        self.models = models
        self.chosen: list[ScoredPhoto] = []
        self.best: dict[str, list[ScoredPhoto]] = {model: [] for model in models}
        self.worst: dict[str, list[ScoredPhoto]] = {model: [] for model in models}

    def add(self, photo: ScoredPhoto) -> None:
        """Take a photo, and keep it if it belongs on the figures so far."""

        def chance(one: ScoredPhoto) -> bytes:
            return sha256(f"{SEED} {place_of(one.source).name}".encode(errors="replace")).digest()

        self.chosen = heapq.nsmallest(SHOWN, [*self.chosen, photo], chance)
        for model in self.models:

            def error(one: ScoredPhoto, model: str = model) -> float:
                return one.measures[model]["delta_e"]

            self.best[model] = heapq.nsmallest(EXTREMES, [*self.best[model], photo], error)
            self.worst[model] = heapq.nlargest(EXTREMES, [*self.worst[model], photo], error)

    def write(self, folder: Path, scores: Mapping[str, Scores]) -> None:
        """Write photos.png, histograms.svg and .png, and best-MODEL.png and worst-MODEL.png, into a folder.

        Args:
            folder: made if need be; earlier figures are overwritten.
            scores: by model.
        """
        folder.mkdir(parents=True, exist_ok=True)
        names = caption_names(self.models)
        write(sheet_of(self.chosen, self.models), folder / "photos.png")
        figure = histograms({names[model]: scores[model] for model in self.models})
        for suffix in ("svg", "png"):
            figure.savefig(folder / f"histograms.{suffix}", dpi=300)
        plain_names = file_names(list(short_names(self.models).values()))
        for (model, name), plain in zip(names.items(), plain_names, strict=True):
            for kind, photos in (("best", self.best[model]), ("worst", self.worst[model])):
                write(ranked(photos, model, name), folder / f"{kind}-{plain}.png")
