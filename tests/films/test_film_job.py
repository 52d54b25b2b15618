"""What cannot be meant is refused; and the text that a half-made film is known by."""

from pathlib import Path

import pytest
from helpers.clips import read
from helpers.films import Colourise


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--start", "9"], "has only 1.0 seconds"),
        (["--start", "0.5", "--end", "0.5"], "--end is not after --start"),
    ],
)
def test_parts_that_are_nowhere(colourise: Colourise, film: Path, options: list[str], told: str) -> None:
    result = colourise(film, *options)
    assert result.exit_code == 1
    assert told in " ".join(result.stderr.split())


def test_nothing_is_overwritten(colourise: Colourise, film: Path) -> None:
    target = film.with_name("b.mp4")
    target.write_text("mine")
    result = colourise(film, "-o", target)
    assert (result.exit_code, target.read_text()) == (1, "mine")
    assert "--overwrite" in result.stderr
    assert colourise(film, "-o", target, "--overwrite").exit_code == 0
    assert len(read(target)[0]) == 24
    result = colourise(film, "-o", film, "--overwrite")
    assert result.exit_code == 1
    assert "would be written over" in result.stderr
