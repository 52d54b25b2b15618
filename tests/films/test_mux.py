"""Times, sound and everything else are kept."""

import re
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.clips import pan, read, sound_of, write
from helpers.films import CASES, Colourise, lightness


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
def test_times_of_variable_rate_are_kept_exactly(colourise: Colourise, tmp_path: Path, suffix: str) -> None:
    base = Fraction(1, 90000) if suffix != "mkv" else Fraction(1, 1000)
    steps = np.cumsum([1, 5, 1, 1, 9, 2] * 4)
    times = [int(3 / base / 7) + int(step / base / 30) for step in steps]  # and begins late
    source = write(tmp_path / f"a.{suffix}", pan("coffee.jpg", 24), times=times, time_base=base, sound=2)
    target = tmp_path / f"b.{suffix}"
    assert colourise(source, "-o", target).exit_code == 0
    assert read(target)[0] == read(source)[0]
    assert read(target)[0][0] > 0.4
    assert sound_of(target) == sound_of(source)


@pytest.mark.parametrize(
    ("suffix", "codec", "sound_codec", "target"),
    [
        ("avi", "mpeg4", "mp2", "a.colourised.mkv"),
        ("mpg", "mpeg2video", "mp2", "a.colourised.mkv"),
        ("ts", "mpeg2video", "mp2", "a.colourised.ts"),
        ("mov", "mpeg4", "pcm_s16le", "a.colourised.mov"),
        ("webm", "libvpx-vp9", "libopus", "a.colourised.mkv"),
        ("flv", "flv1", "aac", "a.colourised.flv"),
    ],
)
def test_containers(
    colourise: Colourise, tmp_path: Path, suffix: str, codec: str, sound_codec: str, target: str
) -> None:
    frames = pan("coffee.jpg", 24, (320, 240))
    fast = {"deadline": "realtime", "cpu-used": "8"} if codec == "libvpx-vp9" else {}
    rate = {"rate": 48000} if sound_codec == "libopus" else {}
    source = write(
        tmp_path / f"a.{suffix}", frames, codec=codec, options=fast, sound=1, sound_codec=sound_codec, **rate
    )
    result = colourise(source, "--preset", "ultrafast")
    assert result.exit_code == 0, result.stderr
    assert "left out" not in result.stderr
    before, after = (np.array(read(path)[0], float) for path in (source, tmp_path / target))
    assert len(after) == len(before)
    assert np.abs((after - after[0]) - (before - before[0])).max() < 0.002
    sounds = [[data for _, data in sound_of(path)] for path in (source, tmp_path / target)]
    assert sounds[0] == sounds[1]
    gaps = [sound_of(path)[0][0] - read(path)[0][0] for path in (source, tmp_path / target)]
    assert abs(gaps[0] - gaps[1]) < 0.03  # sound and picture stay together


def test_subtitles_chapters_attachments_and_metadata_are_copied(colourise: Colourise, rich: Path) -> None:
    result = colourise(rich)
    assert result.exit_code == 0, result.stderr
    assert "left out" not in result.stderr
    target = rich.with_name("rich.colourised.mkv")
    with av.open(str(target)) as after:
        assert after.metadata["title"] == "Köln 1921"
        assert [chapter["metadata"]["title"] for chapter in after.chapters()] == ["Dom", "Rhein"]
        assert after.streams.attachments[0].name == "font.ttf"
        assert bytes(after.streams.attachments[0].data) == b"a font" * 100
        assert after.streams.audio[0].metadata["language"] == "deu"
        (line,) = [packet for packet in after.demux(subtitles=0) if packet.size]
        assert (line.pts, line.duration, bytes(line)) == (100, 500, b"Guten Tag")
    assert sound_of(target) == sound_of(rich)


def test_no_history_leaves_the_metadata_alone(colourise: Colourise, film: Path) -> None:
    assert colourise(film, "--no-history").exit_code == 0
    with av.open(str(film.with_name("film.colourised.mp4"))) as after:
        assert "comment" not in after.metadata


def test_a_cover_is_copied(colourise: Colourise, tmp_path: Path) -> None:
    plain = write(tmp_path / "plain.mp4", pan("coffee.jpg", 6), sound=0.3)
    source = tmp_path / "a.mp4"
    with av.open(str(plain)) as given, av.open(str(source), "w") as out:
        copies = [out.add_stream_from_template(stream, opaque=True) for stream in given.streams]
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 96, 64, "yuvj420p", 1024
        picture = av.VideoFrame.from_ndarray(pan("chelsea.jpg", 1)[0], "rgb24").reformat(format="yuvj420p")
        out.mux(cover.encode(picture))
        out.mux(cover.encode(None))
        for packet in given.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                out.mux(packet)
    result = colourise(source, "-o", tmp_path / "b.mp4")
    assert result.exit_code == 0, result.stderr
    assert "left out" not in result.stderr
    covers = []
    for path in (source, tmp_path / "b.mp4"):
        with av.open(str(path)) as film:
            (stream,) = [stream for stream in film.streams.video if stream.disposition & 1024]
            covers.append([bytes(packet) for packet in film.demux(stream) if packet.size])
    assert len(covers[0]) == 1
    assert covers[0] == covers[1]
    assert read(tmp_path / "b.mp4")[0] == read(source)[0]


def test_a_part_begins_at_zero_with_its_sound(colourise: Colourise, tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", pan("coffee.jpg", 60), sound=2.5, options={"g": "12"})
    target = tmp_path / "b.mp4"
    assert colourise(source, "-o", target, "--start", "0.5", "--end", "0:01.5s").exit_code == 0
    times, pictures = read(target)
    assert times == [Fraction(place, 24) for place in range(24)]
    whole = lightness(read(source)[1][12:36])
    assert np.abs(lightness(pictures) - whole).mean() < 1.5
    inside = [data for at, data in sound_of(source) if Fraction(1, 2) <= at < Fraction(3, 2)]
    assert [data for _, data in sound_of(target)] == inside
    assert 0 <= sound_of(target)[0][0] < 0.03


def test_sound_may_be_longer_than_the_picture(colourise: Colourise, tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", pan("coffee.jpg", 6), sound=2)
    assert colourise(source).exit_code == 0
    assert sound_of(tmp_path / "a.colourised.mp4") == sound_of(source)


@pytest.mark.parametrize(
    ("name", "frames", "sounds", "suffix"),
    [
        ("film_3.mpg", 25, 39, "mkv"),
        ("film_3.mpg", 25, 39, "mp4"),
        ("film_3.mpg", 25, 39, "ts"),
        ("film_bad_sound_time.ts", 60, 94, "mkv"),
        ("film_bad_sound_time.ts", 60, 94, "mp4"),
    ],
)
def test_sound_that_a_container_refuses_is_passed_over_and_counted(
    colourise: Colourise, tmp_path: Path, name: str, frames: int, sounds: int, suffix: str
) -> None:
    result = colourise(CASES / name, "-o", tmp_path / f"b.{suffix}")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"\d+ packets? of sound could not be copied", " ".join(result.stderr.split()))
    assert len(read(tmp_path / f"b.{suffix}")[0]) == frames
    assert len(sound_of(tmp_path / f"b.{suffix}")) >= sounds
