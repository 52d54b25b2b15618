"""Held-out photos, and the balance of a GAN."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers.training import GAN, TINY, rows_of
from PIL import Image

from colourise.errors import TrainingError
from colourise.training.events import (
    BalanceLost,
)
from colourise.training.loop import train
from colourise.training.scoring import lost_balance


def test_a_discriminator_that_wins_is_noticed(photos, tmp_path):
    assert not lost_balance({"pixel": 1.0})
    assert not lost_balance({"real": 0.6, "fake": 0.4})
    assert "real photos 0.99 real and coloured ones 0.01" in lost_balance({"real": 0.99, "fake": 0.01})
    events = []
    config = replace(GAN, images=240, adversarial_weight=0.0, lr=2e-3, betas=(0.5, 0.9))
    train(config, photos, photos[:1], tmp_path / "run", score_every=30, on_event=events.append)
    (warning,) = (
        event.message for event in events if isinstance(event, BalanceLost) and event.step == 240 // 4
    )
    assert "the discriminator wins" in warning
    assert float(rows_of(tmp_path / "run")[-1]["real"]) > 0.9
    heading = np.asarray(Image.open(tmp_path / "run" / "preview-000060.jpg"))[:20]
    assert heading.std() > 10  # something is written above the pictures


def test_a_broken_held_out_photo_does_not_stop_a_run(photos, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(photos[0].read_bytes()[:300])
    card = train(TINY, photos, [tmp_path / "broken.jpg", photos[0]], tmp_path / "run")
    assert json.loads(card.read_text())["scores"]["psnr_rgb"] > 0
    Image.new("RGB", (64, 64), (90, 90, 90)).save(tmp_path / "grey.png")
    hopeless = {
        ("broken.jpg", "broken.jpg"): "none of the held-out photos can be read; hold out photos in colour",
        ("broken.jpg", "grey.png"): r"those of the held-out photos that can be read \(1 of 2\) are grey",
    }
    for names, message in hopeless.items():
        with pytest.raises(TrainingError, match=message):
            train(TINY, photos, [tmp_path / name for name in names], tmp_path / "other")
    assert not (tmp_path / "other").exists()  # before anything was learnt
