"""How good colours are: PSNR on RGB and ab, divergence of ab histograms, colourfulness.

`Scores` adds up photo by photo, so memory does not grow with their number. Pictures are (H, W, 3) uint8
sRGB; the definitions are those of the paper wherever it gives them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from colourise.lab import rgb_to_lab

Picture = NDArray[Any]  # (H, W, 3) uint8
BINS = np.arange(-110, 111)  # unit bins
SMOOTHING = 1e-10  # added to every bin's share before the KL divergence


def psnr(error: float) -> float:
    """Peak signal-to-noise ratio in dB of a mean squared error, peak 255."""
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def colourfulness(picture: Picture) -> float:
    """Colourfulness of one picture, 0 for grey, about 40 for a common photo.

    Source: Hasler and Suesstrunk, "Measuring colourfulness in natural images", equation of M3, signed rg, yb.
    """
    red, green, blue = np.moveaxis(picture.astype(np.float64), -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def histogram(channel: NDArray[np.floating]) -> NDArray[np.int64]:
    """Counts of one channel of ab in unit bins from -110 to 110."""
    return np.histogram(channel, BINS)[0].astype(np.int64)


def kl(p: NDArray[np.floating], q: NDArray[np.floating]) -> float:
    """Kullback-Leibler divergence of shares p from shares q in nats, both smoothed by SMOOTHING."""
    p, q = (p + SMOOTHING) / (p + SMOOTHING).sum(), (q + SMOOTHING) / (q + SMOOTHING).sum()
    return float((p * np.log(p / q)).sum())


def js(p: NDArray[np.floating], q: NDArray[np.floating]) -> float:
    """Jensen-Shannon divergence of shares p and q in nats: 0 when equal, ln 2 when disjoint."""
    middle = (p + q) / 2

    def to_middle(x: NDArray[np.floating]) -> float:
        there = x > 0
        return float((x[there] * np.log(x[there] / middle[there])).sum())

    return to_middle(p) / 2 + to_middle(q) / 2


@dataclass
class Scores:
    """Running scores of predicted pictures against true ones."""

    photos: int = 0
    """Pictures counted."""
    sums: dict[str, float] = field(default_factory=dict)
    """Sum over pictures of each measure that is averaged."""
    histograms: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 2, len(BINS) - 1), np.int64))
    """Pooled counts: (prediction or truth, a or b, bin)."""

    def add(self, predicted: Picture, truth: Picture) -> dict[str, float]:
        """Count one picture, (H, W, 3) both, and return its own measures."""
        labs = rgb_to_lab(predicted), rgb_to_lab(truth)
        for row, lab in enumerate(labs):
            for channel in (0, 1):
                self.histograms[row, channel] += histogram(lab[..., 1 + channel])
        one = {
            "psnr_rgb": psnr(float(np.square(predicted.astype(np.float64) - truth).mean())),
            "psnr_ab": psnr(float(np.square(labs[0][..., 1:].astype(np.float64) - labs[1][..., 1:]).mean())),
            "colourfulness": colourfulness(predicted),
            "colourfulness_truth": colourfulness(truth),
        }
        self.photos += 1
        for name, value in one.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        return one

    def summary(self) -> dict[str, float]:
        """Every measure over all pictures counted so far."""
        if not self.photos:
            return {}
        means = {name: total / self.photos for name, total in self.sums.items()}
        shares = self.histograms / np.maximum(1, self.histograms.sum(-1, keepdims=True))
        means["colourfulness_share"] = means["colourfulness"] / max(means["colourfulness_truth"], 1e-9)
        means["js_a"], means["js_b"] = (js(shares[0, channel], shares[1, channel]) for channel in (0, 1))
        means["kl"] = sum(kl(shares[1, channel], shares[0, channel]) for channel in (0, 1)) / 2
        return means
