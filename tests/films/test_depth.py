"""Bit depth and alpha are kept where the codec has them."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from helpers.clips import grey, pan, write
from helpers.films import CASES, Colourise, spread
from skimage.color import rgb2lab

from colourise.films.source import frames, probe

DEEP = CASES / "film-16bit-ffv1.mkv"


def lightness(path: Path) -> np.ndarray:
    """L of a film's pictures, 0 to 100, from as many bits as it has."""
    found = []
    for frame in frames(probe(path)):
        pixels = frame.pixels if frame.pixels.ndim == 3 else np.repeat(frame.pixels[..., None], 3, 2)
        found.append(rgb2lab(pixels / np.iinfo(pixels.dtype).max)[..., 0])
    return np.stack(found)


def test_ffv1_keeps_16_bits(colourise: Colourise, tmp_path: Path) -> None:
    result = colourise(DEEP, "-o", tmp_path / "b.mkv", "--codec", "ffv1")
    assert result.exit_code == 0, result.stderr
    film = probe(tmp_path / "b.mkv")
    assert film.bits == 16
    assert np.abs(lightness(tmp_path / "b.mkv") - lightness(DEEP)).max() < 0.005  # 1 of 8 bits is 0.4
    assert spread([(frame.pixels // 257).astype(np.uint8) for frame in frames(film)]) > 2.5


@pytest.mark.parametrize(
    ("pixel_format", "bits"), [("gray12le", 12), ("yuv420p12le", 12), ("yuv422p14le", 14), ("gbrp16le", 16)]
)
def test_ffv1_keeps_other_depths(colourise: Colourise, tmp_path: Path, pixel_format: str, bits: int) -> None:
    deep = [frame.astype(np.uint16) * 257 for frame in grey(pan("coffee.jpg", 3))]
    source = write(tmp_path / "a.mkv", deep, codec="ffv1", pixel_format=pixel_format)
    assert probe(source).bits == bits
    assert colourise(source, "-o", tmp_path / "b.mkv", "--codec", "ffv1").exit_code == 0
    assert probe(tmp_path / "b.mkv").bits == bits
    assert np.abs(lightness(tmp_path / "b.mkv") - lightness(source)).max() < 0.1


def with_alpha(path: Path, codec: str, pixel_format: str) -> Path:
    """A film that fades from left to right."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, rate=24, options={"profile": "4444"} if "prores" in codec else {})
        stream.width, stream.height, stream.pix_fmt = 96, 64, pixel_format
        fade = np.broadcast_to(np.linspace(0, 255, 96).astype(np.uint8), (64, 96))
        for place, rgb in enumerate(grey(pan("coffee.jpg", 4))):
            picture = av.VideoFrame.from_ndarray(np.dstack([rgb, fade]), "rgba").reformat(format=pixel_format)
            picture.pts, picture.time_base = place, Fraction(1, 24)
            film.mux(stream.encode(picture))
        film.mux(stream.encode(None))
    return path


def alpha(path: Path) -> np.ndarray:
    with av.open(str(path)) as film:
        return np.stack([p.to_ndarray(format="rgba64le")[..., 3] for p in film.decode(video=0)])


@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix", "ours", "made"),
    [
        ("ffv1", "yuva420p", "mkv", "ffv1", "yuva444p"),
        ("ffv1", "bgra", "mkv", "ffv1", "yuva444p"),
        ("ffv1", "yuva444p16le", "mkv", "ffv1", "yuva444p16le"),
        ("ffv1", "gbrap16le", "mkv", "ffv1", "gbrap16le"),
        ("qtrle", "argb", "mov", "prores", "yuva444p12le"),
        ("prores_ks", "yuva444p10le", "mov", "prores", "yuva444p12le"),
    ],
)
def test_alpha_is_kept_where_the_codec_has_it(
    colourise: Colourise, tmp_path: Path, codec: str, pixel_format: str, suffix: str, ours: str, made: str
) -> None:
    source = with_alpha(tmp_path / f"a.{suffix}", codec, pixel_format)
    target = tmp_path / f"b.{suffix}"
    result = colourise(source, "-o", target, "--codec", ours)
    assert result.exit_code == 0, result.stderr
    with av.open(str(target)) as film:
        assert next(film.decode(video=0)).format.name == made
        assert ours != "prores" or film.streams.video[0].codec_tag == "ap4h"
    assert np.abs(alpha(target).astype(int) - alpha(source)).max() <= 257
    assert alpha(source).max() > 65000
    assert alpha(source).min() == 0
