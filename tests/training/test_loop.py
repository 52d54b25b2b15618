"""Training: it learns, it stops and goes on, and it says what is wrong."""

import json
import os
import signal
import threading
from dataclasses import replace

import pytest
import torch
from accelerate import Accelerator
from helpers.training import GAN, TINY, rows_of, weights_of

from colourise.errors import TrainingError
from colourise.training.config import TrainConfig
from colourise.training.events import (
    HeldOutScored,
    TrainingFinished,
    TrainingProgress,
    TrainingStopped,
)
from colourise.training.learner import Learner
from colourise.training.loop import train


def test_a_run_leaves_a_model_a_card_scores_and_a_preview(photos, tmp_path):
    run = tmp_path / "runs" / "first"
    reports = []
    card = train(
        TINY, photos[:9], photos[9:], run, about="test blocks", score_every=4, on_event=reports.append
    )
    released = json.loads(card.read_text())
    assert (released["name"], released["data"], released["recipe"]["images_seen"]) == (
        "first",
        "test blocks",
        32,
    )
    assert released["recipe"]["scored_at"] == 32
    assert [row["step"] for row in rows_of(run)] == ["4", "8"]
    assert float(rows_of(run)[-1]["psnr_rgb"]) == pytest.approx(released["scores"]["psnr_rgb"])
    assert {path.name for path in run.glob("preview-*.jpg")} == {"preview-000004.jpg", "preview-000008.jpg"}
    assert [type(event) for event in reports[-3:]] == [TrainingProgress, HeldOutScored, TrainingFinished]
    assert reports[-3].step == reports[-3].steps == 8
    assert reports[-2].scores == released["scores"]
    assert (reports[-2].preview, reports[-1].card) == (run / "preview-000008.jpg", card)


def test_a_stopped_run_goes_on_to_the_same_weights(photos, tmp_path):
    class StopError(Exception):
        pass

    def stop(event):
        if event.step == 4:
            stopped.append(event.step)
        elif stopped:
            raise StopError

    config = TrainConfig(**{**vars(TINY), "lr": 0.02})
    train(config, photos, photos[:2], tmp_path / "whole", precision="fp32", score_every=4)
    stopped = []
    with pytest.raises(StopError):
        train(config, photos, photos[:2], tmp_path / "halves", precision="fp32", score_every=4, on_event=stop)
    train(config, photos, photos[:2], tmp_path / "halves", precision="fp32", score_every=4)
    whole, halves = weights_of(tmp_path / "whole"), weights_of(tmp_path / "halves")
    assert all(torch.allclose(whole[name], halves[name], rtol=1e-3, atol=1e-4) for name in whole)
    assert [row["step"] for row in rows_of(tmp_path / "halves")] == ["4", "8"]


def test_a_stopped_gan_goes_on_to_the_same_weights(photos, tmp_path):
    """Both networks and both optimisers, spectral norm's vectors and dropout's chance come back."""
    config = replace(
        GAN,
        arguments={"levels": 5, "width": 4},
        spectral_norm=True,
        discriminators=1,
        adversarial="lsgan",
        lr=1e-2,
    )
    first = replace(config, images=16)
    train(first, photos, photos[:1], tmp_path / "halves", precision="fp32", workers=0, keep=True)
    state = torch.load(tmp_path / "halves" / "resume.pt", weights_only=True)
    state["config"]["images"] = config.images  # as if it had been stopped at half
    torch.save(state, tmp_path / "halves" / "resume.pt")
    train(config, photos, photos[:1], tmp_path / "halves", precision="fp32", workers=0)
    train(config, photos, photos[:1], tmp_path / "whole", precision="fp32", workers=0)
    ours, theirs = weights_of(tmp_path / "halves"), weights_of(tmp_path / "whole")
    assert not any("parametrizations" in name for name in ours)  # released as plain weights
    assert all(torch.allclose(ours[name], theirs[name], rtol=1e-2, atol=1e-3) for name in ours)


def test_a_loss_that_is_not_finite_stops_the_run(photos, tmp_path):
    with pytest.raises(TrainingError, match=r"the loss of batch 1 is not finite \(\d\d\.jpg, .*smaller lr"):
        train(
            TrainConfig(**{**vars(TINY), "pixel_weight": float("inf")}), photos, photos[:1], tmp_path / "run"
        )


def test_a_gradient_that_is_not_finite_stops_the_run_before_its_step(photos, tmp_path, monkeypatch):
    def loss(ab, truth, beta):
        return (ab * 0).abs().sum().sqrt()  # 0, and its slope there is infinite

    monkeypatch.setattr("colourise.training.learner.pixel_loss", loss)
    with pytest.raises(
        TrainingError, match=r"the gradient of batch 1 is not finite \(\d\d\.jpg, .*smaller lr"
    ):
        train(replace(TINY, clip=0.0), photos, photos[:1], tmp_path / "run")
    learner = Learner(TINY, Accelerator(), fresh=True)
    before = [p.clone() for p in learner.generator.parameters()]
    with pytest.raises(FloatingPointError):
        learner.step(torch.rand(4, 1, 32, 32) * 100, torch.zeros(4, 2, 32, 32))
    assert all(torch.equal(p, q) for p, q in zip(before, learner.generator.parameters(), strict=True))


def test_ctrl_c_saves_and_the_same_command_goes_on(photos, tmp_path):
    def interrupt(event):
        heard.append(event)
        if isinstance(event, TrainingProgress) and event.step < 8 and not sent:
            sent.append(event.step)
            os.kill(os.getpid(), signal.SIGINT)

    sent, heard = [], []
    before = signal.getsignal(signal.SIGINT)
    config = replace(TINY, lr=0.02)
    halves, whole = tmp_path / "halves", tmp_path / "whole"
    assert (
        train(config, photos, photos[:2], halves, precision="fp32", score_every=4, on_event=interrupt) is None
    )
    assert isinstance(heard[-1], TrainingStopped)
    assert signal.getsignal(signal.SIGINT) is before
    assert torch.load(halves / "resume.pt", weights_only=True)["step"] in range(sent[0], 8)
    assert train(config, photos, photos[:2], halves, precision="fp32", score_every=4) is not None
    train(config, photos, photos[:2], whole, precision="fp32", score_every=4)
    ours, theirs = weights_of(halves), weights_of(whole)
    assert all(torch.allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-4) for name in ours)


def test_training_in_a_thread_hears_no_signals(photos, tmp_path):
    cards = []
    thread = threading.Thread(target=lambda: cards.append(train(TINY, photos, photos[:1], tmp_path / "run")))
    thread.start()
    thread.join(60)
    assert cards[0].exists()
