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
from colourise.lab.pictures import rgb_to_lab
from colourise.models import catalogue, checkpoints, library

SHIPPED = (catalogue.DEFAULT_MODEL, catalogue.FAST_MODEL)
GOLDEN = Path(__file__).parent.parent / "golden"  # what the model made of photos when it was shipped


def difference(ours, theirs):
    """Largest difference in levels, and a histogram of all of them for whoever has to find out why."""
    levels = np.abs(ours.astype(int) - theirs)
    return levels.max(), np.bincount(levels.ravel())


def test_every_shipped_model_is_whole_and_small():
    rows = [row for row in library.list_models() if row.where == "shipped"]
    assert {row.name for row in rows} == {catalogue.DEFAULT_MODEL, catalogue.FAST_MODEL}
    for row in rows:
        found = checkpoints.find(row.name, need="all")
        assert all(file.stat().st_size <= 95e6 for file in (found.weights, found.onnx))
        assert found.card.data
        assert found.card.recipe
        assert {"psnr_rgb", "psnr_ab", "js_a", "js_b"} <= found.card.scores.keys()


@pytest.mark.needs("train")
@pytest.mark.parametrize("model", SHIPPED)
def test_torch_and_onnx_give_the_same_picture(model):
    """The best model's ONNX file has matrices in 8 bits, which may move a colour a little."""
    picture = cv2.imread(str(PHOTOS / "coffee.jpg"), cv2.IMREAD_GRAYSCALE)
    (onnx,) = load_model(model, backend="onnx", device="cpu")([picture])
    (torch,) = load_model(model, backend="torch", device="cpu", precision="fp32")([picture])
    worst, histogram = difference(onnx, torch)
    if model == catalogue.FAST_MODEL:
        assert worst <= 1, histogram
    else:
        assert np.abs(onnx.astype(int) - torch).mean() < 1, histogram


@pytest.mark.parametrize("model", SHIPPED)
@pytest.mark.parametrize("name", ["coffee", "chelsea"])
def test_the_colours_are_as_they_were(name, model):
    grey = square(read_rgb(PHOTOS / f"{name}.jpg"), 256)
    (coloured,) = load_model(model, device="cpu")([grey])
    golden = cv2.imread(str(GOLDEN / f"{name}-{model}.png"))[..., ::-1]
    worst, histogram = difference(coloured, golden)
    assert worst <= 1, histogram


def test_a_model_has_a_name_for_what_it_is_good_for():
    assert load_model("fast", device="cpu").model.name == catalogue.FAST_MODEL


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_the_same_photo_has_the_same_colours_at_another_size(name):
    """Mean change of ab from the model's own size to 320 and 448 px."""
    truth = read_rgb(PHOTOS / f"{name}.jpg")
    colours = []
    for size in (None, 320, 448):
        one = load_model(device="cpu", input_size=size)
        colours.append(cv2.resize(rgb_to_lab(one(truth))[..., 1:], (128, 128), interpolation=cv2.INTER_AREA))
    assert max(np.abs(other - colours[0]).mean() for other in colours[1:]) < 5


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
    assert card["architecture"] == "token_unet"
    assert card["licence"].startswith("MIT")
    assert "Apache-2.0" in card["licence"]  # the transformer's
