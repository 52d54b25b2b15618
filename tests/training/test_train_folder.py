"""Training on a folder of photos."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.training import TINY

from colourise.data.split import split_photos
from colourise.errors import TrainingError
from colourise.training.events import (
    PhotosFound,
    TrainingFinished,
)
from colourise.training.folder import train_folder
from colourise.training.loop import train


def test_a_folder_of_photos_is_all_that_training_needs(photos, tmp_path, monkeypatch):
    """What the command line calls: it parts the photos, finds the model to start from, and reports."""
    heard = []
    data, run = photos[0].parent, tmp_path / "run"
    ask = {"per_class": (6, 4), "workers": 0, "score_every": 4}
    card = train_folder(TINY, data, run, **ask, on_event=heard.append)
    assert heard[0] == PhotosFound(6, 4, run)
    assert heard[-1] == TrainingFinished(card)
    assert (run / "split.csv").read_text().count("test,") == 4
    assert json.loads(card.read_text())["data"] == "6 photos of photos"
    monkeypatch.setenv("RANK", "1")  # of `accelerate launch`: the first process alone tells of the photos
    heard.clear()
    other = replace(TINY, arguments={**TINY.arguments, "norm": "instance"})
    with pytest.raises(TrainingError, match="set the same"):
        train_folder(other, data, tmp_path / "other", start_from=[run], on_event=heard.append)
    assert not heard


def test_names_that_are_no_text_can_be_learnt_from(photos, tmp_path):
    odd = Path(os.fsdecode(os.fsencode(photos[0].parent) + b"/gr\xfcn.jpg"))
    photos[0].rename(odd)
    record = tmp_path / "run" / "split.csv"
    ask = {"held_out": None, "per_class": None, "record": record, "goes_on": False, "seed": 0}
    learn, test = split_photos(odd.parent, split=None, **ask)
    assert odd in learn + test
    assert split_photos(odd.parent, split=record, **ask) == (learn, test)
    assert train(TINY, learn, test, tmp_path / "run", workers=0) is not None
