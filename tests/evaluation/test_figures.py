"""Contact sheets and histograms: what lies where, and what is kept."""

import sys
from pathlib import Path

import numpy as np
import pytest

from colourise.evaluation.captions import caption_names, file_names, short_names
from colourise.evaluation.contact_sheets import GAP, contact_sheet, fitted, grey_of, sans
from colourise.evaluation.events import ScoredPhoto
from colourise.evaluation.figures import EXTREMES, SHOWN, Album
from colourise.evaluation.histograms import COLOURS, histograms
from colourise.evaluation.metrics import Scores

CHANCE = np.random.default_rng(0)


def pictures(count, height=40, width=60):
    return [CHANCE.integers(0, 255, (height, width, 3)).astype(np.uint8) for _ in range(count)]


def test_rows_lie_one_below_the_other_on_white():
    rows = [pictures(3), pictures(3)]
    sheet = contact_sheet(rows)
    assert sheet.shape == (2 * 40 + GAP, 3 * 60 + 2 * GAP, 3)
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            y, x = down * (40 + GAP), across * (60 + GAP)
            assert np.array_equal(sheet[y : y + 40, x : x + 60], picture)
    assert (sheet[40 : 40 + GAP] == 255).all() and (sheet[:, 60 : 60 + GAP] == 255).all()


def test_rows_lie_side_by_side_in_columns():
    rows = [pictures(2) for _ in range(3)]
    sheet = contact_sheet(rows, columns=2)
    block = 2 * 60 + GAP + 3 * GAP
    assert sheet.shape == (2 * 40 + GAP, block + 2 * 60 + GAP, 3)
    assert np.array_equal(sheet[:40, block : block + 60], rows[1][0])
    assert np.array_equal(sheet[-40:, :60], rows[2][0])
    assert (sheet[-40:, block:] == 255).all()  # there is no fourth row


def test_words_stand_above_and_leave_the_pictures_alone():
    rows = [pictures(3, 60, 90)]
    plain = contact_sheet(rows)
    captioned = contact_sheet(rows, captions=("grey", "model", "truth"))
    headed = contact_sheet(rows, captions=("grey", "model", "truth"), heading="batch 500")
    strip = len(captioned) - len(plain)
    assert len(headed) - len(captioned) == strip > 11
    assert np.array_equal(captioned[strip:], plain) and np.array_equal(headed[2 * strip :], plain)
    assert np.array_equal(headed[strip:], captioned)
    for column in range(3):
        left = column * (90 + GAP)
        ink = np.flatnonzero((captioned[:strip, left : left + 90] < 128).any((0, 2)))
        assert abs(ink.mean() - 45) < 6  # in the middle
    assert (headed[:strip, -100:] == 255).all() and (headed[:strip, :50] < 128).any()  # on the left


def test_long_words_lose_their_middle():
    font = sans(12)
    name = "photograph-of-a-street-in-summer.jpg"
    short = fitted(name, font, 120)
    assert font.getlength(short) <= 120 < font.getlength(name)
    assert short.startswith("photo") and short.endswith(".jpg") and "…" in short
    assert fitted(name, font, 1000) == name
    assert fitted(name, font, 1) == ""
    assert fitted("two\nlines\udcff", font, 1000) == "two lines?"


def test_letters_of_other_languages_are_drawn():
    def drawn(text):
        return contact_sheet([pictures(1, 60, 90)], captions=[text])[:15].tobytes()

    assert len({drawn(text) for text in ("ü", "é", "Ж", "Δ", "\ufffe")}) == 5  # no two are the same box


@pytest.mark.parametrize(
    ("models", "short"),
    [
        (["colourise-v4"], ["colourise-v4"]),
        (["runs/mine", "owner/other"], ["mine", "other"]),
        (["a/run", "b/run"], ["a/run", "b/run"]),
        (["x/a/run", "x/b/run", "y"], ["a/run", "b/run", "y"]),
        (["./run", "run"], ["./run", "run"]),
        (["/", "run"], ["/", "run"]),
        ([], []),
    ],
)
def test_short_names_tell_models_apart(models, short):
    assert short_names(models) == dict(zip(models, short, strict=True))


def test_captions_and_files_are_kept_apart():
    names = caption_names(["runs/truth", "runs/mine", "grey"])
    assert list(names.values()) == ["truth (model)", "mine", "grey (model)"]
    assert file_names(["a b", "a-b", "A b", "c"]) == ["a-b", "a-b-2", "A-b-3", "c"]
    truth, other = pictures(2)
    scores = {"truth": Scores()}
    scores["truth"].add(other, truth)
    figure = histograms(scores)
    assert len(figure.legends[0].get_texts()) == len(figure.axes[0].lines) == 2


def scored_photo(name, error=1.0):
    picture = np.full((8, 8, 3), 90, np.uint8)
    return ScoredPhoto(Path(name), picture, {"m": picture}, {"m": {"delta_e": error}})


def test_the_chosen_photos_hang_on_their_names_alone():
    photos = [scored_photo(f"{number}.jpg") for number in range(40)]
    albums = Album(["m"]), Album(["m"])
    for photo in photos:
        albums[0].add(photo)
    for photo in reversed(photos):
        albums[1].add(photo)
    names = [photo.source.name for photo in albums[0].chosen]
    assert len(names) == SHOWN
    assert names == [photo.source.name for photo in albums[1].chosen]
    assert names != [photo.source.name for photo in photos[:SHOWN]]


def test_best_and_worst_are_by_delta_e():
    album = Album(["m"])
    errors = CHANCE.permutation(30)
    for error in errors:
        album.add(scored_photo(f"{error}.jpg", float(error)))
    assert [photo.source.stem for photo in album.best["m"]] == [str(error) for error in range(EXTREMES)]
    assert [photo.source.stem for photo in album.worst["m"]] == [str(29 - place) for place in range(EXTREMES)]


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
