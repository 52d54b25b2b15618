"""The events that the first process of a run reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DownloadNeeded:
    """Pretrained weights are not on this machine and will be downloaded, once (`train_folder` only)."""

    name: str
    """The network, such as "vgg16"."""
    host: str
    """The server that has them."""
    megabytes: int | None
    """Their size, if that is known."""


@dataclass(frozen=True)
class PhotosFound:
    """The photos of a folder have been found and split (reported by `train_folder` only)."""

    learn: int
    """Photos to learn from."""
    held_out: int
    """Photos to test on; unless they were named, at most 200 of them are scored during the run."""
    run: Path
    """Folder of the run."""


@dataclass(frozen=True)
class TrainingProgress:
    """The state of the run, about once a second and before each score."""

    step: int
    """Batches done."""
    steps: int
    """Batches in the whole run."""
    loss: float
    """The generator's whole loss, which is what it learns from: the mean since the last report."""
    losses: dict[str, float]
    """Means since the last report: each weighted term of the loss, and how real pictures look to a GAN's
    discriminators."""
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
    """A discriminator has won, so the generator no longer learns from it."""

    step: int
    """Batches done."""
    message: str
    """What happened, and what to try."""


@dataclass(frozen=True)
class TrainingStopped:
    """The run was asked to stop and has been saved; starting it again resumes it."""

    step: int
    """Batches done."""


@dataclass(frozen=True)
class TrainingFinished:
    """The run is complete, now or since an earlier time."""

    card: Path
    """The card of the released checkpoint."""


Event = (
    DownloadNeeded
    | PhotosFound
    | TrainingProgress
    | HeldOutScored
    | BalanceLost
    | TrainingStopped
    | TrainingFinished
)
OnEvent = Callable[[Event], object]


def ignore(event: Event) -> None:
    """Ignore an event."""
