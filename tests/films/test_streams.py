"""What an output cannot hold is said before work starts."""

from pathlib import Path

import av
import pytest
from helpers.films import Colourise


def test_what_the_container_cannot_hold_is_told_first(colourise: Colourise, rich: Path) -> None:
    result = colourise(rich, "-o", rich.with_name("b.mp4"))
    assert result.exit_code == 0, result.stderr
    told = " ".join(result.stderr.split())
    assert "left out: a file (font.ttf), which .mp4 with h264 cannot hold" in told
    assert "its subtitles (srt) become mov_text" in told
    assert told.index("left out") < told.index("coloured")
    with av.open(str(rich.with_name("b.mp4"))) as after:
        assert [chapter["metadata"]["title"] for chapter in after.chapters()] == ["Dom", "Rhein"]
        assert after.metadata["title"] == "Köln 1921"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--codec ffv1 --crf 3 -o b.mkv", "--crf is not for ffv1"),
        ("--crf 60", "h264 takes 0 to 51"),
        ("--preset quick", "choose one of ultrafast"),
        ("--codec av1 --preset slow", "av1 takes a number"),
        ("-o b.webm", "cannot hold h264"),
        ("-o b.mp4 --codec prores", "cannot hold prores"),
        ("-o b.avi", "keeps no times"),
        ("-o b.doc", "no film can have this suffix"),
    ],
)
def test_what_cannot_be_written_is_told_before_work_starts(
    colourise: Colourise, monkeypatch: pytest.MonkeyPatch, film: Path, options: str, told: str
) -> None:
    monkeypatch.chdir(film.parent)
    result = colourise("film.mp4", *options.split())
    assert result.exit_code == 1
    assert told in result.stderr
    assert sorted(path.name for path in film.parent.iterdir()) == ["film.mp4"]
