"""Score models on colour photos, through the same path that users run."""

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

    name = "grey"

    def predict_ab(self, L: Floats) -> Floats:
        """ab of zero, (N, 2, H, W)."""
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

    One photo is held at a time. A photo that is exactly grey has no colours to compare with and is left out.

    Args:
        colourisers: what is scored, by name.
        photos: colour photos; the centre square is used, at `size` pixels.
        size: side in pixels at which pictures are compared.
        archive: show the models an old photograph of each photo (ageing.py), the same one every time, and lay
            their colours over the photo's own light.
        perceptual: scores that need a network, counted along.
        on_event: called for every photo with a `PhotoScored`, a `PhotoLeftOut` or a `PhotoFailed`; by default
            a photo that cannot be read raises its error.
    Returns:
        The scores of each name.
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
    on_event: OnEvent = raise_failures,
) -> Scores:
    """Score one model as `score_photos` does; in what is reported, its name is ""."""
    return score_photos({"": colouriser}, photos, size=size, on_event=on_event)[""]
