"""Contact sheets: what lies where."""

import numpy as np

from colourise.evaluation.contact_sheets import GAP, contact_sheet, fitted, sans

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
