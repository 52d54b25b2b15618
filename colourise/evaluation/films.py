"""Score models on colour films: how good their colours are, and how steady."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from colourise.colouriser import Colouriser
from colourise.evaluation.events import FilmBegun, FrameScored, OnEvent, ignore
from colourise.evaluation.metrics import (
    colour_consistency,
    colour_histograms,
    colourfulness,
    histogram,
    psnr,
    warp_error,
)
from colourise.films import coloured_frames, probe
from colourise.films.steady import Flow
from colourise.images.pillow import to_8_bits
from colourise.lab.pictures import Floats, Pixels, resize, rgb_to_lab

SIDE = 256  # pixels of each side at which warp errors are measured, at most


@dataclass
class FilmScores:
    """Running scores of a film's frames, in their order."""

    flow: Flow
    """Optical flow, on the truth's L."""
    frames: int = 0
    """Number of frames added."""
    warp_errors: list[float] = field(default_factory=list)
    """Warp error of each frame that is not the first of its scene."""
    colourfulness: float = 0.0
    """Sum over frames."""
    psnr_ab: float = 0.0
    """Sum over frames."""
    scenes: list[list[NDArray[np.float64]]] = field(default_factory=list)
    """Histograms of R, G and B of the frames of each scene."""
    scenes_ab: list[list[NDArray[np.float64]]] = field(default_factory=list)
    """Histograms of a and b of these frames."""
    previous: tuple[Floats, Floats] | None = None
    """(h, w) L of the truth and (h, w, 2) ab of the previous frame, at SIDE."""

    def add(self, picture: Pixels, truth: Pixels, *, cut: bool) -> None:
        """Add a frame and its truth, both (H, W, 3); with `cut`, a scene begins."""
        ours, theirs = rgb_to_lab(picture), rgb_to_lab(truth)
        size = min(SIDE, truth.shape[0]), min(SIDE, truth.shape[1])
        L, ab = resize(theirs[..., 0].copy(), size), resize(ours[..., 1:].copy(), size)
        if cut:
            self.scenes.append([])
            self.scenes_ab.append([])
        elif self.previous is not None:
            back, _ = self.flow(self.previous[0], L)
            self.warp_errors.append(warp_error(ab, self.previous[1], back.way, back.trust > 0.5))
        self.scenes[-1].append(colour_histograms(picture))
        self.scenes_ab[-1].append(np.stack([histogram(plane) for plane in cv2.split(ab)]) / L.size)
        self.previous = L, ab
        self.frames += 1
        self.colourfulness += colourfulness(picture)
        self.psnr_ab += psnr(float(np.square(ours[..., 1:] - theirs[..., 1:], dtype=np.float64).mean()))

    def summary(self) -> dict[str, float]:
        """Return every measure over all frames added so far."""
        return {
            "frames": self.frames,
            "scenes": len(self.scenes),
            "warp_error": float(np.nanmean(self.warp_errors))
            if np.isfinite(self.warp_errors).any()
            else float("nan"),
            "cdc": colour_consistency(self.scenes),
            "cdc_ab": colour_consistency(self.scenes_ab),
            "colourfulness": self.colourfulness / max(1, self.frames),
            "psnr_ab": self.psnr_ab / max(1, self.frames),
        }


def score_film(
    path: Path,
    colourisers: Mapping[str, Colouriser],
    *,
    steadiness: float,
    frames: int | None = None,
    on_event: OnEvent = ignore,
) -> dict[str, FilmScores]:
    """Colour the grey version of a colour film with every model, frame by frame and steadied, and score it.

    psnr_ab, colourfulness and the CDC index are measured at the film's own size, on 8 bits a channel. Warp
    errors are measured at SIDE, where rounding to 8 bits does not hide flicker, along an optical flow that
    is finer than the one used for steadying, and only where this flow is reliable. R, G and B also hold
    lightness, which moves and flickers by itself, so the index is given for a and b alone too, at SIDE.

    Args:
        path: the film's path.
        colourisers: the models, by name.
        steadiness: how strongly the steadied version is steadied.
        frames: number of frames to score, from the beginning; by default all.
        on_event: called with a `FilmBegun`, and a `FrameScored` for every frame of every version.
    Returns:
        The scores of "truth", "NAME, frame by frame" and "NAME, steadied".
    Raises:
        FilmError: the film cannot be read.
    """
    on_event(FilmBegun(path))
    film = probe(path)
    scores: dict[str, FilmScores] = {}

    def score(name: str) -> FilmScores:
        return scores.setdefault(name, FilmScores(Flow(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)))

    def versions() -> Iterator[tuple[str, Colouriser, float]]:
        for name, colouriser in colourisers.items():
            yield f"{name}, frame by frame", colouriser, 0.0
            yield f"{name}, steadied", colouriser, steadiness

    for place, (version, colouriser, amount) in enumerate(versions()):
        for coloured in coloured_frames(film, colouriser, steadiness=amount, limit=frames):
            truth = to_8_bits(coloured.before)
            if place == 0:
                score("truth").add(truth, truth, cut=coloured.cut)
            score(version).add(to_8_bits(coloured.after), truth, cut=coloured.cut)
            on_event(FrameScored(path, version))
    return scores
