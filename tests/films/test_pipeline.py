"""Frames through the network, without a file that is written."""

from pathlib import Path

import numpy as np
import pytest
from helpers.clips import read
from helpers.films import lightness, spread

from colourise.colouriser import Colouriser
from colourise.films import coloured_frames, probe


@pytest.mark.parametrize("limit", [None, 5])
def test_frames_come_in_pairs_of_before_and_after(
    film: Path, colouriser: Colouriser, limit: int | None
) -> None:
    frames = list(coloured_frames(probe(film), colouriser, limit=limit))
    shown = read(film)[1][:limit]
    assert [place for place, frame in enumerate(frames) if frame.cut] == ([0, 14] if limit is None else [0])
    before, after = [frame.before for frame in frames], [frame.after for frame in frames]
    assert {picture.shape for picture in (*before, *after)} == {(64, 96, 3)}
    assert np.abs(np.stack(before).astype(int) - np.stack(shown)).mean() < 1
    assert spread(after) > 2.5
    assert np.abs(lightness(before) - lightness(after)).max() < 1
