"""The first process of a run writes scores, previews, release files and `resume.pt`, and reports events."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from colourise.data.photos import Source
from colourise.models import checkpoints
from colourise.models.card import Card
from colourise.models.networks import norms
from colourise.training.events import BalanceLost, HeldOutScored, OnEvent, TrainingProgress
from colourise.training.learner import Learner
from colourise.training.run_folder import Means, check_no_links, rewind, save_resume, write_row
from colourise.training.scoring import heading, lost_balance, score

SAVE_EVERY = 300  # seconds between saves of `resume.pt`
NOT_LEARNT = {"discriminator", "real", "fake"}  # among the losses, what is no term of the generator's


class Recorder:
    """Records the losses, scores and checkpoints of a run; a context manager that holds TensorBoard's file.

    Args:
        run: folder of the run.
        learner: what learns.
        held_out: photos to score on.
        photos: hash of the names of the photos to learn from.
        card: of the release files; its recipe only has the models that the run started from.
        resumed: the state that a stopped run left, or None.
        score_every: batches between scores.
        on_event: is called with each event (events.py).
    """

    def __init__(
        self,
        run: Path,
        learner: Learner,
        held_out: Sequence[Source],
        photos: str,
        card: Card,
        resumed: dict[str, Any] | None,
        score_every: int,
        on_event: OnEvent,
    ) -> None:
        self.run, self.learner, self.config, self.held_out = run, learner, learner.config, held_out
        self.photos, self.card, self.score_every, self.on_event = photos, card, score_every, on_event
        self.first: int = resumed["step"] if resumed else 0
        self.scores: dict[str, float] = resumed["scores"] if resumed else {}
        self.scored_at: int = resumed.get("scored_at", 0) if resumed else 0
        self.steps = self.config.images // self.config.batch
        self.recent, self.means = Means(), Means()  # since the last report; since the last scores

    def __enter__(self) -> Self:
        """Open TensorBoard's file, and drop the rows that a killed run wrote after its last save."""
        rewind(self.run / "metrics.csv", self.first)
        self.reported = self.saved = time.monotonic()
        self.writer = SummaryWriter(self.run / "tensorboard", purge_step=self.first + 1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close TensorBoard's file."""
        self.writer.close()

    def add(self, losses: dict[str, float]) -> None:
        """Add the losses of one batch, or part of one."""
        self.recent.add(losses)
        self.means.add(losses)

    def record(self, step: int, *, stopped: bool) -> None:
        """Report, score and save after a complete batch, each when it is due."""
        scored = step % self.score_every == 0 or step == self.steps
        if time.monotonic() - self.reported > 1 or scored or stopped:
            self.report(step, scored=scored)
        if time.monotonic() - self.saved > SAVE_EVERY or scored or stopped:
            self.save(step)

    def report(self, step: int, *, scored: bool) -> None:
        """Report losses and speed; score if asked to."""
        part = self.config.batch // self.config.accumulate
        speed = self.recent.count * part / (time.monotonic() - self.reported)
        losses = self.recent.take()
        for name, value in {**losses, "images_per_second": speed}.items():
            self.writer.add_scalar(f"train/{name}", value, step)
        loss = sum(value for name, value in losses.items() if name not in NOT_LEARNT)
        self.on_event(TrainingProgress(step, self.steps, loss, losses, speed))
        if scored:
            self.score(step)
        self.reported = time.monotonic()

    def score(self, step: int) -> None:
        """Score the averaged generator on the held-out photos, and draw a preview of them."""
        means = self.means.take()
        sheet, scores = score(self.learner.averaged(), self.config, self.held_out, heading(step, means))
        check_no_links(self.run)
        preview = self.run / f"preview-{step:06d}.jpg"
        Image.fromarray(sheet).save(preview, quality=90)
        self.scores, self.scored_at = scores, step
        write_row(self.run / "metrics.csv", {"step": step, **means, **scores})
        self.writer.add_image("preview", sheet, step, dataformats="HWC")
        for name, value in scores.items():
            self.writer.add_scalar(f"held_out/{name}", value, step)
        self.on_event(HeldOutScored(step, scores, preview))
        if warning := lost_balance(means):
            self.on_event(BalanceLost(step, warning))

    def save(self, step: int) -> None:
        """Write the release files, the averaged weights as fp16 and their card, and then `resume.pt`."""
        config, learner = self.config, self.learner
        seen = {
            "images_seen": step * config.batch,
            "scored_at": self.scored_at * config.batch,
            "photos_sha256": self.photos,
        }
        card = replace(self.card, recipe=asdict(config) | seen | self.card.recipe, scores=self.scores)
        state = norms.plain_state_dict(learner.averaged())
        check_no_links(self.run)
        checkpoints.save(state, self.run / self.run.name, card, half=True)
        device = learner.accelerator.device
        resume = {
            "config": asdict(config),
            "photos": self.photos,
            "step": step,
            "scores": self.scores,
            "scored_at": self.scored_at,
            "rng": torch.get_rng_state(),
            "cuda_rng": torch.cuda.get_rng_state(device) if learner.cuda else None,
            "learner": learner.state_dict(),
        }
        save_resume(self.run, resume)  # last, so that its step has also been released
        self.saved = time.monotonic()
