"""Histograms of a and b: lines, and their legend."""

import sys

import numpy as np
import pytest

from colourise.evaluation.contact_sheets import grey_of
from colourise.evaluation.histograms import COLOURS, histograms
from colourise.evaluation.metrics import Scores

CHANCE = np.random.default_rng(0)


def pictures(count, height=40, width=60):
    return [CHANCE.integers(0, 255, (height, width, 3)).astype(np.uint8) for _ in range(count)]


def test_a_model_called_truth_has_a_line_of_its_own():
    truth, other = pictures(2)
    scores = {"truth": Scores()}
    scores["truth"].add(other, truth)
    figure = histograms(scores)
    assert len(figure.legends[0].get_texts()) == len(figure.axes[0].lines) == 2


def test_histograms_show_every_models_shares_and_the_truths():
    truth, other = pictures(2)
    scores = {"mine": Scores(), "_$odd": Scores()}
    for one in scores.values():
        one.add(grey_of(truth) if one is scores["mine"] else other, truth)
    backend = sys.modules.get("matplotlib.pyplot")
    figure = histograms(scores)
    assert sys.modules.get("matplotlib.pyplot") is backend
    for channel, axes in enumerate(figure.axes):
        assert axes.get_yscale() == "log"
        drawn = [line.get_ydata() for line in axes.lines]
        assert np.array_equal(drawn[0], scores["mine"].shares()[1, channel])
        assert np.array_equal(drawn[1], scores["mine"].shares()[0, channel])
        assert np.array_equal(drawn[2], scores["_$odd"].shares()[0, channel])
        assert [line.get_color() for line in axes.lines[1:]] == list(COLOURS[:2])
        assert axes.lines[1].get_linestyle() != axes.lines[2].get_linestyle()
        assert drawn[1].sum() == pytest.approx(1)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["truth", "mine", "_$odd"]
