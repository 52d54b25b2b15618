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
from colourise.files.atomic import atomic
from colourise.files.containment import own_file

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
        Raises:
            ColouriseError: one of the files is a link.
        """
        files = self.files(folder)
        folder.mkdir(parents=True, exist_ok=True)
        names = caption_names(self.models)
        write(sheet_of(self.chosen, self.models), files["photos"])
        figure = histograms({names[model]: scores[model] for model in self.models})
        for suffix in ("svg", "png"):
            with atomic(files[suffix]) as file:
                figure.savefig(file, format=suffix, dpi=300)
        for model, name in names.items():
            for kind, photos in (("best", self.best[model]), ("worst", self.worst[model])):
                write(ranked(photos, model, name), files[f"{kind} {model}"])

    def files(self, folder: Path) -> dict[str, Path]:
        """Return the file of each figure: "photos", "svg", "png", and "best MODEL" and "worst MODEL".

        Raises:
            ColouriseError: one is a link.
        """
        names = {"photos": "photos.png", "svg": "histograms.svg", "png": "histograms.png"}
        plain_names = file_names(list(short_names(self.models).values()))
        for model, plain in zip(self.models, plain_names, strict=True):
            names |= {f"{kind} {model}": f"{kind}-{plain}.png" for kind in ("best", "worst")}
        return {figure: own_file(folder, name) for figure, name in names.items()}
