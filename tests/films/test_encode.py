"""Lightness, depth, size, matrix and turn of the pictures are kept."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.clips import grey, pan, read, write
from helpers.films import Colourise, lightness, spread


def test_lightness_is_kept_to_within_rounding(colourise: Colourise, tmp_path: Path) -> None:
    source = write(tmp_path / "a.mkv", grey(pan("coffee.jpg", 6)), codec="ffv1", pixel_format="gray")
    assert colourise(source, "--codec", "ffv1", "-o", tmp_path / "b.mkv").exit_code == 0
    before, after = read(source)[1], read(tmp_path / "b.mkv")[1]
    assert spread(after) > 2.5
    difference = np.abs(lightness(before) - lightness(after))
    assert difference.max() < 1  # what 8 bits of Y, Cb and Cr make of it
    assert difference.mean() < 0.3


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
