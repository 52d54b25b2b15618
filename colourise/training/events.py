"""What a run tells while it goes on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Progress:
    """What a run tells while it goes on."""

    step: int
    """Batches done."""
    steps: int
    """Batches in the whole run."""
    losses: dict[str, float]
    """Means since the last report: each weighted term of the loss, and how real pictures look to a GAN."""
    images_per_second: float
    """Training speed since the last report."""
    scores: dict[str, float] | None = None
    """Held-out scores, when they have just been measured."""
    warning: str = ""
    """What the user should look at."""
