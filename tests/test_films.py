"""Films, as people colour them: times, sound and all else kept; stopped and gone on with."""

import itertools
import json
import signal
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.clips import pan, read, sound_of, write
from helpers.commands import start
from helpers.photos import PHOTOS
from PIL import Image, ImageSequence
from skimage.color import rgb2lab
from typer.testing import Result

from colourise.colouriser import Colouriser, load_model
from colourise.errors import FilmError
from colourise.films import film as films
from colourise.films import pipeline
from colourise.films.colouring import colour_job
from colourise.films.events import FilmEvent, FilmProgress
from colourise.films.job import FilmJob, prepare
from colourise.films.options import Encoding, FilmOptions
from colourise.films.source import probe
from colourise.films.work import WorkFolder

Colourise = Callable[..., Result]


def grey(frames: list[np.ndarray]) -> list[np.ndarray]:
    return [np.repeat(frame.mean(2, keepdims=True).astype(frame.dtype), 3, 2) for frame in frames]


def spread(pictures: list[np.ndarray]) -> float:
    """How colourful pictures are on the average, 0 for grey."""
    return float(np.mean([(rgb.max(2).astype(int) - rgb.min(2)).mean() for rgb in pictures]))


def lightness(pictures: list[np.ndarray]) -> np.ndarray:
    return np.stack([rgb2lab(rgb)[..., 0] for rgb in pictures])


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two scenes in grey, with sound."""
    frames = grey(pan("coffee.jpg", 14) + pan("chelsea.jpg", 10))
    return write(tmp_path / "film.mp4", frames, options={"crf": "10"}, sound=1.0)


# What comes out


def test_a_film_is_all_it_takes(colourise: Colourise, film: Path) -> None:
    result = colourise(film)
    assert result.exit_code == 0
    target = film.with_name("film.colourised.mp4")
    assert f"coloured {target} (24 frames, 2 scenes" in result.stderr
    times, pictures = read(target)
    assert times == read(film)[0]
    assert sound_of(target) == sound_of(film)
    assert len(sound_of(target)) > 40
    assert spread(pictures) > 2.5
    assert spread(read(film)[1]) < 1
    with av.open(str(film)) as before, av.open(str(target)) as after:
        assert after.duration == before.duration
        assert after.streams.video[0].average_rate == 24
        assert after.streams.video[0].codec_context.name == "h264"
        assert "colourise" in after.metadata["comment"]
    assert leftovers(film.parent) == []


def test_lightness_is_kept_to_within_rounding(colourise: Colourise, tmp_path: Path) -> None:
    source = write(tmp_path / "a.mkv", grey(pan("coffee.jpg", 6)), codec="ffv1", pixel_format="gray")
    assert colourise(source, "--codec", "ffv1", "-o", tmp_path / "b.mkv").exit_code == 0
    before, after = read(source)[1], read(tmp_path / "b.mkv")[1]
    assert spread(after) > 2.5
    difference = np.abs(lightness(before) - lightness(after))
    assert difference.max() < 1  # what 8 bits of Y, Cb and Cr make of it
    assert difference.mean() < 0.3


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
    ("codec", "name", "suffix"),
    [
        ("hevc", "hevc", "mp4"),
        ("av1", "libdav1d", "mp4"),
        ("ffv1", "ffv1", "mkv"),
        ("prores", "prores", "mov"),
    ],
)
def test_codecs(colourise: Colourise, film: Path, codec: str, name: str, suffix: str) -> None:
    target = film.with_name(f"b.{suffix}")
    fast = {"hevc": ["--preset", "ultrafast"], "av1": ["--preset", "12"]}.get(codec, [])
    result = colourise(film, "-o", target, "--codec", codec, *fast)
    assert result.exit_code == 0, result.stderr
    with av.open(str(target)) as after:
        assert after.streams.video[0].codec_context.name == name
        assert codec != "hevc" or after.streams.video[0].codec_tag == "hvc1"
    times, pictures = read(target)
    assert times == pytest.approx(read(film)[0], abs=0.0006)  # Matroska counts milliseconds
    assert spread(pictures) > 2.5


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


def test_quality_is_what_is_asked_for(colourise: Colourise, film: Path) -> None:
    sizes = []
    for crf in (10, 40):
        assert colourise(film, "-o", film.with_name(f"{crf}.mp4"), "--crf", crf).exit_code == 0
        sizes.append(film.with_name(f"{crf}.mp4").stat().st_size)
    assert sizes[0] > 1.5 * sizes[1]


def test_odd_sizes(colourise: Colourise, tmp_path: Path) -> None:
    source = write(tmp_path / "a.mkv", pan("coffee.jpg", 5, (75, 51)), codec="ffv1", pixel_format="yuv444p")
    result = colourise(source, "-o", tmp_path / "b.mp4")
    assert result.exit_code == 0
    assert "odd size, 75 x 51" in result.stderr
    assert read(tmp_path / "b.mp4")[1][0].shape == (51, 75, 3)


def test_10_bits_stay_10(colourise: Colourise, tmp_path: Path) -> None:
    frames = [frame.astype(np.uint16) * 257 for frame in grey(pan("coffee.jpg", 5))]
    source = write(tmp_path / "a.mkv", frames, codec="ffv1", pixel_format="yuv420p10le")
    assert colourise(source, "-o", tmp_path / "b.mp4", "--codec", "hevc", "--preset", "fast").exit_code == 0
    with av.open(str(tmp_path / "b.mp4")) as after:
        assert after.streams.video[0].codec_context.pix_fmt == "yuv420p10le"
    assert np.abs(lightness(read(source)[1]) - lightness(read(tmp_path / "b.mp4")[1])).mean() < 1


@pytest.mark.parametrize("angle", [90, 180, -90])
def test_a_film_that_is_turned_stays_so_and_the_network_sees_it_upright(
    colourise: Colourise, tmp_path: Path, angle: int
) -> None:
    upright = grey(pan("chelsea.jpg", 4, (96, 64)))
    stored = [np.ascontiguousarray(np.rot90(frame, -angle // 90)) for frame in upright]
    plain = write(tmp_path / "plain.mp4", upright, options={"crf": "1"})
    turned = write(tmp_path / "turned.mp4", stored, rotation=angle, options={"crf": "1"})
    for source in (plain, turned):
        result = colourise(source, "--crf", 1, "-o", source.with_name(f"{source.stem}.out.mp4"))
        assert result.exit_code == 0
    with av.open(str(tmp_path / "turned.out.mp4")) as after:
        assert next(after.decode(video=0)).rotation % 360 == angle % 360
    ours = [np.rot90(rgb, angle // 90) for rgb in read(tmp_path / "turned.out.mp4")[1]]
    theirs = read(tmp_path / "plain.out.mp4")[1]
    assert np.mean([np.abs(a.astype(int) - b).mean() for a, b in zip(ours, theirs, strict=True)]) < 3
    assert spread(theirs) > 2.5


@pytest.mark.parametrize("matrix", [1, 6])
@pytest.mark.parametrize("full", [1, 2])
def test_matrix_range_and_aspect_are_kept_and_tagged(
    colourise: Colourise, tmp_path: Path, matrix: int, full: int
) -> None:
    frames = pan("coffee.jpg", 3)
    frames[0][:8], frames[0][-8:] = 0, 255
    source = write(
        tmp_path / "a.mp4",
        frames,
        options={"crf": "1"},
        colorspace=matrix,
        color_range=full,
        sample_aspect_ratio=Fraction(16, 15),
    )
    assert colourise(source, "-o", tmp_path / "b.mp4", "--crf", 1).exit_code == 0
    with av.open(str(tmp_path / "b.mp4")) as after:
        context = after.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (matrix, full)
        assert context.sample_aspect_ratio == Fraction(16, 15)
        luma = next(after.decode(video=0)).to_ndarray()[:64]
    black, white = (0, 255) if full == 2 else (16, 235)
    assert abs(int(luma[2, 48]) - black) <= 1
    assert abs(int(luma[-3, 48]) - white) <= 1


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


# What is copied


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


def test_what_the_container_cannot_hold_is_told_first(colourise: Colourise, rich: Path) -> None:
    result = colourise(rich, "-o", rich.with_name("b.mp4"))
    assert result.exit_code == 0, result.stderr
    told = " ".join(result.stderr.split())
    assert "cannot hold its subtitles (srt), which is left out" in told
    assert told.index("left out") < told.index("coloured")
    with av.open(str(rich.with_name("b.mp4"))) as after:
        assert [chapter["metadata"]["title"] for chapter in after.chapters()] == ["Dom", "Rhein"]
        assert after.metadata["title"] == "Köln 1921"


def test_no_history_leaves_the_metadata_alone(colourise: Colourise, film: Path) -> None:
    assert colourise(film, "--no-history").exit_code == 0
    with av.open(str(film.with_name("film.colourised.mp4"))) as after:
        assert "comment" not in after.metadata


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


# Parts


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


def test_preview(colourise: Colourise, film: Path) -> None:
    assert colourise(film, "--preview", "0.5s").exit_code == 0
    assert len(read(film.with_name("film.preview.mp4"))[0]) == 12


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--start", "9"], "has only 1.0 seconds"),
        (["--start", "0.5", "--end", "0.5"], "--end is not after --start"),
    ],
)
def test_parts_that_are_nowhere(colourise: Colourise, film: Path, options: list[str], told: str) -> None:
    result = colourise(film, *options)
    assert result.exit_code == 1
    assert told in " ".join(result.stderr.split())


# What is refused


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("film.mp4 --format png", "the suffix of -o"),
        ("film.mp4 --quality 3", "--quality is for photos"),
        ("film.mp4 --shard 1/2", "--shard is for photos"),
        ("film.mp4 photo.jpg", "two commands"),
        ("film.mp4 -o -", "not for standard output"),
        ("photo.jpg --crf 3", "--crf is for films"),
        ("film.mp4 --start x", "say 90"),
        ("film.mp4 --preview 1s --end 1s", "choose one"),
        ("film.mp4 --steadiness 2", "--steadiness"),
    ],
)
def test_what_does_not_go_together_is_told(
    colourise: Colourise, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: str, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    result = colourise(*options.split())
    assert result.exit_code == 2
    assert told in result.stderr


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


def test_nothing_is_overwritten(colourise: Colourise, film: Path) -> None:
    target = film.with_name("b.mp4")
    target.write_text("mine")
    result = colourise(film, "-o", target)
    assert (result.exit_code, target.read_text()) == (1, "mine")
    assert "--overwrite" in result.stderr
    assert colourise(film, "-o", target, "--overwrite").exit_code == 0
    assert len(read(target)[0]) == 24
    result = colourise(film, "-o", film, "--overwrite")
    assert result.exit_code == 1
    assert "would be written over" in result.stderr


def test_several_films_go_to_a_folder_and_a_broken_one_is_named(colourise: Colourise, film: Path) -> None:
    broken = film.with_name("broken.mp4")
    broken.write_bytes(b"no film at all")
    result = colourise(film, broken, "-o", film.with_name("out"))
    assert result.exit_code == 1
    assert f"failed {broken}: damaged or cut off in its header" in result.stderr
    assert [path.name for path in film.with_name("out").iterdir()] == ["film.mp4"]


# Broken films


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


def test_sound_may_be_longer_than_the_picture(colourise: Colourise, tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", pan("coffee.jpg", 6), sound=2)
    assert colourise(source).exit_code == 0
    assert sound_of(tmp_path / "a.colourised.mp4") == sound_of(source)


def test_a_missing_film(colourise: Colourise, tmp_path: Path) -> None:
    result = colourise(tmp_path / "none.mp4")
    assert result.exit_code == 1
    assert "none.mp4: No such file" in result.stderr


def test_a_photo_is_no_film_and_a_film_without_suffix_is(film: Path) -> None:
    from colourise.films.source import is_film

    assert not is_film(PHOTOS / "chelsea.jpg")
    assert is_film(film.rename(film.with_suffix(".unknown")))
    assert not is_film(film.parent)


# Stopped, and gone on with


@pytest.fixture
def colouriser(tiny_model: Path) -> Colouriser:
    return load_model(str(tiny_model), device="cpu")


@pytest.fixture
def long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A film of four segments, as they are set here."""
    monkeypatch.setattr(pipeline, "SEGMENT_FRAMES", 20)
    frames = pan("coffee.jpg", 50) + pan("chelsea.jpg", 50)
    return write(tmp_path / "long.mp4", frames, sound=4.1, options={"crf": "10"})


def job(source: Path, name: str, **settings: bool) -> FilmJob:
    encoding = Encoding("ffv1" if name.endswith("mkv") else "h264")  # x264's threads race
    return prepare(source, source.with_name(name), FilmOptions(encoding, history=False, **settings))


def each(do: Callable[[FilmProgress], object]) -> Callable[[FilmEvent], None]:
    """Of all events, those that come after a frame."""

    def on_event(event: FilmEvent) -> None:
        if isinstance(event, FilmProgress):
            do(event)

    return on_event


def stop_at(frames: int, stop: threading.Event) -> Callable[[FilmEvent], None]:
    """Stop after so many frames."""
    return each(lambda now: stop.set() if now.done == frames else None)


def test_segments_join_without_a_seam(long: Path, colouriser: Colouriser) -> None:
    colour_job(job(long, "a.mp4"), colouriser)
    assert read(long.with_name("a.mp4"))[0] == read(long)[0]
    assert sound_of(long.with_name("a.mp4")) == sound_of(long)


def test_a_run_that_failed_goes_on_to_the_same_film(long: Path, colouriser: Colouriser) -> None:
    colour_job(job(long, "a.mkv"), colouriser)

    def fail(progress: FilmProgress) -> None:
        if progress.done == 70:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        colour_job(job(long, "b.mkv"), colouriser, on_event=each(fail))
    assert not long.with_name("b.mkv").exists()
    assert len(leftovers(long.parent)) == 1
    seen: list[int] = []
    made = colour_job(job(long, "b.mkv"), colouriser, on_event=each(lambda now: seen.append(now.done)))
    assert made.frames == 100
    assert seen[0] > 60
    assert leftovers(long.parent) == []
    times, pictures = read(long.with_name("b.mkv"))
    assert len(times) == 100
    assert all(map(np.array_equal, pictures, read(long.with_name("a.mkv"))[1]))


def test_ctrl_c_leaves_a_playable_part_and_the_rest_for_later(long: Path, colouriser: Colouriser) -> None:
    stop = threading.Event()
    made = colour_job(job(long, "b.mp4"), colouriser, on_event=stop_at(40, stop), stop=stop)
    assert not made.complete
    assert made.target.name == "b.part.mp4"
    assert not long.with_name("b.mp4").exists()
    times = read(made.target)[0]
    assert 40 <= len(times) == made.frames < 80
    assert times == read(long)[0][: len(times)]
    sound = sound_of(made.target)
    assert sound == sound_of(long)[: len(sound)]
    assert abs(sound[-1][0] - times[-1]) < 0.1
    assert colour_job(job(long, "b.mp4"), colouriser).complete
    assert read(long.with_name("b.mp4"))[0] == read(long)[0]
    assert not made.target.exists()


def test_a_part_that_is_somebody_elses_is_left_alone(long: Path, colouriser: Colouriser) -> None:
    theirs = long.with_name("b.part.mp4")
    theirs.write_text("mine")
    stop = threading.Event()
    with pytest.raises(FilmError, match="exists already"):
        colour_job(job(long, "b.mp4"), colouriser, on_event=stop_at(40, stop), stop=stop)
    assert colour_job(job(long, "b.mp4"), colouriser).complete
    assert theirs.read_text() == "mine"


def test_other_options_begin_anew(long: Path, colouriser: Colouriser) -> None:
    stop = threading.Event()
    colour_job(job(long, "b.mp4"), colouriser, on_event=stop_at(40, stop), stop=stop)
    seen: list[int] = []
    colour_job(
        job(long, "b.mp4", deinterlace=True), colouriser, on_event=each(lambda now: seen.append(now.done))
    )
    assert seen[0] == 1


def test_two_runs_on_one_film_do_not_meet(long: Path, colouriser: Colouriser) -> None:
    one = job(long, "b.mp4")
    with (
        WorkFolder(one.target, "how", one.film, one.options.encoding),
        pytest.raises(FilmError, match="another run"),
    ):
        colour_job(one, colouriser)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_after_a_signal_the_same_command_goes_on(
    tmp_path: Path, tiny_model: Path, how: signal.Signals
) -> None:
    frames = pan("coffee.jpg", 600, step=(0.2, 0.1))
    source = write(tmp_path / "a.mp4", frames, options={"preset": "ultrafast"})
    arguments = (source, "-o", tmp_path / "b.mp4", "--model", tiny_model, "--preset", "ultrafast")
    process = start(*arguments)
    until = time.monotonic() + 60
    while not list(tmp_path.glob(".colourise-*/000000.npz")) and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(how)
    _, told = process.communicate(timeout=60)
    assert not (tmp_path / "b.mp4").exists()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert b"b.part.mp4 has the first" in told
        assert 240 <= len(read(tmp_path / "b.part.mp4")[0]) < 600
    with start(*arguments) as again:
        _, told = again.communicate(timeout=60)
    assert again.returncode == 0
    assert b"600 frames" in told
    assert read(tmp_path / "b.mp4")[0] == read(source)[0]
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "b.part.mp4").exists()


def test_a_segment_that_is_not_whole_is_made_again(long: Path, colouriser: Colouriser) -> None:
    stop = threading.Event()
    colour_job(job(long, "b.mp4"), colouriser, on_event=stop_at(70, stop), stop=stop)
    *_, last = sorted(long.parent.glob(".colourise-*/*.npz"))
    last.write_bytes(last.read_bytes()[:100])
    assert colour_job(job(long, "b.mp4"), colouriser).complete
    assert read(long.with_name("b.mp4"))[0] == read(long)[0]


# How good they are


def test_eval_scores_a_colour_film_frame_by_frame_and_steadied(colourise: Colourise, tmp_path: Path) -> None:
    frames = pan("coffee.jpg", 16) + pan("chelsea.jpg", 12)
    chance = np.random.default_rng(0)
    frames = [np.clip(frame + chance.normal(0, 4, (64, 96, 1)), 0, 255).astype(np.uint8) for frame in frames]
    source = write(tmp_path / "a.mkv", frames, options={"crf": "5"})
    result = colourise("eval", "--video", source, "--json")
    assert result.exit_code == 0, result.stderr
    rows = {
        name.rpartition(", ")[2].rpartition(": ")[2].split()[0]: row
        for name, row in json.loads(result.stdout).items()
    }
    assert set(rows) == {"truth", "frame", "steadied"}
    assert {(row["frames"], row["scenes"]) for row in rows.values()} == {(28, 2)}
    assert rows["truth"]["psnr_ab"] is None  # infinite
    assert rows["steadied"]["warp_error"] < 0.6 * rows["frame"]["warp_error"]
    assert all(row["cdc"] > 0 and row["cdc_ab"] > 0 and row["colourfulness"] > 0 for row in rows.values())
    assert rows["steadied"]["psnr_ab"] > rows["frame"]["psnr_ab"] - 0.2


def test_eval_takes_photos_or_films(colourise: Colourise, film: Path) -> None:
    for arguments, told in [
        ([], "--video"),
        (["--video", film, "--data", film.parent], "give one of the two"),
        (["--video", film, "--lpips"], "--lpips is for photos"),
    ]:
        result = colourise("eval", *arguments)
        assert result.exit_code == 2
        assert told in " ".join(result.stderr.replace("│", " ").split())
    result = colourise("eval", "--video", film)
    assert result.exit_code == 0
    assert "24 frames, 2 scenes" in result.stdout


# Before and after, GIF and WebP


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


LENGTHS = [40, 120, 40, 70, 200, 50]  # milliseconds


@pytest.fixture(params=["gif", "webp"])
def animation(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    pictures = [Image.fromarray(frame) for frame in grey(pan("coffee.jpg", 6))]
    path = tmp_path / f"a.{request.param}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=LENGTHS, loop=0)
    return path


def played(path: Path) -> tuple[list[float], list[np.ndarray]]:
    """How long each picture of an animation is shown, and what it shows."""
    lengths, pictures = [], []
    with Image.open(path) as image:
        for frame in ImageSequence.Iterator(image):
            pictures.append(np.asarray(frame.convert("RGB")))
            lengths.append(frame.info["duration"])
    return lengths, pictures


def test_animations_stay_animations(colourise: Colourise, animation: Path) -> None:
    result = colourise(animation)
    assert result.exit_code == 0, result.stderr
    lengths, pictures = played(animation.with_name(f"a.colourised{animation.suffix}"))
    assert lengths == LENGTHS
    assert spread(pictures) > 2.5
    assert np.abs(lightness(pictures) - lightness(played(animation)[1])).mean() < 3  # of GIF's 256 colours


def test_animations_and_films_become_each_other(colourise: Colourise, animation: Path, film: Path) -> None:
    assert colourise(animation, "-o", animation.with_name("b.mp4")).exit_code == 0
    times = read(animation.with_name("b.mp4"))[0]
    assert [float(b - a) * 1000 for a, b in itertools.pairwise(times)] == pytest.approx(LENGTHS[:-1])
    target = film.with_name(f"b{animation.suffix}")
    result = colourise(film, "-o", target)
    assert result.exit_code == 0, result.stderr
    assert "has no sound" in result.stderr
    lengths, pictures = played(target)
    assert (len(lengths), sum(lengths)) == (24, 1000)
    assert spread(pictures) > 2.5
    result = colourise(film, "-o", target, "--overwrite", "--crf", 3)
    assert result.exit_code == 1
    assert "--crf" in result.stderr


def test_a_gif_of_one_picture_is_a_photo(colourise: Colourise, tmp_path: Path) -> None:
    Image.fromarray(pan("coffee.jpg", 1)[0]).save(tmp_path / "a.gif")
    assert colourise(tmp_path / "a.gif").exit_code == 0
    assert (tmp_path / "a.colourised.png").exists()
