"""Standard input and output carry pictures, and nothing else."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.commands import shell, start
from helpers.files import spread
from helpers.photos import PHOTOS, pixels
from PIL import Image
from typer.testing import Result
from upath import UPath

Colourise = Callable[..., Result]


def test_between_a_pipe_and_a_store(colourise: Colourise, photo: Path) -> None:
    place = UPath("memory://pipes")
    result = colourise("-", "-o", place / "new.jpg", stdin=photo.read_bytes())
    assert (result.exit_code, result.output) == (0, f"coloured {place / 'new.jpg'}\n")
    assert (place / "new.jpg").read_bytes()[:2] == b"\xff\xd8"
    back = colourise(place / "new.jpg", "-o", "-")
    assert (back.exit_code, back.stdout_bytes[:2]) == (0, b"\xff\xd8")


def test_a_pipe_carries_the_picture_and_nothing_else(tiny_model: Path, photo: Path) -> None:
    code, out, told = shell("-", "--model", tiny_model, stdin=photo.read_bytes())
    assert (code, told) == (0, "")
    assert Image.open(io.BytesIO(out)).format == "JPEG"
    assert spread(pixels(out)) > 20


def test_standard_input_and_output_apart(colourise: Colourise, photo: Path) -> None:
    target = photo.with_name("new.png")
    result = colourise("-", "-o", target, stdin=photo.read_bytes())
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"coloured {target}\n")
    again = colourise("-", "-o", target, stdin=photo.read_bytes())
    assert (again.exit_code, again.stderr) == (
        1,
        f"error {target}: is there already; --overwrite makes it again\n",
    )
    streamed = colourise(photo, "-o", "-", "--format", "png")
    assert (pixels(streamed.stdout_bytes) == pixels(target)).all()
    assert streamed.stderr == ""


@pytest.mark.parametrize("stdin", [b"", b"no picture", (PHOTOS / "rocket.jpg").read_bytes()[:5000]])
def test_bad_standard_input(colourise: Colourise, stdin: bytes) -> None:
    result = colourise("-", stdin=stdin)
    assert (result.exit_code, result.stdout_bytes) == (1, b"")
    assert result.stderr.startswith("error standard input: ")
    assert result.stderr.count("\n") == 1


def test_a_reader_that_goes_away_is_no_tragedy(tiny_model: Path) -> None:
    large = io.BytesIO()
    Image.new("L", (2000, 1500), 128).save(large, "PNG")
    with start("-", "--format", "bmp", "--model", tiny_model) as process:  # 9 MB, more than a pipe holds
        assert process.stdin and process.stdout and process.stderr
        process.stdin.write(large.getvalue())
        process.stdin.close()
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_told(tiny_model: Path, photo: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        code, _, told = shell("-", "--model", tiny_model, stdin=photo.read_bytes(), stdout=full)
    assert (code, told) == (1, "error standard output: No space left on device\n")
