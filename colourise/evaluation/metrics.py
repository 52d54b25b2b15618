"""How good colours are: PSNR on RGB and ab, SSIM, delta E 2000, ab histograms, colourfulness.

`Scores` adds up photo by photo, and keeps one number of each. Pictures are (H, W, 3) uint8
sRGB; the definitions are those of the paper wherever it gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from colourise.lab.pictures import Floats, Pixels, lay_over, rgb_to_lab

BINS = np.arange(-110, 111)  # unit bins
FAR_WORSE = -3.0  # dB: a photo that gains less than this is worse than grey by a factor of two in its error
NO_COLOUR = np.zeros((2, 1, 1), np.float32)  # ab
SMOOTHING = 1e-10  # added to every bin's share before the KL divergence


def psnr(error: float) -> float:
    """Return the peak signal-to-noise ratio in dB for a mean squared error, peak 255."""
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def ssim(predicted: Pixels, truth: Pixels) -> float:
    """Return the structural similarity of two pictures, 1 when equal.

    It is the mean over R, G, B and all windows that lie inside the picture.

    Windows are 11x11 Gaussians of sigma 1.5; the data range is 255. (scikit-image has it too, but is 200 MB
    with what it needs.)

    Source: Wang et al., "Image quality assessment: from error visibility to structural similarity", equation
    13; checked against scikit-image.
    """

    def mean(picture: NDArray[np.float64]) -> NDArray[np.float64]:
        windows = cv2.GaussianBlur(picture, (11, 11), 1.5)  # of every point, also beyond the edges
        inside: NDArray[np.float64] = windows[5:-5, 5:-5]
        return inside

    x, y = predicted.astype(np.float64), truth.astype(np.float64)
    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    covariance = mean(x * y) - mean_x * mean_y
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((likeness / ((mean_x**2 + mean_y**2 + c1) * (variances + c2))).mean())


def delta_e(lab: Floats, truth: Floats) -> float:
    """Return the mean CIEDE2000 colour difference of two Lab pictures (H, W, 3); about 1 is just visible.

    Source: Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula"; checked against their pairs and
    scikit-image.
    """
    (L1, a1, b1), (L2, a2, b2) = np.moveaxis(lab, -1, 0), np.moveaxis(truth, -1, 0)
    stretch = 1.5 - chroma_share((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) / 2  # of a, for near-greys
    C1, C2 = np.hypot(stretch * a1, b1), np.hypot(stretch * a2, b2)
    h1, h2 = np.arctan2(b1, stretch * a1), np.arctan2(b2, stretch * a2)  # -pi..pi; of a grey, it counts for 0
    turn = h2 - h1
    turn -= 2 * np.pi * (np.abs(turn) > np.pi) * np.sign(turn)  # the short way round
    L, C, grey = (L1 + L2) / 2, (C1 + C2) / 2, C1 * C2 == 0
    h = np.where(grey, h1 + h2, h1 + turn / 2)
    degree = np.pi / 180
    T = (
        1
        - 0.17 * np.cos(h - 30 * degree)
        + 0.24 * np.cos(2 * h)
        + 0.32 * np.cos(3 * h + 6 * degree)
        - 0.20 * np.cos(4 * h - 63 * degree)
    )
    lightness = (L2 - L1) / (1 + 0.015 * (L - 50) ** 2 / np.sqrt(20 + (L - 50) ** 2))
    chroma = (C2 - C1) / (1 + 0.045 * C)
    hue = 2 * np.sqrt(C1 * C2) * np.sin(turn / 2) / (1 + 0.015 * C * T)
    blue = np.exp(-(((h / degree % 360 - 275) / 25) ** 2))
    rotation = -2 * chroma_share(C) * np.sin(60 * degree * blue)
    squares = lightness**2 + chroma**2 + hue**2 + rotation * chroma * hue
    return float(np.sqrt(np.maximum(squares, 0)).mean(dtype=np.float64))


def chroma_share(C: Floats) -> Floats:
    """Compute the term of chroma that CIEDE2000 uses twice: 0 for grey, near 1 for strong colours."""
    seventh = C**7
    return np.sqrt(seventh / (seventh + 25.0**7))


def colourfulness(picture: Pixels, *, absolute: bool = False) -> float:
    """Return the colourfulness of a picture: 0 for grey, about 40 for an ordinary photo.

    Args:
        picture: (H, W, 3) uint8.
        absolute: take |rg| and |yb|, as the code behind several published tables does.
    Source: Hasler and Suesstrunk, "Measuring colourfulness in natural images", equation of M3.
    """
    red, green, blue = np.moveaxis(picture.astype(np.float64), -1, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    if absolute:
        rg, yb = np.abs(rg), np.abs(yb)
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def histogram(channel: NDArray[np.floating]) -> NDArray[np.int64]:
    """Count one channel of ab in unit bins from -110 to 110, which hold all of sRGB."""
    places = np.floor(channel).astype(np.int64).ravel() - BINS[0]
    return np.bincount(places, minlength=len(BINS) - 1)


def kl(p: NDArray[np.floating], q: NDArray[np.floating]) -> float:
    """Return the Kullback-Leibler divergence of shares p from q in nats, both smoothed by SMOOTHING."""
    p, q = (p + SMOOTHING) / (p + SMOOTHING).sum(), (q + SMOOTHING) / (q + SMOOTHING).sum()
    return float((p * np.log(p / q)).sum())


def js(p: NDArray[np.floating], q: NDArray[np.floating]) -> float:
    """Return the Jensen-Shannon divergence of shares p and q in nats: 0 when equal, ln 2 when disjoint."""
    middle = (p + q) / 2

    def to_middle(x: NDArray[np.floating]) -> float:
        positive = x > 0
        return float((x[positive] * np.log(x[positive] / middle[positive])).sum())

    return to_middle(p) / 2 + to_middle(q) / 2


def warp_error(ab: Floats, before: Floats, way: Floats, shown: NDArray[np.bool_]) -> float:
    """Return how much the colours of a frame differ from those of the previous frame, moved into place.

    Args:
        ab: (H, W, 2) of the frame.
        before: (H, W, 2), ab of the previous frame.
        way: (H, W, 2), the position of each point in the previous frame, as x and y.
        shown: (H, W), where the point was visible in the previous frame.
    Returns:
        Mean absolute difference of a and b over `shown`; NaN if nothing is shown.
    Source: Lai et al., "Learning blind video temporal consistency", section 5, on ab instead of RGB.
    """
    warped = cv2.remap(before, way, None, cv2.INTER_LINEAR)
    return float(np.abs(ab - warped)[shown].mean()) if shown.any() else float("nan")


def colour_histograms(picture: Pixels) -> NDArray[np.float64]:
    """Return the share of each level of R, G and B, (3, 256), in a picture (H, W, 3) uint8."""
    counts = [np.bincount(picture[..., channel].ravel(), minlength=256) for channel in range(3)]
    return np.stack(counts) / (picture.shape[0] * picture.shape[1])


def colour_consistency(scenes: Sequence[Sequence[NDArray[np.float64]]]) -> float:
    """Return the Colour Distribution Consistency index: lower is steadier; NaN if no scene has two frames.

    Args:
        scenes: for each scene, the histograms of its frames as shares, (channels, bins); in the papers those
            of `colour_histograms`.
    Returns:
        Mean over frame gaps 1, 2 and 4 of the mean JS divergence, in nats, over channels and pairs of frames.
    Source: Liu et al., "Temporally consistent video colorization", equation of CDC; NTIRE 2023's track 2.
    """
    gaps = []
    for gap in (1, 2, 4):
        pairs = [pair for scene in scenes for pair in zip(scene, scene[gap:], strict=False)]
        if pairs:
            gaps.append(
                np.mean([js(p, q) for earlier, later in pairs for p, q in zip(earlier, later, strict=True)])
            )
    return float(np.mean(gaps)) if gaps else float("nan")


@dataclass
class Scores:
    """Running scores of predicted pictures against true ones."""

    photos: int = 0
    """Number of pictures added."""
    sums: dict[str, float] = field(default_factory=dict)
    """Sum over pictures of each measure of which the mean is reported."""
    gains: list[float] = field(default_factory=list)
    """psnr_rgb of each picture less that of its grey version."""
    histograms: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 2, len(BINS) - 1), np.int64))
    """Pooled counts: (prediction or truth, a or b, bin)."""

    def add(self, predicted: Pixels, truth: Pixels) -> dict[str, float]:
        """Add one picture and its truth, both (H, W, 3), and return the measures of this picture."""
        labs = rgb_to_lab(predicted), rgb_to_lab(truth)
        for row, lab in enumerate(labs):
            for channel in (0, 1):
                self.histograms[row, channel] += histogram(lab[..., 1 + channel])
        measures = {
            "psnr_rgb": psnr(float(np.square(predicted.astype(np.float64) - truth).mean())),
            "psnr_ab": psnr(float(np.square(labs[0][..., 1:].astype(np.float64) - labs[1][..., 1:]).mean())),
            "ssim": ssim(predicted, truth),
            "delta_e": delta_e(*labs),
            "colourfulness": colourfulness(predicted),
            "colourfulness_truth": colourfulness(truth),
            "colourfulness_abs": colourfulness(predicted, absolute=True),
            "colourfulness_abs_truth": colourfulness(truth, absolute=True),
        }
        grey = psnr(float(np.square(lay_over(truth, NO_COLOUR, threads=1).astype(np.float64) - truth).mean()))
        self.gains.append(0.0 if measures["psnr_rgb"] == grey else measures["psnr_rgb"] - grey)
        self.photos += 1
        for name, value in measures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        return measures

    def shares(self) -> NDArray[np.float64]:
        """Return the histograms as shares of all pixels, (prediction or truth, a or b, bin)."""
        return self.histograms / np.maximum(1, self.histograms.sum(-1, keepdims=True))

    def summary(self) -> dict[str, float]:
        """Return every measure over all pictures added so far."""
        if not self.photos:
            return {}
        means = {name: total / self.photos for name, total in self.sums.items()}
        shares = self.shares()
        means["colourfulness_share"] = means["colourfulness"] / max(means["colourfulness_truth"], 1e-9)
        for name in ("colourfulness", "colourfulness_abs"):
            means[f"{name}_delta"] = abs(means[name] - means[f"{name}_truth"])
        means["js_a"], means["js_b"] = (js(shares[0, channel], shares[1, channel]) for channel in (0, 1))
        gains = np.array(self.gains)
        means["far_worse"] = float((gains <= FAR_WORSE).mean())
        means["gain_p5"] = float(np.percentile(gains, 5, method="lower"))
        means["kl"] = sum(kl(shares[1, channel], shares[0, channel]) for channel in (0, 1)) / 2
        return means
