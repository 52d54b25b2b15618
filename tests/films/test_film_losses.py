"""What an output leaves out is found by comparing it with the film, and said before work starts."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.clips import grey, pan, read
from helpers.films import CASES, Colourise

from colourise.films.encode import Encoder
from colourise.films.film import Frame
from colourise.films.options import Encoding
from colourise.films.source import probe
from colourise.films.turning import display_matrix

CAPTIONS, FIELDS, DEEP = (
    CASES / name for name in ("captions-in-picture.ts", "interlaced-tff.mpg", "film-16bit-ffv1.mkv")
)


@pytest.mark.parametrize(
    ("source", "options", "lost"),
    [
        (CAPTIONS, "-o b.mkv --codec ffv1", "captions inside the picture, which .mkv with ffv1"),
        (CAPTIONS, "-o b.mp4 --codec hevc --preset ultrafast", "captions inside the picture, which .mp4"),
        (CAPTIONS, "-o b.mp4", ""),
        (FIELDS, "-o b.mkv --codec av1 --preset 12", "the marks of interlaced pictures, which .mkv with av1"),
        (FIELDS, "-o b.mp4 --codec hevc --preset ultrafast", "the marks of interlaced pictures, which .mp4"),
        (FIELDS, "-o b.mp4 --codec hevc --preset ultrafast --deinterlace", ""),
        (FIELDS, "-o b.mkv", ""),
        (DEEP, "-o b.mp4", "6 of its 16 bits, which .mp4 with h264"),
        (DEEP, "-o b.mov --codec prores", "6 of its 16 bits, which .mov with prores"),
        (DEEP, "-o b.mkv --codec ffv1", ""),
    ],
)
def test_what_is_left_out_is_told_first(
    colourise: Colourise,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    source: Path,
    options: str,
    lost: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = colourise(source, *options.split())
    assert result.exit_code == 0, result.stderr
    told = " ".join(result.stderr.split())
    assert told.count("left out") == bool(lost)
    if lost:
        assert f"left out: {lost}" in told
        assert told.index("left out") < told.index("coloured")


def tagged(path: Path, tags: dict[str, str], *, marked_from: int = 99, **turn: float) -> Path:
    """A film with these metadata and this turn, of which pictures are marked interlaced from some on."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264" if path.suffix == ".mp4" else "ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(turn.pop("degrees", 0), **turn)
        film.metadata.update(tags)
        graph = av.filter.Graph()
        source = graph.add_buffer(width=96, height=64, format="yuv420p", time_base=Fraction(1, 24))
        graph.link_nodes(source, graph.add("setfield", "tff"), graph.add("buffersink")).configure()
        for place, rgb in enumerate(grey(pan("chelsea.jpg", 30))):
            picture = av.VideoFrame.from_ndarray(rgb).reformat(format="yuv420p")
            picture.pts, picture.time_base = place, Fraction(1, 24)
            if place >= marked_from:
                graph.push(picture)
                picture = graph.pull()
            film.mux(stream.encode(picture))
        film.mux(stream.encode(None))
    return path


def test_metadata_that_the_container_cannot_hold_are_named(colourise: Colourise, tmp_path: Path) -> None:
    source = tagged(tmp_path / "a.mkv", {"TITLE": "Köln", "ARCHIVE_NUMBER": "12/345"})
    result = colourise(source, "-o", tmp_path / "b.mp4")
    assert "left out: metadata (archive_number), which .mp4" in " ".join(result.stderr.split())
    result = colourise(source, "-o", tmp_path / "b.mkv")
    assert "left out" not in result.stderr


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
@pytest.mark.parametrize(
    "turn", [{"hflip": True}, {"vflip": True}, {"degrees": 90, "hflip": True}, {"degrees": 30}]
)
def test_mirrored_films_and_odd_angles_stay_so(
    colourise: Colourise, tmp_path: Path, turn: dict[str, float], suffix: str
) -> None:
    source, target = tagged(tmp_path / "a.mp4", {}, **turn), tmp_path / f"b.{suffix}"
    result = colourise(source, "-o", target)
    assert result.exit_code == 0, result.stderr
    assert "left out" not in result.stderr
    matrices = []
    for path in (source, target):
        with av.open(str(path)) as film:
            matrices.append(display_matrix(next(film.decode(video=0))))
    assert np.abs(np.subtract(*matrices)).max() <= 2
    upright = {"hflip": 0, "vflip": 2}.get(next(iter(turn)), 0)
    assert "degrees" in turn or probe(source).turns == upright


def test_what_is_met_later_is_told_at_the_end(colourise: Colourise, tmp_path: Path) -> None:
    source = tagged(tmp_path / "a.mkv", {}, marked_from=26)
    result = colourise(source, "-o", tmp_path / "b.mp4")
    assert result.exit_code == 0, result.stderr
    assert "left out: the marks of interlaced pictures" in " ".join(result.stderr.split())


@pytest.fixture
def few() -> Iterator[Frame]:
    """Frames of a film."""
    return iter([Frame(rgb, place, 1) for place, rgb in enumerate(pan("coffee.jpg", 8))])


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_segment_may_have_few_pictures(
    tmp_path: Path, film: Path, few: Iterator[Frame], codec: str, count: int
) -> None:
    preset = "13" if codec == "av1" else "ultrafast"
    with Encoder(tmp_path / "a.mkv", probe(film), Encoding(codec, preset=preset)) as encoder:
        for frame in (next(few) for _ in range(count)):
            encoder.write(encoder.prepare(frame.pixels, frame))
    assert len(read(tmp_path / "a.mkv")[0]) == count
    times = encoder.times.arrays()
    assert (times["pts"] >= times["dts"]).all()
    assert (times["pts"] - times["dts"]).max() < 100 / 24 / probe(film).time_base
