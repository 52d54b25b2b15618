"""One photo on the command line: where it goes, what is said, and that nothing is written over."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from helpers.commands import ROOT
from helpers.files import spread
from helpers.photos import PHOTOS, pixels
from PIL import Image
from typer.testing import Result

from colourise.cli.console import ADVICE

Colourise = Callable[..., Result]


def test_a_photo_is_all_it_takes(colourise: Colourise, photo: Path) -> None:
    result = colourise(photo)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == f"coloured {photo.with_name('photo.colourised.jpg')}\n"
    coloured = pixels(photo.with_name("photo.colourised.jpg"))
    assert coloured.shape[:2] == pixels(photo).shape[:2]
    assert spread(coloured) > 20


def test_the_long_form_and_options_first_do_the_same(
    colourise: Colourise, tiny_model: Path, photo: Path
) -> None:
    outputs = [photo.with_name(f"{number}.png") for number in range(3)]
    assert colourise(photo, "-o", outputs[0]).exit_code == 0
    assert colourise("colourise", photo, "-o", outputs[1]).exit_code == 0
    assert colourise("--model", tiny_model, "-o", outputs[2], photo, model=False).exit_code == 0
    one, *others = (pixels(output) for output in outputs)  # their metadata say when they were made
    assert all((one == other).all() for other in others)


def test_what_was_lost_is_noted(colourise: Colourise, tmp_path: Path) -> None:
    frames = [Image.new("L", (40, 30), level) for level in (90, 160)]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    result = colourise(tmp_path / "moving.png")
    note, done = result.stderr.splitlines()
    assert note == f"note {tmp_path / 'moving.png'}: animated: only the first of 2 frames is taken"
    assert done.startswith("coloured ")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("bits", [0o600, 0o640, 0o664])
def test_permissions_are_those_of_the_photo(colourise: Colourise, photo: Path, bits: int) -> None:
    photo.chmod(bits)
    assert colourise(photo, "--compare").exit_code == 0
    made = [file for file in photo.parent.iterdir() if file != photo]
    assert [file.stat().st_mode & 0o777 for file in made] == [bits, bits]


def test_what_is_there_already_stays(colourise: Colourise, photo: Path) -> None:
    target = photo.with_name("photo.colourised.jpg")
    target.write_text("precious")
    result = colourise(photo)
    assert result.exit_code == 0
    assert result.stderr == f"there already {target}; {ADVICE}\n"
    assert target.read_text() == "precious"
    sheet = colourise(photo, "--compare")  # its sheet is not there
    assert (sheet.exit_code, target.read_text()) == (1, "precious")
    assert sheet.stderr == f"failed {target}: is there already; --overwrite makes it again\n"
    assert colourise(photo, "--overwrite").exit_code == 0
    assert spread(pixels(target)) > 20


def test_several_that_are_there_already_are_counted(colourise: Colourise, photo: Path) -> None:
    other = Path(shutil.copy(photo, photo.with_name("other.jpg")))
    assert colourise(photo.with_name("none.jpg")).exit_code == 1
    photo.with_name("none.colourised.jpg").write_text("of a photo that is gone")
    gone = colourise(photo.with_name("none.jpg"))
    assert (gone.exit_code, gone.stderr.startswith("failed ")) == (1, True)
    assert colourise(photo).exit_code == 0
    result = colourise(photo, other)
    assert result.exit_code == 0
    assert result.stderr.startswith("1 coloured, 1 there already (")
    other.unlink()
    folder = colourise(photo.parent)  # in which one photo is
    assert (folder.exit_code, folder.stderr.startswith("0 coloured, 1 there already (")) == (0, True)


def test_what_could_be_another_photos_is_not_taken_for_done(colourise: Colourise, photo: Path) -> None:
    Image.open(photo).save(photo.with_suffix(".tif"))
    assert colourise(photo, "--format", "png").exit_code == 0
    for source in (photo, photo.with_suffix(".tif")):
        result = colourise(source, "--format", "png")
        assert result.exit_code == 1
        assert "photo.colourised.png: is there already; --overwrite makes it again\n" in result.stderr
    assert colourise(photo.with_suffix(".tif")).exit_code == 0
    assert colourise(photo.with_suffix(".tif")).stderr.startswith("there already ")


def test_a_file_in_the_users_own_place_is_refused(colourise: Colourise, photo: Path) -> None:
    out = photo.with_name("out")
    out.mkdir()
    for output, target in ((out / "new.jpg", out / "new.jpg"), (out, out / "photo.jpg")):
        target.write_text("precious")
        result = colourise(photo, "-o", output)
        assert result.exit_code == 1
        assert result.stderr == f"failed {target}: is there already; --overwrite makes it again\n"
        assert target.read_text() == "precious"


def test_other_colours_have_a_name_of_their_own(colourise: Colourise, photo: Path) -> None:
    for arguments in (photo, photo.parent):  # a photo, and the folder that it is in
        assert colourise(arguments).exit_code == 0
        assert colourise(arguments, "--saturation", "0.7", "--compare").exit_code == 0
        names = {file.name for file in photo.parent.iterdir()}
        assert names == {"photo.jpg", "photo.colourised.jpg"} | {
            f"photo.colourised-0.7{sheet}.jpg" for sheet in ("", ".compare")
        }
    pale, plain = (pixels(photo.with_name(f"photo.colourised{mark}.jpg")) for mark in ("-0.7", ""))
    assert spread(pale) < spread(plain)


@pytest.mark.parametrize("link", [False, True])
def test_a_source_is_never_written_over(colourise: Colourise, photo: Path, link: bool) -> None:
    before = photo.read_bytes()
    output = photo
    if link:
        output = photo.with_name("link.jpg")
        output.symlink_to(photo)
    for arguments in ((photo, "-o", output), (photo.parent, "-o", photo.parent), (photo, "-o", photo.parent)):
        result = colourise(*arguments, "--overwrite")
        assert result.exit_code == 1
        assert "would be written over" in result.stderr
        assert photo.read_bytes() == before


def test_compare(colourise: Colourise, photo: Path) -> None:
    assert colourise(photo, "-o", photo.with_name("new.png"), "--compare").exit_code == 0
    sheet = pixels(photo.with_name("new.compare.jpg"))
    height, width = pixels(photo).shape[:2]
    assert sheet.shape == (height, 2 * width, 3)
    before, after = sheet[:, :width], sheet[:, width:]
    assert np.abs(before - before.mean(2, keepdims=True)).mean() < 1  # grey, but for the JPEG
    assert np.abs(after.astype(int) - pixels(photo.with_name("new.png"))).mean() < 3

    precious = photo.with_name("other.compare.jpg")
    precious.write_text("precious")
    assert colourise(photo, "-o", photo.with_name("other.png"), "--compare").exit_code == 1
    assert precious.read_text() == "precious"
    assert not photo.with_name("other.png").exists()


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "bmp", "avif", "heic"])
def test_format(colourise: Colourise, photo: Path, suffix: str) -> None:
    pillow_heif.register_heif_opener()
    assert colourise(photo, "--format", suffix.upper()).exit_code == 0
    with Image.open(photo.with_name(f"photo.colourised.{suffix}")) as image:
        assert image.format == {"jpg": "JPEG", "tif": "TIFF", "heic": "HEIF"}.get(suffix, suffix.upper())


def test_long_names_of_formats_and_unknown_ones(colourise: Colourise, photo: Path) -> None:
    assert colourise(photo, "--format", "tiff").exit_code == 0
    assert photo.with_name("photo.colourised.tif").exists()
    unknown = colourise(photo, "--format", "gif")
    assert (unknown.exit_code, "gif: choose jpg, png, tif, webp" in unknown.stderr) == (2, True)


def test_format_and_output_must_agree(colourise: Colourise, photo: Path) -> None:
    result = colourise(photo, "-o", photo.with_name("new.jpg"), "--format", "png")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1
    assert not photo.with_name("new.jpg").exists()
    assert colourise(photo, "-o", photo.with_name("new.jpeg"), "--format", "jpg").exit_code == 0
    gif = colourise(photo, "-o", photo.with_name("new.gif"))
    assert (gif.exit_code, photo.with_name("new.gif").exists()) == (1, False)
    assert "cannot write .gif; choose one of jpg" in gif.stderr


def test_quality(colourise: Colourise, photo: Path) -> None:
    small, large = photo.with_name("small.jpg"), photo.with_name("large.jpg")
    assert colourise(photo, "--quality", "20", "-o", small).exit_code == 0
    assert colourise(photo, "--quality", "98", "-o", large).exit_code == 0
    assert small.stat().st_size * 3 < large.stat().st_size


def test_saturation_and_input_size(colourise: Colourise, photo: Path) -> None:
    def colour(*options: str) -> np.ndarray:
        assert colourise(photo, "-o", photo.with_name("new.png"), "--overwrite", *options).exit_code == 0
        return pixels(photo.with_name("new.png"))

    assert spread(colour("--saturation", "0")) == 0
    plain, pale = colour(), colour("--saturation", "0.5")
    assert spread(pale) < spread(plain)
    assert (colour("--input-size", "64") == plain).all()  # what the card says
    assert (colour("--input-size", "100") != plain).any()


@pytest.mark.needs("train")
def test_torch_and_onnx_agree_to_one_level(colourise: Colourise, tmp_path: Path) -> None:
    for backend in ("torch", "onnx"):
        target = tmp_path / f"{backend}.png"
        options = ("--backend", backend, "--precision", "fp32" if backend == "torch" else "auto")
        assert colourise(PHOTOS / "coffee.jpg", "-o", target, *options).exit_code == 0
    differences = pixels(tmp_path / "torch.png").astype(int) - pixels(tmp_path / "onnx.png")
    assert np.abs(differences).max() <= 1, np.unique(differences, return_counts=True)


def test_colouring_on_the_cpu_imports_no_training_code(tiny_model: Path, photo: Path) -> None:
    script = (
        "import sys; from colourise.cli.commands import main\n"
        "try: main()\n"
        "finally: print(*sorted(name for name in sys.modules if '.' not in name))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, photo, "--model", tiny_model],
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    modules = set(done.stdout.decode().split())
    assert "onnxruntime" in modules
    assert not modules & {
        "torch",
        "torchvision",
        "torchmetrics",
        "matplotlib",
        "scipy",
        "skimage",
        "timm",
        "accelerate",
        "huggingface_hub",
        "numba",
        "onnx",
        "rich_toolkit",
    }
