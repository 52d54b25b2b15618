"""The film of before | after."""

from pathlib import Path

import numpy as np
import pytest
from helpers.clips import pan, read, sound_of, write
from helpers.films import Colourise, leftovers, spread


@pytest.mark.parametrize("angle", [0, 90])
def test_compare_writes_before_and_after_side_by_side(
    colourise: Colourise, tmp_path: Path, angle: int
) -> None:
    source = write(tmp_path / "a.mp4", pan("coffee.jpg", 24), sound=1, rotation=angle)
    assert colourise(source, "--compare", "-o", tmp_path / "b.mp4", "--crf", 5).exit_code == 0
    times, pictures = read(tmp_path / "b.compare.mp4")
    assert times == read(source)[0]
    assert sound_of(tmp_path / "b.compare.mp4") == sound_of(source)
    left, right = np.split(np.rot90(np.stack(pictures), angle // 90, (1, 2)), 2, axis=2)
    assert spread(list(left)) < 1.5
    coloured = np.rot90(np.stack(read(tmp_path / "b.mp4")[1]), angle // 90, (1, 2))
    assert np.abs(right.astype(int) - coloured).mean() < 3
    result = colourise(source, "--compare", "-o", tmp_path / "c.mp4", "--steadiness", 0)
    assert result.exit_code == 0
    (tmp_path / "c.mp4").unlink()
    result = colourise(source, "--compare", "-o", tmp_path / "c.mp4")
    assert result.exit_code == 1
    assert "c.compare.mp4: is there already" in result.stderr
    assert leftovers(tmp_path) == []
