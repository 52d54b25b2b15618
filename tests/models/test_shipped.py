"""The model that ships: what it is, that it runs alike everywhere, and that its colours do not change."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.photos import PHOTOS

from colourise import load_model
from colourise.data.crops import square
from colourise.data.photos import read_rgb
from colourise.evaluation.metrics import Scores
from colourise.models import catalogue, checkpoints, library

GOLDEN = Path(__file__).parent.parent / "golden"  # what the model made of photos when it was shipped


def difference(ours, theirs):
    """Largest difference in levels, and a histogram of all of them for whoever has to find out why."""
    levels = np.abs(ours.astype(int) - theirs)
    return levels.max(), np.bincount(levels.ravel())


def test_every_shipped_model_is_whole_and_small():
    rows = [row for row in library.list_models() if row.where == "shipped"]
    assert catalogue.DEFAULT_MODEL in {row.name for row in rows}
    for row in rows:
        found = checkpoints.find(row.name, need="all")
        assert all(file.stat().st_size <= 25e6 for file in (found.weights, found.onnx))
        assert found.card.data
        assert found.card.recipe
        assert {"psnr_rgb", "psnr_ab", "js_a", "js_b"} <= found.card.scores.keys()


@pytest.mark.needs("train")
def test_torch_and_onnx_give_the_same_picture():
    picture = cv2.imread(str(PHOTOS / "coffee.jpg"), cv2.IMREAD_GRAYSCALE)
    (onnx,) = load_model(backend="onnx", device="cpu")([picture])
    (torch,) = load_model(backend="torch", device="cpu", precision="fp32")([picture])
    worst, histogram = difference(onnx, torch)
    assert worst <= 1, histogram


@pytest.mark.parametrize("name", ["coffee", "chelsea"])
def test_the_colours_are_as_they_were(name):
    grey = square(read_rgb(PHOTOS / f"{name}.jpg"), 256)
    (coloured,) = load_model(device="cpu")([grey])
    golden = cv2.imread(str(GOLDEN / f"{name}-{catalogue.DEFAULT_MODEL}.png"))[..., ::-1]
    worst, histogram = difference(coloured, golden)
    assert worst <= 1, histogram


def test_the_colours_are_nearer_to_the_truth_than_grey_is():
    predicted, grey = Scores(), Scores()
    for name in ("astronaut", "chelsea", "coffee"):
        truth = square(read_rgb(PHOTOS / f"{name}.jpg"), 256)
        (coloured,) = load_model(device="cpu")([truth])
        predicted.add(coloured, truth)
        grey.add(np.repeat(cv2.cvtColor(truth, cv2.COLOR_RGB2GRAY)[..., None], 3, 2), truth)
    assert predicted.summary()["psnr_ab"] > grey.summary()["psnr_ab"]
    assert predicted.summary()["js_b"] < grey.summary()["js_b"]


def test_the_card_is_plain_json():
    stem = Path(checkpoints.find(catalogue.DEFAULT_MODEL).source)
    card = json.loads(stem.read_text(encoding="utf-8"))
    assert card["architecture"] == "encoder_unet"
    assert card["licence"] == "MIT"
