"""What a run reports while it goes on, from its first process alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PhotosFound:
    """The photos of a folder are found and parted; learning begins (`train_folder` alone)."""

    learn: int
    """Photos to learn from."""
    held_out: int
    """Photos to test on; at most 200 of them are scored while the run goes on."""
    run: Path
    """Folder of the run."""


@dataclass(frozen=True)
class TrainingProgress:
    """How far a run is: about once a second, and before each score."""

    step: int
    """Batches done."""
    steps: int
    """Batches in the whole run."""
    losses: dict[str, float]
    """Means since the last report: each weighted term of the loss, and how real pictures look to a GAN."""
    images_per_second: float
    """Training speed since the last report."""


@dataclass(frozen=True)
class HeldOutScored:
    """The held-out photos have been scored."""

    step: int
    """Batches done."""
    scores: dict[str, float]
    """Means over the held-out photos."""
    preview: Path
    """A sheet of the first few: grey, predicted, true."""


@dataclass(frozen=True)
class BalanceLost:
    """A GAN's discriminator has won, and its generator no longer learns from it."""

    step: int
    """Batches done."""
    message: str
    """What to look at, and what to try."""


@dataclass(frozen=True)
class TrainingStopped:
    """The run was asked to stop, and is saved; it goes on when it is started again."""

    step: int
    """Batches done."""


@dataclass(frozen=True)
class TrainingFinished:
    """The run has come to its end."""

    card: Path
    """The card of the released checkpoint."""


Event = PhotosFound | TrainingProgress | HeldOutScored | BalanceLost | TrainingStopped | TrainingFinished
OnEvent = Callable[[Event], object]


def ignore(event: Event) -> None:
    """Report to nobody."""
