"""Films that several tests need."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from helpers.clips import pan, write

from colourise.colouriser import Colouriser, load_model
from colourise.films import pipeline


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    """A film with subtitles, two chapters, a font, a cover and a title."""
    plain = write(tmp_path / "plain.mkv", pan("coffee.jpg", 24), sound=1, sound_codec="pcm_s16le")
    path = tmp_path / "rich.mkv"
    with av.open(str(plain)) as source, av.open(str(path), "w") as film:
        copies = [
            film.add_stream_from_template(stream) for stream in (*source.streams.video, *source.streams.audio)
        ]
        copies[1].metadata["language"] = "deu"
        subtitles = film.add_mux_stream("subrip")
        subtitles.time_base = Fraction(1, 1000)
        film.add_attachment("font.ttf", "application/x-truetype-font", b"a font" * 100)
        film.metadata["title"] = "Köln 1921"
        film.set_chapters(
            [
                {
                    "id": n,
                    "start": n * 500,
                    "end": n * 500 + 500,
                    "time_base": Fraction(1, 1000),
                    "metadata": {"title": t},
                }
                for n, t in enumerate(("Dom", "Rhein"))
            ]
        )
        packet = av.Packet(b"Guten Tag")
        packet.pts = packet.dts = 100
        packet.duration, packet.time_base, packet.stream = 500, Fraction(1, 1000), subtitles
        film.mux(packet)
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                film.mux(packet)
    return path


@pytest.fixture
def colouriser(tiny_model: Path) -> Colouriser:
    return load_model(str(tiny_model), device="cpu")


@pytest.fixture
def long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film of four segments, as they are set here."""
    monkeypatch.setattr(pipeline, "SEGMENT_FRAMES", 20)
    frames = pan("coffee.jpg", 50) + pan("chelsea.jpg", 50)
    return write(tmp_path / "long.mp4", frames, sound=4.1, options={"crf": "10"})
