"""Score models on colour photos, coloured in the same way as users' photos are."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from colourise.colouriser import Colouriser
from colourise.data.ageing import aged
from colourise.data.crops import square
from colourise.data.photos import Source, place_of, read_rgb
from colourise.errors import PhotoError
from colourise.evaluation.events import (
    OnEvent,
    PhotoFailed,
    PhotoLeftOut,
    PhotoScored,
    ScoredPhoto,
    raise_failures,
)
from colourise.evaluation.metrics import Scores
from colourise.lab.pictures import Floats, Pixels

if TYPE_CHECKING:
    from colourise.evaluation.perceptual import PerceptualScores


class Grey:
    """The baseline backend: no colour at all."""

    name, stride = "grey", 1

    def predict_ab(self, L: Floats) -> Floats:
        """Return ab of zero, (N, 2, H, W)."""
        return np.zeros((len(L), 2, *L.shape[2:]), np.float32)


def score_photos(
    colourisers: Mapping[str, Colouriser],
    photos: Iterable[Source],
    *,
    size: int = 256,
    archive: bool = False,
    perceptual: PerceptualScores | None = None,
    on_event: OnEvent = raise_failures,
) -> dict[str, Scores]:
    """Colour the grey version of each photo with every model, and compare with the photo.

    One photo at a time is in memory. A photo that is exactly grey is left out: it has no colours.

    Args:
        colourisers: the models, by name.
        photos: colour photos; the centre square is used, at `size` pixels.
        size: side in pixels at which pictures are compared.
        archive: give the models an aged version of each photo (data/ageing.py), the same one every time, and
            lay their colours over the lightness of the photo itself.
        perceptual: takes every photo too, for measures that need a network.
        on_event: called for every photo with a `PhotoScored`, a `PhotoLeftOut` or a `PhotoFailed`; by default
            a photo that cannot be read raises its error.
    Returns:
        The scores, by name.
    """
    scores = {name: Scores() for name in colourisers}
    for photo in photos:
        try:
            truth = square(read_rgb(photo), size)
        except PhotoError as err:
            on_event(PhotoFailed(photo, err))
            continue
        if (truth == truth[..., :1]).all():
            on_event(PhotoLeftOut(photo))
            continue
        scan = aged(truth, dice(photo)) if archive else truth
        predicted = {name: coloured(one, truth, scan) for name, one in colourisers.items()}
        measures = {name: scores[name].add(picture, truth) for name, picture in predicted.items()}
        if perceptual is not None:
            perceptual.add(predicted, truth)
        on_event(PhotoScored(ScoredPhoto(photo, truth, predicted, measures)))
    return scores


def coloured(colouriser: Colouriser, truth: Pixels, scan: Pixels) -> Pixels:
    """Return the truth's own lightness in the colours that a model predicts for a scan of it."""
    if scan is truth:
        return colouriser([truth])[0]
    (ab,) = colouriser.predict([colouriser.lightness(scan)])
    return colouriser.lay(truth, ab)


def dice(photo: Source) -> np.random.Generator:
    """Return a random generator that depends on the photo's name alone."""
    return np.random.default_rng(zlib.crc32(place_of(photo).name.encode(errors="surrogateescape")))


def score_model(
    colouriser: Colouriser,
    photos: Iterable[Source],
    *,
    size: int = 256,
    on_event: OnEvent = raise_failures,
) -> Scores:
    """Score one model as `score_photos` does; its name in the events is ""."""
    return score_photos({"": colouriser}, photos, size=size, on_event=on_event)[""]
