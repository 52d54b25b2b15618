"""Subtitles of text become another kind of text where the container asks for it."""

from pathlib import Path

import av
from helpers.films import Colourise


def lines(path: Path) -> list[tuple[float, float, str]]:
    """When each subtitle is shown, for how long, in seconds, and its text."""
    with av.open(str(path)) as film:
        stream = film.streams.subtitles[0]
        return [
            (
                float(packet.pts * packet.time_base),
                float(packet.duration * packet.time_base),
                event.dialogue.decode(),
            )
            for packet in film.demux(stream)
            if packet.size
            for event in packet.decode()
            if event.dialogue
        ]


def test_subrip_becomes_mov_text_and_comes_back(colourise: Colourise, rich: Path) -> None:
    there, back = rich.with_name("there.mp4"), rich.with_name("back.mkv")
    result = colourise(rich, "-o", there)
    assert result.exit_code == 0, result.stderr
    assert "its subtitles (srt) become mov_text" in " ".join(result.stderr.split())
    assert lines(there) == lines(rich) == [(0.1, 0.5, "Guten Tag")]
    result = colourise(there, "-o", back)
    assert result.exit_code == 0, result.stderr
    assert lines(back) == lines(rich)


def test_a_part_has_the_subtitles_of_that_part(colourise: Colourise, rich: Path) -> None:
    assert colourise(rich, "-o", rich.with_name("b.mp4"), "--start", "0.05").exit_code == 0
    assert lines(rich.with_name("b.mp4")) == [(0.05, 0.5, "Guten Tag")]
    assert colourise(rich, "-o", rich.with_name("c.mp4"), "--start", "0.2").exit_code == 0
    assert lines(rich.with_name("c.mp4")) == []
