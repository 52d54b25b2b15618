"""Captions inside the picture (EIA-608 in A53 side data) go to the output with their pictures."""

from pathlib import Path

import av
import pytest
from av.sidedata.sidedata import Type
from helpers.films import CASES, Colourise

SOURCE = CASES / "captions-in-picture.ts"


def captions(path: Path) -> list[bytes]:
    """The caption data of each picture."""
    with av.open(str(path)) as film:
        return [
            b"".join(bytes(data) for data in picture.side_data if data.type == Type.A53_CC)
            for picture in film.decode(video=0)
        ]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_captions_inside_the_picture_are_kept(colourise: Colourise, tmp_path: Path, suffix: str) -> None:
    assert any(captions(SOURCE))
    result = colourise(SOURCE, "-o", tmp_path / f"b.{suffix}")
    assert result.exit_code == 0, result.stderr
    assert captions(tmp_path / f"b.{suffix}") == captions(SOURCE)


def test_captions_of_a_part_and_of_whole_pictures(colourise: Colourise, tmp_path: Path) -> None:
    result = colourise(SOURCE, "-o", tmp_path / "b.mp4", "--deinterlace", "--start", "0.2", "--end", "0.6")
    assert result.exit_code == 0, result.stderr
    now = captions(tmp_path / "b.mp4")
    assert len(now) == 12
    assert now == captions(SOURCE)[6:18] or now == captions(SOURCE)[7:19]
