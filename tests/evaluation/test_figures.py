"""Which photos are kept for the figures."""

from pathlib import Path

import numpy as np

from colourise.evaluation.events import ScoredPhoto
from colourise.evaluation.figures import EXTREMES, SHOWN, Album

CHANCE = np.random.default_rng(0)


def scored_photo(name, error=1.0):
    picture = np.full((8, 8, 3), 90, np.uint8)
    return ScoredPhoto(Path(name), picture, {"m": picture}, {"m": {"delta_e": error}})


def test_the_chosen_photos_hang_on_their_names_alone():
    photos = [scored_photo(f"{number}.jpg") for number in range(40)]
    albums = Album(["m"]), Album(["m"])
    for photo in photos:
        albums[0].add(photo)
    for photo in reversed(photos):
        albums[1].add(photo)
    names = [photo.source.name for photo in albums[0].chosen]
    assert len(names) == SHOWN
    assert names == [photo.source.name for photo in albums[1].chosen]
    assert names != [photo.source.name for photo in photos[:SHOWN]]


def test_best_and_worst_are_by_delta_e():
    album = Album(["m"])
    errors = CHANCE.permutation(30)
    for error in errors:
        album.add(scored_photo(f"{error}.jpg", float(error)))
    assert [photo.source.stem for photo in album.best["m"]] == [str(error) for error in range(EXTREMES)]
    assert [photo.source.stem for photo in album.worst["m"]] == [str(29 - place) for place in range(EXTREMES)]
