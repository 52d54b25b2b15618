"""Films are read as players do, also where they are damaged."""

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.clips import grey, pan, read, write
from helpers.films import Colourise, lightness

from colourise.films import film as films
from colourise.films.source import probe


def test_an_untagged_film_is_read_as_players_do(tmp_path: Path) -> None:
    small = write(tmp_path / "a.mp4", pan("coffee.jpg", 2))
    large = write(tmp_path / "b.mp4", pan("coffee.jpg", 2, (1280, 720)), options={"preset": "ultrafast"})
    assert probe(small).matrix == films.BT601
    assert probe(large).matrix == films.BT709


def test_interlaced_films_are_told_and_made_whole_on_request(colourise: Colourise, tmp_path: Path) -> None:
    frames = pan("coffee.jpg", 10, step=(6, 0))
    woven = [
        np.where(np.arange(64)[:, None, None] % 2, b, a)
        for a, b in zip(frames[::2], frames[1::2], strict=True)
    ]
    options = {"flags": "+ildct+ilme", "x264-params": "tff=1", "crf": "5"}
    source = write(tmp_path / "a.mp4", woven, options=options)
    result = colourise(source, "-o", tmp_path / "b.mp4")
    assert "--deinterlace" in result.stderr
    result = colourise(source, "-o", tmp_path / "c.mp4", "--deinterlace")
    assert result.exit_code == 0
    assert "--deinterlace" not in result.stderr
    assert read(tmp_path / "c.mp4")[0] == read(source)[0]

    def combs(path: Path) -> float:
        L = lightness(read(path)[1])
        return float(np.abs(2 * L[:, 1:-1] - L[:, :-2] - L[:, 2:]).mean())

    assert combs(tmp_path / "c.mp4") < 0.7 * combs(tmp_path / "b.mp4")


def test_a_cover_is_no_film(colourise: Colourise, tmp_path: Path) -> None:
    song = tmp_path / "song.mp4"
    plain = write(tmp_path / "plain.mp4", pan("coffee.jpg", 4), sound=1)
    with av.open(str(plain)) as source, av.open(str(song), "w") as out:
        sound = out.add_stream_from_template(source.streams.audio[0])
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 96, 64, "yuvj420p", 1024
        out.mux(
            cover.encode(
                av.VideoFrame.from_ndarray(pan("coffee.jpg", 1)[0], "rgb24").reformat(format="yuvj420p")
            )
        )
        out.mux(cover.encode(None))
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = sound
                out.mux(packet)
    result = colourise(song)
    assert result.exit_code == 1
    assert "no pictures that move" in result.stderr


@pytest.mark.parametrize("suffix", ["mkv", "ts"])
def test_a_film_that_breaks_off_is_coloured_as_far_as_it_goes(
    colourise: Colourise, tmp_path: Path, suffix: str
) -> None:
    source = write(tmp_path / f"a.{suffix}", pan("coffee.jpg", 48), options={"g": "8", "crf": "10"}, sound=2)
    source.write_bytes(source.read_bytes()[: source.stat().st_size * 6 // 10])
    result = colourise(source, "-o", tmp_path / "b.mp4")
    assert result.exit_code == 0, result.stderr
    count = len(read(source)[0])
    assert 10 < count < 48
    assert len(read(tmp_path / "b.mp4")[0]) == count


def test_an_mp4_without_its_index_is_refused(colourise: Colourise, film: Path) -> None:
    film.write_bytes(film.read_bytes()[:-2000])
    result = colourise(film)
    assert result.exit_code == 1
    assert "damaged or cut off" in result.stderr
    assert result.stderr.count("\n") == 1


def test_damaged_packets_in_the_middle_are_passed_over(colourise: Colourise, tmp_path: Path) -> None:
    source = write(
        tmp_path / "a.mkv", grey(pan("coffee.jpg", 48)), codec="ffv1", pixel_format="gray", sound=2
    )
    data = bytearray(source.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 6000] = bytes(6000)
    source.write_bytes(data)
    result = colourise(source, "-o", tmp_path / "b.mp4")
    assert result.exit_code == 0, result.stderr
    assert 30 < len(read(tmp_path / "b.mp4")[0]) <= 48


def test_only_sound_is_no_film(colourise: Colourise, tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.mp4", pan("coffee.jpg", 4), sound=1)
    with av.open(str(plain)) as source, av.open(str(tmp_path / "a.mp4"), "w") as out:
        sound = out.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.size:
                packet.stream = sound
                out.mux(packet)
    result = colourise(tmp_path / "a.mp4")
    assert result.exit_code == 1
    assert "has only sound" in result.stderr


def test_a_film_without_pictures(colourise: Colourise, tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as out:
        stream = out.add_stream("ffv1", rate=24)
        stream.width, stream.height = 96, 64
        out.start_encoding()
    result = colourise(tmp_path / "a.mkv")
    assert result.exit_code == 1
    assert "a.mkv" in result.stderr
    assert result.stderr.count("\n") == 1


def test_missing_times_follow_from_the_rate(colourise: Colourise, tmp_path: Path) -> None:
    source = write(tmp_path / "a.h264", pan("coffee.jpg", 12), options={"bf": "0"})  # a bare stream has none
    result = colourise(source, "-o", tmp_path / "b.mp4")
    assert result.exit_code == 0, result.stderr
    times = read(tmp_path / "b.mp4")[0]
    assert len(times) == 12
    assert len({b - a for a, b in itertools.pairwise(times)}) == 1


def test_a_missing_film(colourise: Colourise, tmp_path: Path) -> None:
    result = colourise(tmp_path / "none.mp4")
    assert result.exit_code == 1
    assert "none.mp4: No such file" in result.stderr
