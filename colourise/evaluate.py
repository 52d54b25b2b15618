"""Score models on colour photos, through the same `Colouriser` that users run."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from colourise import images
from colourise.colouriser import Colouriser
from colourise.data import read_rgb, square
from colourise.errors import PhotoError
from colourise.lab import Floats, lay_over
from colourise.metrics import Picture, Scores


class Grey:
    """The baseline backend: no colour at all."""

    name = "grey"

    def predict_ab(self, L: Floats) -> Floats:
        """ab of zero, (N, 2, H, W)."""
        return np.zeros((len(L), 2, *L.shape[2:]), np.float32)


def evaluate(
    colouriser: Colouriser,
    photos: Iterable[Path],
    *,
    size: int = 256,
    each: Callable[[Path, Picture, Picture], None] | None = None,
    failed: Callable[[PhotoError], None] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Scores:
    """Colour the grey version of each photo and compare with the photo.

    Args:
        colouriser: what is scored.
        photos: colour photos; the centre square is used, at `size` pixels.
        size: side in pixels at which pictures are compared.
        each: called with every photo's path, prediction and truth.
        failed: called for a photo that cannot be read; without it the error is raised.
        advance: called after every photo.
    """
    scores = Scores()
    for path in photos:
        try:
            truth = square(read_rgb(path), size)
            (predicted,) = colouriser([truth])
            scores.add(predicted, truth)
            if each is not None:
                each(path, predicted, truth)
        except PhotoError as err:
            if failed is None:
                raise
            failed(err)
        advance()
    return scores


def grey_of(picture: Picture) -> Picture:
    """A picture (H, W, 3) without its colour, at the same L."""
    return lay_over(picture, np.zeros((2, 1, 1), np.float32))


def contact_sheet(pairs: Sequence[tuple[Picture, Picture]], columns: int = 2) -> Picture:
    """Grey | coloured | truth of pairs (predicted, truth) of one size, several to a line."""
    cells = [np.hstack([grey_of(truth), predicted, truth]) for predicted, truth in pairs]
    cells += [np.zeros_like(cells[0])] * (-len(cells) % columns)
    return np.vstack([np.hstack(cells[start : start + columns]) for start in range(0, len(cells), columns)])


@contextmanager
def contact_sheets(folder: Path, photos: int = 10) -> Iterator[Callable[[Path, Picture, Picture], None]]:
    """Give what `each` takes to put every photo on one of the numbered contact sheets in a folder."""
    pairs: list[tuple[Picture, Picture]] = []
    numbers = itertools.count(1)

    def flush() -> None:
        sheet = images.Photo(contact_sheet(pairs), None, "JPEG")
        images.write(sheet, folder / f"sheet-{next(numbers):03d}.jpg", overwrite=True)
        pairs.clear()

    def keep(path: Path, predicted: Picture, truth: Picture) -> None:
        pairs.append((predicted, truth))
        if len(pairs) == photos:
            flush()

    folder.mkdir(parents=True, exist_ok=True)
    yield keep
    if pairs:
        flush()
