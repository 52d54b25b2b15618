"""Files from the real world, through the command line: the right pixels come out, or a true reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from skimage.color import rgb2lab

from colourise import images

CASES = Path(__file__).parent.parent / "cases"


def lightness(path: Path) -> np.ndarray:
    """(H, W) L of a picture."""
    pixels = images.read(path).pixels
    grey = np.dstack([pixels] * 3) if pixels.ndim == 2 else pixels
    return rgb2lab(grey)[..., 0]


@pytest.mark.parametrize(
    ("name", "shape", "mean", "note"),
    [
        ("gamma-chunk.png", (320, 235), 35.9, ""),
        ("no-end-marker.jpg", (320, 235), 35.9, "its end marker is missing, but all of the picture is there"),
        ("old-jpeg-grey.tif", (320, 235), 35.9, ""),
        ("palette-8bit-map.tif", (320, 235), 35.9, ""),
        ("png_interlaced16.png", (32, 32), 76.7, ""),
        ("thumbnail-first.tif", (320, 235), 35.9, ""),
    ],
)
def test_coloured(
    tmp_path: Path,
    colourise: Callable[..., Result],
    capfd: pytest.CaptureFixture[str],
    name: str,
    shape: tuple[int, int],
    mean: float,
    note: str,
) -> None:
    result = colourise(CASES / name, "-o", tmp_path / "a.png")
    assert result.exit_code == 0
    assert note in result.output.replace("\n", " ")
    light = lightness(tmp_path / "a.png")
    assert light.shape == shape
    assert abs(light.mean() - mean) < 0.7
    assert capfd.readouterr().err == ""  # of libpng


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no-photometric.tif", "PhotometricInterpretation is missing"),
        ("png_8_short.png", "truncated"),
        ("png_rows_missing_0.png", "truncated"),
    ],
)
def test_refused(tmp_path: Path, colourise: Callable[..., Result], name: str, reason: str) -> None:
    result = colourise(CASES / name, "-o", tmp_path / "a.png")
    assert result.exit_code == 1
    assert reason in result.output.replace("\n", " ")
    assert list(tmp_path.iterdir()) == []
