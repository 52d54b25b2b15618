"""Options of films that do not go together, and times in exact seconds."""

from fractions import Fraction

import pytest

from colourise.errors import FilmError
from colourise.films.options import FilmOptions


def test_a_preview_has_no_end() -> None:
    with pytest.raises(FilmError, match="--preview and --end both say where to end; choose one"):
        FilmOptions(preview=1, end=2)


def test_times_are_exact() -> None:
    assert FilmOptions().window() == (None, None)
    assert FilmOptions(start=1.5, end=3).window() == (Fraction(3, 2), Fraction(3))
    assert FilmOptions(start=Fraction(1, 3), preview=Fraction(1, 3)).window() == (
        Fraction(1, 3),
        Fraction(2, 3),
    )
    assert FilmOptions(preview=2).window() == (None, Fraction(2))
