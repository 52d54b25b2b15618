"""Histograms of a and b: a line for every model and for the truth."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from colourise.evaluation.metrics import BINS, Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLACK = "#000000"
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
)  # Okabe and Ito's, all but yellow
STYLES = ("-", "--", "-.", ":", (0, (6, 1, 1, 1, 1, 1)))  # as many as have no factor in common with COLOURS
LEAST = 1e-7  # the smallest share of pixels that the histograms show


def histograms(scores: Mapping[str, Scores]) -> Figure:
    """Plot the share of pixels with each a and each b, on a log scale: a line a model and one for the truth.

    As wide as the text of a page, 7 inches, with letters of 8 and 9 points; in colours that colour-blind
    people can tell apart, and line styles for print without colour.
    """
    from matplotlib.figure import Figure  # pyplot would choose a backend for the whole process

    shares = {name: one.shares() for name, one in scores.items()}  # (prediction or truth, a or b, bin)
    truth = next(iter(shares.values()))[1]
    lines = [truth, *(both[0] for both in shares.values())]
    seen = np.flatnonzero((np.array(lines) >= LEAST).any((0, 1)))  # bins

    figure = Figure(figsize=(7, 2.9), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    middles = BINS[:-1] + 0.5
    for channel, axes in enumerate(panels):
        axes.fill_between(middles, truth[channel], color="#e4e4e4")
        drawn = axes.plot(middles, truth[channel], color=BLACK, linewidth=1.8)
        looks = zip(itertools.cycle(COLOURS), itertools.cycle(STYLES), strict=False)
        for (colour, style), both in zip(looks, shares.values(), strict=False):
            drawn += axes.plot(middles, both[0, channel], color=colour, linestyle=style, linewidth=1.3)
        axes.set_yscale("log")
        axes.set_xlim(BINS[seen[0]] - 2, BINS[seen[-1] + 1] + 2)
        axes.set_xlabel("ab"[channel], fontsize=9, style="italic")
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(bottom=LEAST)
    panels[0].set_ylabel("share of pixels", fontsize=9)
    legend = figure.legend(
        drawn,
        ["truth", *shares],
        loc="outside upper center",
        ncols=4,
        frameon=False,
        fontsize=8,
        handlelength=3,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name may have dollars in it
    return figure
