"""Score models on colour photos, through the same path that users run."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from colourise.colouriser import Colouriser
from colourise.data.ageing import aged
from colourise.data.crops import square
from colourise.data.photos import Source, place_of, read_rgb
from colourise.errors import PhotoError
from colourise.evaluation.metrics import (
    Scores,
)
from colourise.lab.pictures import Floats, Pixels

if TYPE_CHECKING:
    from colourise.evaluation.perceptual import PerceptualScores


class Grey:
    """The baseline backend: no colour at all."""

    name = "grey"

    def predict_ab(self, L: Floats) -> Floats:
        """ab of zero, (N, 2, H, W)."""
        return np.zeros((len(L), 2, *L.shape[2:]), np.float32)


@dataclass(frozen=True)
class ScoredPhoto:
    """A photo that has been scored."""

    source: Source
    """Where it is."""
    truth: Pixels
    """(size, size, 3) uint8."""
    predicted: dict[str, Pixels]
    """What each model made of its grey version, of the same shape."""
    measures: dict[str, dict[str, float]]
    """Of each model, as `Scores.add` gives them."""


def score_photos(
    colourisers: Mapping[str, Colouriser],
    photos: Iterable[Source],
    *,
    size: int = 256,
    archive: bool = False,
    perceptual: PerceptualScores | None = None,
    each: Callable[[ScoredPhoto], None] = lambda photo: None,
    failed: Callable[[PhotoError], None] | None = None,
    left_out: Callable[[Source], None] = lambda photo: None,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Scores]:
    """Colour the grey version of each photo with every model, and compare with the photo.

    One photo is held at a time. A photo that is exactly grey has no colours to compare with and is left out.

    Args:
        colourisers: what is scored, by name.
        photos: colour photos; the centre square is used, at `size` pixels.
        size: side in pixels at which pictures are compared.
        archive: show the models an old photograph of each photo (ageing.py), the same one every time, and lay
            their colours over the photo's own light.
        perceptual: scores that need a network, counted along.
        each: called with every photo that was scored.
        failed: called for a photo that cannot be read; without it the error is raised.
        left_out: called with every photo that is exactly grey.
        advance: called after every photo.
    Returns:
        The scores of each name.
    """
    scores = {name: Scores() for name in colourisers}
    for photo in photos:
        try:
            truth = square(read_rgb(photo), size)
        except PhotoError as err:
            if failed is None:
                raise
            failed(err)
        else:
            if (truth == truth[..., :1]).all():
                left_out(photo)
            else:
                scan = aged(truth, dice(photo)) if archive else truth
                predicted = {name: coloured(one, truth, scan) for name, one in colourisers.items()}
                measures = {name: scores[name].add(picture, truth) for name, picture in predicted.items()}
                if perceptual is not None:
                    perceptual.add(predicted, truth)
                each(ScoredPhoto(photo, truth, predicted, measures))
        advance()
    return scores


def coloured(colouriser: Colouriser, truth: Pixels, scan: Pixels) -> Pixels:
    """The truth's own light, in the colours that a model sees in a scan of it."""
    if scan is truth:
        return colouriser([truth])[0]
    (ab,) = colouriser.predict([colouriser.lightness(scan)])
    return colouriser.lay(truth, ab)


def dice(photo: Source) -> np.random.Generator:
    """Chance that a photo's name decides."""
    return np.random.default_rng(zlib.crc32(place_of(photo).name.encode(errors="surrogateescape")))


def score_model(
    colouriser: Colouriser,
    photos: Iterable[Source],
    *,
    size: int = 256,
    each: Callable[[Source, Pixels, Pixels], None] = lambda photo, predicted, truth: None,
    failed: Callable[[PhotoError], None] | None = None,
) -> Scores:
    """Score one model, as `score_photos` does; `each` gets every photo, its prediction and its truth."""

    def spread(photo: ScoredPhoto) -> None:
        each(photo.source, photo.predicted[""], photo.truth)

    return score_photos({"": colouriser}, photos, size=size, each=spread, failed=failed)[""]
