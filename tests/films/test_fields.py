"""Interlaced films stay interlaced, and every player is told."""

import threading
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.clips import pan, read, write
from helpers.films import CASES, Colourise, job, stop_at

from colourise.colouriser import Colouriser
from colourise.films import pipeline
from colourise.films.colouring import colour_job
from colourise.films.encode import Encoder
from colourise.films.film import BOTTOM_FIRST, TOP_FIRST, Frame
from colourise.films.options import Encoding
from colourise.films.source import frames, probe

TFF = CASES / "interlaced-tff.mpg"


def woven(count: int = 10, size: tuple[int, int] = (96, 64)) -> list[np.ndarray]:
    """Pictures of two fields each, between which the camera moves."""
    fields = pan("coffee.jpg", 2 * count, size, step=(6, 0))
    odd = np.arange(size[1])[:, None, None] % 2
    return [np.where(odd, b, a) for a, b in zip(fields[::2], fields[1::2], strict=True)]


def order(path: Path) -> tuple[int, set[bool]]:
    """The field order that a film says, and whether its pictures are marked interlaced."""
    with av.open(str(path)) as film:
        return film.streams.video[0].codec_context.field_order, {
            picture.interlaced_frame for picture in film.decode(video=0)
        }


@pytest.mark.parametrize("first", [TOP_FIRST, BOTTOM_FIRST])
@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("h264", "mp4"), ("h264", "mkv"), ("h264", "ts"), ("ffv1", "mkv"), ("prores", "mov")],
)
def test_the_order_of_fields_is_kept(
    colourise: Colourise, tmp_path: Path, first: int, codec: str, suffix: str
) -> None:
    name = "tff" if first == TOP_FIRST else "bff"
    options = {"flags": "+ildct+ilme", "x264-params": f"{name}=1", "crf": "5"}
    source = TFF if first == TOP_FIRST else write(tmp_path / "a.mp4", woven(), options=options)
    target = tmp_path / f"b.{suffix}"
    result = colourise(source, "-o", target, "--codec", codec)
    assert result.exit_code == 0, result.stderr
    assert "is interlaced, and stays so" in " ".join(result.stderr.split())
    assert order(target) == (first, {True})
    assert probe(target).field_order == first


@pytest.mark.parametrize("codec", ["hevc", "av1"])
def test_codecs_without_marks_have_the_order_in_the_container(
    colourise: Colourise, tmp_path: Path, codec: str
) -> None:
    fast = {"hevc": "ultrafast", "av1": "12"}[codec]
    for suffix in ("mkv", "mp4"):
        target = tmp_path / f"b.{suffix}"
        assert colourise(TFF, "-o", target, "--codec", codec, "--preset", fast).exit_code == 0
        assert order(target)[0] == TOP_FIRST


def test_a_deinterlaced_film_says_that_it_is(colourise: Colourise, tmp_path: Path) -> None:
    result = colourise(TFF, "-o", tmp_path / "b.mp4", "--deinterlace")
    assert result.exit_code == 0, result.stderr
    assert "is interlaced" not in result.stderr
    said, marks = order(tmp_path / "b.mp4")
    assert said < TOP_FIRST
    assert marks == {False}


@pytest.mark.parametrize(
    ("said", "first"), [(2, TOP_FIRST), (3, BOTTOM_FIRST), (4, TOP_FIRST), (5, BOTTOM_FIRST)]
)
def test_pictures_are_marked_as_the_container_says_if_the_codec_does_not(
    colourise: Colourise, tmp_path: Path, said: int, first: int
) -> None:
    source = write(tmp_path / "a.mkv", woven(), codec="ffv1", pixel_format="yuv420p", field_order=said)
    assert order(source) == (said, {False})
    assert colourise(source, "-o", tmp_path / "b.mp4").exit_code == 0
    assert order(tmp_path / "b.mp4") == (first, {True})
    assert colourise(source, "-o", tmp_path / "c.mp4", "--deinterlace").exit_code == 0
    assert order(tmp_path / "c.mp4")[1] == {False}
    whole = [frame.pixels for frame in frames(probe(source), deinterlace=True)]
    combed = [frame.pixels for frame in frames(probe(source))]
    assert combs(whole) < 0.7 * combs(combed)


def combs(pictures: list[np.ndarray]) -> float:
    light = np.stack(pictures).astype(float)
    return float(np.abs(2 * light[:, 1:-1] - light[:, :-2] - light[:, 2:]).mean())


def test_a_film_may_become_interlaced_after_its_first_pictures(colourise: Colourise, tmp_path: Path) -> None:
    source = tmp_path / "a.mkv"
    with av.open(str(source), "w") as film:
        stream = film.add_stream("ffv1", rate=25)
        stream.width, stream.height = 96, 64
        mark = av.filter.Graph()
        buffer = mark.add_buffer(width=96, height=64, format="yuv420p", time_base=Fraction(1, 25))
        mark.link_nodes(buffer, mark.add("setfield", "bff"), mark.add("buffersink")).configure()
        for place, rgb in enumerate(woven(12)):
            picture = av.VideoFrame.from_ndarray(rgb).reformat(format="yuv420p")
            picture.pts, picture.time_base = place, Fraction(1, 25)
            if place % 5 > 2:  # as in telecine
                mark.push(picture)
                picture = mark.pull()
            film.mux(stream.encode(picture))
        film.mux(stream.encode(None))
    assert colourise(source, "-o", tmp_path / "b.mp4").exit_code == 0
    assert order(tmp_path / "b.mp4")[0] == BOTTOM_FIRST


def test_colours_of_two_fields_are_not_mixed(tmp_path: Path) -> None:
    film = probe(TFF)
    decoded = next(frames(film)).picture
    pixels = np.full((film.height, film.width, 3), (200, 60, 60), np.uint8)
    pixels[1::2] = (60, 60, 200)
    path = tmp_path / "a.mkv"
    with Encoder(path, film, Encoding(crf=1)) as encoder:
        encoder.write(encoder.prepare(pixels, Frame(pixels, 0, 0, decoded)))
    (after,) = frames(probe(path))
    assert np.abs(after.pixels.astype(int) - pixels).max() < 12


def test_an_interlaced_film_that_was_stopped_goes_on_as_if_it_had_not_been(
    colouriser: Colouriser, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pipeline, "SEGMENT_FRAMES", 20)
    options = {"flags": "+ildct+ilme", "x264-params": "bff=1:keyint=15", "crf": "5"}
    source = write(tmp_path / "a.mp4", woven(60), options=options)
    colour_job(job(source, "b.mkv"), colouriser)
    stop = threading.Event()
    assert not colour_job(job(source, "c.mkv"), colouriser, on_event=stop_at(25, stop), stop=stop).complete
    made = colour_job(job(source, "c.mkv"), colouriser)
    assert not any("anew" in note for note in made.notes)
    assert order(tmp_path / "c.mkv") == (BOTTOM_FIRST, {True})
    for before, after in zip(read(tmp_path / "b.mkv"), read(tmp_path / "c.mkv"), strict=True):
        assert all(map(np.array_equal, before, after))


def test_fields_with_an_odd_number_of_lines_take_more_colour(colourise: Colourise, tmp_path: Path) -> None:
    options = {"flags": "+ildct+ilme", "top": "1"}
    source = write(tmp_path / "a.mkv", woven(3, (96, 66)), codec="mpeg2video", options=options)
    if not probe(source).interlaced:
        source = write(tmp_path / "a.mkv", woven(3, (96, 66)), codec="ffv1", field_order=2)
    result = colourise(source, "-o", tmp_path / "b.mp4")
    assert result.exit_code == 0, result.stderr
    assert "take 4:2:2 colour" in " ".join(result.stderr.split())
    assert order(tmp_path / "b.mp4")[1] == {True}
