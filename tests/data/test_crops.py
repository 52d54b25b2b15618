"""The stream of crops."""

import numpy as np
import pytest
from PIL import Image

from colourise.data.crops import Crops, random_crop, square
from colourise.errors import TrainingError


def test_the_stream_is_the_same_whoever_asks(photos):
    crops, again = (Crops(photos, sizes=(32, 64), length=40, batch=4, seed=3) for _ in "ab")
    for k in (0, 13, 39):
        assert all(np.array_equal(x, y) for x, y in zip(crops[k], again[k], strict=True))
    assert [crops[k][0].shape[-1] for k in (0, 19, 20, 39)] == [32, 32, 64, 64]
    other = Crops(photos, sizes=(32,), length=40, batch=4, seed=4)
    assert not np.array_equal(crops[0][0], other[0][0])


def test_some_pictures_are_seen_as_old_photographs(photos):
    plain = Crops(photos, sizes=(32,), length=40, batch=4, seed=3)
    aged = Crops(photos, sizes=(32,), length=40, batch=4, seed=3, aged=0.5)
    old = 0
    for k in range(40):
        L, ab, seen = aged[k]
        assert all(np.array_equal(x, y) for x, y in zip((L, ab), plain[k], strict=True))  # the truth stays
        assert seen.shape == L.shape and seen.dtype == np.float32
        old += not np.array_equal(seen, L)
    assert 10 < old < 30
    assert all(np.array_equal(x, y) for x, y in zip(aged[7], aged[7], strict=True))


def test_every_photo_is_seen_once_an_epoch(photos):
    crops = Crops(photos, sizes=(32,), length=24, batch=4, seed=0)
    assert sorted(crops._order(0)) == sorted(crops._order(1)) == list(range(12))


def test_grey_and_broken_photos_are_passed_over(photos, tmp_path):
    Image.new("L", (64, 64), 90).save(tmp_path / "grey.jpg")
    (tmp_path / "broken.jpg").write_bytes(photos[0].read_bytes()[:300])
    crops = Crops(
        [tmp_path / "grey.jpg", tmp_path / "broken.jpg", *photos[:2]], sizes=(32,), length=8, batch=4, seed=0
    )
    assert all(np.abs(crops[k][1]).mean() > 1 for k in range(8))
    hopeless = Crops([tmp_path / "grey.jpg"], sizes=(32,), length=8, batch=4, seed=0)
    with pytest.raises(TrainingError, match="hardly any photo here can be read in colour"):
        hopeless[0]


def test_crops_and_squares():
    import random

    ramp = np.repeat(np.arange(0, 200, dtype=np.uint8)[None, :, None], 100, 0).repeat(3, 2)  # (100, 200, 3)
    assert random_crop(ramp, 48, random.Random(0)).shape == (48, 48, 3)
    centre = square(ramp, 50)
    assert centre.shape == (50, 50, 3)
    assert int(centre[0, 0, 0]) == pytest.approx(50, abs=1)
    assert int(centre[0, -1, 0]) == pytest.approx(149, abs=1)
