"""Contact sheets: pictures in rows on white, with words above them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from colourise import images
from colourise.data.photos import place_of
from colourise.evaluation.captions import caption_names
from colourise.evaluation.events import ScoredPhoto
from colourise.files.containment import own_file
from colourise.lab.pictures import Pixels, lay_over

PER_SHEET = 10  # photos on each of the sheets that show all of them
GAP = 4  # white pixels between pictures
BLACK = "#000000"


def grey_of(picture: Pixels) -> Pixels:
    """Return a picture (H, W, 3) without its colours, at the same L."""
    return lay_over(picture, np.zeros((2, 1, 1), np.float32))


def contact_sheet(
    rows: Sequence[Sequence[Pixels]], *, captions: Sequence[str] = (), heading: str = "", columns: int = 1
) -> Pixels:
    """Lay out pictures in rows on white, with words above them.

    Args:
        rows: for example grey | model | truth of each photo. All rows have the same number of pictures, all
            pictures are (H, W, 3) uint8 of one size.
        captions: one above each column.
        heading: one line at the top.
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
    """Return Matplotlib's font, because Pillow's own has no letters beyond ASCII."""
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def fitted(text: str, font: ImageFont.FreeTypeFont, width: float) -> str:
    """Return a text on one line, without its middle if it is wider than `width` pixels."""
    text = " ".join(text.encode(errors="replace").decode().split())
    for kept in range(len(text), 0, -1):
        cut = text[: -(-kept // 2)] + "…" + text[len(text) - kept // 2 :]
        shown = text if kept == len(text) else cut
        if font.getlength(shown) <= width:
            return shown
    return ""


@contextmanager
def contact_sheets(folder: Path, models: Sequence[str]) -> Iterator[Callable[[ScoredPhoto], None]]:
    """Yield a function that puts a photo on one of the numbered contact sheets in a folder."""
    kept: list[ScoredPhoto] = []
    numbers = itertools.count(1)

    def flush() -> None:
        write(sheet_of(kept, models), own_file(folder, f"sheet-{next(numbers):03d}.jpg"))
        kept.clear()

    def keep(photo: ScoredPhoto) -> None:
        kept.append(photo)
        if len(kept) == PER_SHEET:
            flush()

    folder.mkdir(parents=True, exist_ok=True)
    yield keep
    if kept:
        flush()


def sheet_of(photos: Sequence[ScoredPhoto], models: Sequence[str]) -> Pixels:
    """Return a sheet with grey | every model | truth of photos, in as many columns as look well."""
    rows = [[grey_of(one.truth), *(one.predicted[model] for model in models), one.truth] for one in photos]
    names = caption_names(models)
    captions = ["grey", *(names[model] for model in models), "truth"]
    return contact_sheet(rows, captions=captions, columns=max(1, min(len(rows), 6 // len(captions))))


def ranked(photos: Sequence[ScoredPhoto], model: str, name: str) -> Pixels:
    """Return grey | model | truth of photos one below the other, each with its file name and delta E."""
    sheets = []
    for one in photos:
        error = one.measures[model]["delta_e"]
        row = [grey_of(one.truth), one.predicted[model], one.truth]
        captions = (place_of(one.source).name, f"{name}, ΔE {error:.1f}", "truth")
        sheets.append(contact_sheet([row], captions=captions))
    return np.vstack(sheets)


def write(sheet: Pixels, target: Path) -> None:
    """Write a contact sheet, over an earlier one if need be."""
    images.write(images.Photo(sheet, None, "PNG"), target, overwrite=True)
