"""Scoring models on photos: what is compared, and what is left out."""

import weakref
from pathlib import Path

import numpy as np
import pytest
from helpers.photos import PHOTOS
from PIL import Image

from colourise.colouriser import Colouriser, load_model
from colourise.data.crops import square
from colourise.data.photos import read_rgb
from colourise.errors import PhotoError
from colourise.evaluation.events import Event, PhotoFailed, PhotoLeftOut, PhotoScored
from colourise.evaluation.figures import EXTREMES, SHOWN, Album
from colourise.evaluation.metrics import Scores
from colourise.evaluation.photos import Grey, score_model, score_photos

NAMES = ("astronaut", "chelsea", "coffee", "rocket")
GREY = Colouriser(Grey(), input_size=32)


def test_models_are_scored_as_users_run_them(tiny_model: Path) -> None:
    photos = [PHOTOS / f"{name}.jpg" for name in NAMES]
    model = load_model(str(tiny_model), device="cpu")
    theirs = Scores()
    for photo in photos:
        truth = square(read_rgb(photo), 64)
        theirs.add(model([truth])[0], truth)
    ours = score_photos({"model": model, "grey": GREY}, photos, size=64)
    assert ours["model"].summary() == theirs.summary()
    assert score_model(model, photos, size=64).summary() == theirs.summary()
    assert ours["grey"].summary() == score_model(GREY, photos, size=64).summary() != theirs.summary()


def test_old_photographs_cost_a_model_colours_but_no_light(tiny_model: Path) -> None:
    photos = [PHOTOS / f"{name}.jpg" for name in NAMES]
    models = {"model": load_model(str(tiny_model), device="cpu"), "grey": GREY}
    clean = score_photos(models, photos, size=64)
    old, again = (score_photos(models, photos, size=64, archive=True) for _ in "ab")
    assert old["model"].summary() == again["model"].summary()  # the same old photographs every time
    assert old["model"].summary() != clean["model"].summary()
    assert old["grey"].summary() == pytest.approx(clean["grey"].summary(), rel=1e-6)


def test_each_photo_is_shown_with_what_every_model_made_of_it() -> None:
    seen: list[PhotoScored] = []
    score_photos({"one": GREY, "two": GREY}, [PHOTOS / "coffee.jpg"], size=48, on_event=seen.append)
    (photo,) = (event.photo for event in seen)
    assert photo.source == PHOTOS / "coffee.jpg"
    assert np.array_equal(photo.truth, square(read_rgb(photo.source), 48))
    assert list(photo.predicted) == list(photo.measures) == ["one", "two"]
    assert photo.measures["one"] == Scores().add(photo.predicted["one"], photo.truth)


def test_grey_and_broken_photos_are_left_out_and_named(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    photos = [tmp_path / "empty.jpg", PHOTOS / "camera.png", PHOTOS / "coffee.jpg"]
    events: list[Event] = []
    scores = score_photos({"": GREY}, photos, on_event=events.append)[""]
    assert scores.photos == 1
    assert np.isfinite(scores.summary()["psnr_rgb"])
    failed, grey, scored = events
    assert isinstance(failed, PhotoFailed) and "empty.jpg" in str(failed.error)
    assert grey == PhotoLeftOut(PHOTOS / "camera.png")
    assert isinstance(scored, PhotoScored)
    with pytest.raises(PhotoError):
        score_model(GREY, photos)


def test_one_coloured_pixel_is_no_grey_photo(tmp_path: Path) -> None:
    picture = np.full((64, 64, 3), 100, np.uint8)
    picture[9, 9, 0] = 101
    Image.fromarray(picture).save(tmp_path / "nearly.png")
    assert score_model(GREY, [tmp_path / "nearly.png"], size=64).photos == 1


def test_memory_does_not_grow_with_the_number_of_photos() -> None:
    album = Album(["model"])
    pictures: list[weakref.ref] = []
    alive = []

    def keep(event: Event) -> None:
        assert isinstance(event, PhotoScored)
        album.add(event.photo)
        pictures.append(weakref.ref(event.photo.truth))
        alive.append(sum(picture() is not None for picture in pictures))

    photos = (PHOTOS / f"{NAMES[number % 4]}.jpg" for number in range(60))  # no list of them either
    score_photos({"model": GREY}, photos, size=32, on_event=keep)
    assert len(alive) == 60
    assert max(alive) <= SHOWN + 2 * EXTREMES + 2  # what the album may keep, this one, and the one before
    assert len(album.chosen) == SHOWN
