"""What a paper shows: contact sheets of pictures, and histograms of a and b.

`Album` keeps the few photos that go onto the sheets while any number of them goes by.
"""

from __future__ import annotations

import heapq
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from colourise import images
from colourise.data.photos import place_of
from colourise.evaluation.events import ScoredPhoto
from colourise.evaluation.metrics import BINS, Scores
from colourise.lab.pictures import Pixels, lay_over

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = 8  # photos on the sheet of photos
EXTREMES = 4  # photos on each sheet of best and worst ones
PER_SHEET = 10  # photos on each of the sheets that show all of them
SEED = "0"  # which photos are shown
GAP = 4  # white pixels between pictures

BLACK = "#000000"
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
)  # Okabe and Ito's, all but yellow
STYLES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))  # as many as have no factor in common with COLOURS
LEAST = 1e-7  # the smallest share of pixels that the histograms show


def grey_of(picture: Pixels) -> Pixels:
    """A picture (H, W, 3) without its colour, at the same L."""
    return lay_over(picture, np.zeros((2, 1, 1), np.float32))


def contact_sheet(
    rows: Sequence[Sequence[Pixels]], *, captions: Sequence[str] = (), heading: str = "", columns: int = 1
) -> Pixels:
    """Pictures in rows on white, with words above them.

    Args:
        rows: say grey | model | truth of each photo; as many in each row, (H, W, 3) uint8 of one size.
        captions: what the pictures of a row are, one above each column.
        heading: one line above all.
        columns: rows that lie side by side.
    """
    height, width = rows[0][0].shape[:2]
    block = len(rows[0]) * (width + GAP) + 2 * GAP  # what a row takes of the width, with the gap after it
    font = sans(max(11, round(width / 15)))
    line = round(1.6 * font.size)
    top = line * (bool(heading) + bool(captions))
    down = -(-len(rows) // columns)
    sheet = np.full((top + down * (height + GAP) - GAP, columns * block - 3 * GAP, 3), 255, np.uint8)
    for place, row in enumerate(rows):
        y, x = top + place // columns * (height + GAP), place % columns * block
        for number, picture in enumerate(row):
            left = x + number * (width + GAP)
            sheet[y : y + height, left : left + width] = picture
    if not top:
        return sheet
    image = Image.fromarray(sheet)
    draw = ImageDraw.Draw(image)
    if heading:
        draw.text((GAP, line / 2), fitted(heading, font, image.width - 2 * GAP), BLACK, font, anchor="lm")
    for column, (number, caption) in itertools.product(range(columns), enumerate(captions)):
        middle = column * block + number * (width + GAP) + width / 2, top - line / 2
        draw.text(middle, fitted(caption, font, width), BLACK, font, anchor="mm")
    return np.asarray(image)


def sans(size: int) -> ImageFont.FreeTypeFont:
    """Matplotlib's font, for Pillow's own knows no letter beyond ASCII."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def fitted(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """One line of text, with its middle left out where it is wider than that many pixels."""
    text = " ".join(text.encode(errors="replace").decode().split())
    for kept in range(len(text), 0, -1):
        cut = text[: -(-kept // 2)] + "…" + text[len(text) - kept // 2 :]
        shown = text if kept == len(text) else cut
        if font.getlength(shown) <= width:
            return shown
    return ""


def short_names(models: Sequence[str]) -> dict[str, str]:
    """Names of models for captions: as few of the last parts of their paths as tell them apart."""
    parts = {model: Path(model).parts or (model,) for model in models}
    for count in range(1, max(map(len, parts.values()), default=0)):
        short = {model: "/".join(those[-count:]) for model, those in parts.items()}
        if len(set(short.values())) == len(models):
            return short
    return {model: model for model in models}


def caption_names(models: Sequence[str]) -> dict[str, str]:
    """Short names of models that stand beside the words "grey" and "truth"."""
    names = short_names(models)
    return {model: f"{name} (model)" if name in ("grey", "truth") else name for model, name in names.items()}


def file_names(names: Sequence[str]) -> list[str]:
    """Parts of file names, one for each name, no two of which are one file."""
    made: dict[str, str] = {}  # by what file systems that know no capitals tell apart
    for name in names:
        plain = re.sub(r"[^\w.-]+", "-", name)
        tries = itertools.chain([plain], (f"{plain}-{number}" for number in itertools.count(2)))
        free = next(one for one in tries if one.lower() not in made)
        made[free.lower()] = free
    return list(made.values())


@contextmanager
def contact_sheets(folder: Path, models: Sequence[str]) -> Iterator[Callable[[ScoredPhoto], None]]:
    """Give what `each` takes to put every photo on one of the numbered contact sheets in a folder."""
    kept: list[ScoredPhoto] = []
    numbers = itertools.count(1)

    def flush() -> None:
        write(sheet_of(kept, models), folder / f"sheet-{next(numbers):03d}.jpg")
        kept.clear()

    def keep(photo: ScoredPhoto) -> None:
        kept.append(photo)
        if len(kept) == PER_SHEET:
            flush()

    folder.mkdir(parents=True, exist_ok=True)
    yield keep
    if kept:
        flush()


class Album:
    """Keeps what the figures show: a few photos that a fixed seed chooses, and each model's best and worst.

    Args:
        models: whose pictures are shown.
    """

    def __init__(self, models: Sequence[str]) -> None:
        self.models = models
        self.chosen: list[ScoredPhoto] = []
        self.best: dict[str, list[ScoredPhoto]] = {model: [] for model in models}
        self.worst: dict[str, list[ScoredPhoto]] = {model: [] for model in models}

    def add(self, photo: ScoredPhoto) -> None:
        """Look at one photo, and keep it if it belongs to those that are shown."""

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
            folder: made if need be; what is there is written over.
            scores: of each model.
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


def sheet_of(photos: Sequence[ScoredPhoto], models: Sequence[str]) -> Pixels:
    """Grey | every model | truth of photos, as wide as looks well."""
    rows = [[grey_of(one.truth), *(one.predicted[model] for model in models), one.truth] for one in photos]
    names = caption_names(models)
    captions = ["grey", *(names[model] for model in models), "truth"]
    return contact_sheet(rows, captions=captions, columns=max(1, min(len(rows), 6 // len(captions))))


def ranked(photos: Sequence[ScoredPhoto], model: str, name: str) -> Pixels:
    """Grey | model | truth of photos one below the other, each with its file's name and its delta E."""
    sheets = []
    for one in photos:
        error = one.measures[model]["delta_e"]
        row = [grey_of(one.truth), one.predicted[model], one.truth]
        captions = (place_of(one.source).name, f"{name}, ΔE {error:.1f}", "truth")
        sheets.append(contact_sheet([row], captions=captions))
    return np.vstack(sheets)


def histograms(scores: Mapping[str, Scores]) -> Figure:
    """Shares of pixels with each a and each b, on a log scale: a line for every model and for the truth.

    As wide as the text of a page, 7 inches, with letters of 8 and 9 points; in colours that colour-blind
    people can tell apart, and line styles for print without colour.
    """
    from matplotlib.figure import Figure  # pyplot would choose a backend for the whole process

    shares = {name: one.shares() for name, one in scores.items()}  # (prediction or truth, a or b, bin)
    truth = next(iter(shares.values()))[1]
    lines = [truth, *(both[0] for both in shares.values())]
    seen = np.flatnonzero((np.array(lines) >= LEAST).any((0, 1)))  # bins

    figure = Figure(figsize=(7, 2.9), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    middles = BINS[:-1] + 0.5
    for channel, axes in enumerate(panels):
        axes.fill_between(middles, truth[channel], color="#e4e4e4")
        drawn = axes.plot(middles, truth[channel], color=BLACK, linewidth=1.8)
        looks = zip(itertools.cycle(COLOURS), itertools.cycle(STYLES), strict=False)
        for (colour, style), both in zip(looks, shares.values(), strict=False):
            drawn += axes.plot(middles, both[0, channel], color=colour, linestyle=style, linewidth=1.3)
        axes.set_yscale("log")
        axes.set_xlim(BINS[seen[0]] - 2, BINS[seen[-1] + 1] + 2)
        axes.set_xlabel("ab"[channel], fontsize=9, style="italic")
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(bottom=LEAST)
    panels[0].set_ylabel("share of pixels", fontsize=9)
    legend = figure.legend(
        drawn,
        ["truth", *shares],
        loc="outside upper center",
        ncols=4,
        frameon=False,
        fontsize=8,
        handlelength=3,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name may have dollars in it
    return figure


def write(sheet: Pixels, target: Path) -> None:
    """Write a contact sheet over whatever is there."""
    images.write(images.Photo(sheet, None, "PNG"), target, overwrite=True)
