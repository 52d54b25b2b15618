"""Several strengths of colour of one photo, and their sheet."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.files import spread
from helpers.photos import PHOTOS, pixels
from typer.testing import Result

from colourise import archives
from colourise.errors import OptionError, PhotoError

Colourise = Callable[..., Result]
MARKS = ("-0.7", "", "-1.2")


def test_versions_lie_side_by_side_with_a_sheet(colourise: Colourise, photo: Path) -> None:
    result = colourise(photo, "--variants")
    files = [photo.with_name(f"photo.colourised{mark}.jpg") for mark in MARKS]
    sheet = photo.with_name("photo.colourised.variants.jpg")
    assert result.exit_code == 0
    assert result.stderr == "".join(f"coloured {file}\n" for file in (*files, sheet))
    calm, plain, vivid = map(pixels, files)
    assert spread(calm) < spread(plain) < spread(vivid)
    height, width = plain.shape[:2]
    assert sheet.exists()
    rows, columns = pixels(sheet).shape[:2]
    assert (rows > 2 * height, columns > 2 * width, columns < 3 * width) == (True, True, True)  # a square
    top = pixels(sheet)[: rows // 2].astype(int)
    left, right = top[:, : columns // 2], top[:, columns // 2 :]
    assert np.abs(left - left.mean(2, keepdims=True)).mean() < 1  # before, but for the JPEG
    assert spread(right.astype(np.uint8)) > 2 * spread(left.astype(np.uint8))

    before = {file: file.read_bytes() for file in photo.parent.iterdir()}
    files[0].unlink()
    again = colourise(photo, "--variants")
    assert again.exit_code == 0
    assert again.stderr.splitlines()[0] == f"coloured {files[0]}"
    assert again.stderr.splitlines()[1] == f"there already {files[1]}; --overwrite makes it again"
    del before[files[0]]
    assert all(file.read_bytes() == data for file, data in before.items())
    assert colourise(photo.parent).exit_code == 0
    assert len(list(photo.parent.iterdir())) == 5  # none of them is taken for a photo


def test_a_name_for_the_output(tiny_model: Path, photo: Path) -> None:
    other = Path(shutil.copy(PHOTOS / "camera.png", photo.with_name("other.png")))
    (one,) = archives.colour_variants(photo, photo.with_name("new.png"), model=tiny_model)
    assert [file.name for file in one.files.values()] == ["new-0.7.png", "new.png", "new-1.2.png"]
    assert one.sheet.name == "new.variants.jpg"
    assert one.made == (*one.files.values(), one.sheet)
    (again,) = archives.colour_variants(photo, photo.with_name("new.png"), model=tiny_model)
    assert "new-0.7.png: is there already" in again.failure
    both = archives.colour_variants([photo, other], photo.with_name("out"), model=tiny_model)
    assert {file.name for file in photo.with_name("out").iterdir()} == {
        f"{name}{suffix}"
        for name, ending in (("photo", ".jpg"), ("other", ".png"))
        for suffix in (*(f"{mark}{ending}" for mark in MARKS), ".variants.jpg")
    }
    assert [one.failure for one in both] == ["", ""]
    with pytest.raises(PhotoError, match="name of one file"):
        archives.colour_variants([photo, other], photo.with_name("one.png"), model=tiny_model)


def test_a_broken_photo_is_named_and_the_next_one_follows(colourise: Colourise, photo: Path) -> None:
    broken = photo.with_name("broken.jpg")
    broken.write_bytes(photo.read_bytes()[:200])
    result = colourise(broken, photo, "--variants")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0].startswith(f"failed {broken}: ")
    assert photo.with_name("photo.colourised.variants.jpg").exists()
    assert not list(photo.parent.glob("broken.colourised*"))


def test_what_does_not_go_with_variants(
    colourise: Colourise, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    for options in (("--saturation", "1.1"), ("--compare",), ("--limit", "3"), ("--watch",)):
        result = colourise(photo, "--variants", *options)
        assert (result.exit_code, f"{options[0]} and --variants do not" in result.stderr) == (2, True)
    assert "--variants is for photos, and not for a film" in colourise("a.mp4", "--variants").stderr
    assert "not for folders" in colourise(photo.parent, "--variants").stderr
    with pytest.raises(OptionError, match="on a disk of this machine"):
        archives.colour_variants("memory://a.jpg")
    assert [file.name for file in photo.parent.iterdir()] == ["photo.jpg"]
