"""The command line, as people use it: real files, a tiny real model, exit codes, and every message."""

import io
import os
import pickle
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from helpers.commands import ROOT, shell, start
from helpers.photos import PHOTOS, pixels
from PIL import Image
from skimage.color import rgb2lab
from typer.testing import CliRunner, Result

from colourise import __version__
from colourise.cli.commands import app
from colourise.models.backends import nvidia_gpus

Colourise = Callable[..., Result]
SUBCOMMANDS = ("colourise", "train", "eval", "export", "weights", "weights pull", "weights push")
SUBCOMMANDS += ("study", "study build", "study score")


def files_below(folder: Path) -> list[str]:
    """All but what a run remembers itself by."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".colourise."))
    return sorted(str(path.relative_to(folder)) for path in files)


def spread(rgb: np.ndarray) -> int:
    """How far R, G and B lie apart, 0 for grey."""
    return int((rgb.max(2).astype(int) - rgb.min(2)).max())


# Where the words go


def test_a_photo_is_all_it_takes(colourise: Colourise, photo: Path) -> None:
    result = colourise(photo)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == f"coloured {photo.with_name('photo.colourised.jpg')}\n"
    coloured = pixels(photo.with_name("photo.colourised.jpg"))
    assert coloured.shape == pixels(photo).shape
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


def test_help_comes_with_no_words_at_all() -> None:
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2
    assert "colourise photo.jpg" in result.output


@pytest.mark.parametrize("command", ["", *SUBCOMMANDS])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help(command: str, option: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), option])
    assert result.exit_code == 0
    named = "" if command == "colourise" else command  # the one command whose name may be left out
    assert f"colourise {named}".strip() in " ".join(result.stdout.split())
    assert "[/]" not in result.stdout  # markup that was not understood
    assert result.stderr == ""


def test_help_names_the_defaults() -> None:
    text = " ".join(CliRunner().invoke(app, ["colourise", "--help"]).stdout.replace("│", " ").split())
    for default in ("colourise-v4", "(the photo's)", "(the model's own)", "1.0", "auto"):
        assert f"[default: {default}]" in text


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"colourise {__version__}\n"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("photo.jpg --nonsense", "--nonsense"),
        ("photo.jpg --format gif", "'png'"),
        ("photo.jpg --quality 101", "--quality"),
        ("photo.jpg --saturation -1", "--saturation"),
        ("photo.jpg --input-size many", "--input-size"),
        ("traIn", "did you mean train?"),
        ("weigths", "did you mean weights?"),
        ("weights pul", "pull"),
        ("train", "--data"),
        ("train --data nowhere", "nowhere"),
        ("eval", "--data"),
        ("export model", "OUT.onnx"),
        ("- photo.jpg", "one photo, alone"),
        ("- --compare", "without"),
        ("photo.jpg other.jpg -o -", "one photo, alone"),
    ],
)
def test_what_is_not_understood_is_told_and_exits_with_2(line: str, told: str) -> None:
    result = CliRunner().invoke(app, line.split(), env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""


def test_an_empty_path_is_not_the_current_folder(
    colourise: Colourise, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    before = files_below(tree)
    assert colourise("").exit_code == 2
    assert colourise("chelsea.jpg", "-o", "").exit_code == 2
    assert files_below(tree) == before


def test_a_folder_that_is_called_like_a_command(
    colourise: Colourise, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    (tree / "1921").rename(tree / "train")
    assert colourise("./train").exit_code == 0
    assert (tree / "train" / "camera.colourised.png").exists()
    assert colourise("train/", "-o", "out").exit_code == 0  # as the shell completes it
    (tree / "train").rename(tree / "Train")
    assert colourise("Train", "-o", "other").exit_code == 0


# Several at once


def test_photos_and_folders_at_once(colourise: Colourise, tree: Path, photo: Path) -> None:
    result = colourise(photo, tree / "1921", PHOTOS / "astronaut.jpg", "-o", tree / "out")
    assert result.exit_code == 0
    assert files_below(tree / "out") == [
        "1921/Köln/Straße am Dom.jpg",
        "1921/Köln/coffee.JPG",
        "1921/camera.png",
        "astronaut.jpg",
        "photo.jpg",
    ]
    assert result.stderr == "5 coloured (ONNX Runtime on the CPU)\n"


def test_a_tree_is_kept_and_a_second_run_goes_on(colourise: Colourise, tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "deeper"
    assert colourise(tree, "-o", out).exit_code == 0
    names = ["1921/Köln/Straße am Dom.jpg", "1921/Köln/coffee.JPG", "1921/camera.png", "chelsea.jpg"]
    assert files_below(out) == names
    assert all(spread(pixels(out / name)) > 20 for name in names)

    (out / "chelsea.jpg").unlink()
    (out / "1921" / "camera.png").write_text("whatever the user put here")
    result = colourise(tree, "-o", out)
    assert result.exit_code == 0
    note, summary = result.stderr.splitlines()
    assert note.startswith("note ") and "was changed by somebody else and is left alone" in note
    assert summary == "1 coloured, 3 there already (ONNX Runtime on the CPU)"
    assert (out / "1921" / "camera.png").read_text() == "whatever the user put here"
    assert colourise(tree, "-o", out, "--overwrite").exit_code == 0
    assert spread(pixels(out / "1921" / "camera.png")) > 20


def test_a_folder_is_coloured_in_place_and_its_outputs_never_again(colourise: Colourise, tree: Path) -> None:
    assert colourise(tree, "--compare").exit_code == 0
    once = files_below(tree)
    assert "1921/camera.colourised.png" in once
    assert "1921/camera.colourised.compare.jpg" in once
    result = colourise(tree, "--compare")
    assert (result.exit_code, files_below(tree)) == (0, once)
    assert "4 there already" in result.stderr
    assert colourise(tree, "--overwrite").exit_code == 0
    assert files_below(tree) == once


def test_an_output_folder_inside_the_tree_is_not_walked(colourise: Colourise, tree: Path) -> None:
    for _ in range(2):
        assert colourise(tree, "-o", tree / "coloured", "--overwrite").exit_code == 0
    assert len(files_below(tree / "coloured")) == 4


def test_a_folder_with_broken_files(colourise: Colourise, tree: Path, tmp_path: Path) -> None:
    (tree / "empty.jpg").touch()
    (tree / "1921" / "text.png").write_text("not a picture")
    (tree / "1921" / "cut.jpg").write_bytes((PHOTOS / "rocket.jpg").read_bytes()[:9000])
    (tree / "gone.tif").symlink_to("nowhere")
    (tree / "none").mkdir()
    out = tmp_path / "out"
    result = colourise(tree, "-o", out)
    assert result.exit_code == 1
    assert len(files_below(out)) == 4  # no temporary file either
    *failed, summary = result.stderr.splitlines()
    assert sorted(line.split(": ")[0] for line in failed) == sorted(
        f"failed {tree / name}" for name in ("empty.jpg", "gone.tif", "1921/cut.jpg", "1921/text.png")
    )
    assert all(len(line.split(": ")[1]) > 10 for line in failed)  # the reason
    assert summary == "4 coloured, 4 failed (ONNX Runtime on the CPU)"
    assert result.stdout == ""


def test_quiet_says_nothing_but_failures(colourise: Colourise, tree: Path, photo: Path) -> None:
    frames = [Image.new("L", (40, 30), level) for level in (90, 160)]
    frames[0].save(tree / "animated.webp", save_all=True, append_images=frames[1:])
    assert colourise(photo, "--quiet").output == ""
    assert colourise(tree, "-q").output == ""
    assert colourise("-", "-q", "-o", tree / "x.png", stdin=photo.read_bytes()).output == ""
    (tree / "empty.jpg").touch()
    assert colourise(tree, "-q").output.splitlines() == [
        f"failed {tree / 'empty.jpg'}: empty (0 bytes); copy it again from its source"
    ]


def test_what_was_lost_is_noted(colourise: Colourise, tmp_path: Path) -> None:
    frames = [Image.new("L", (40, 30), level) for level in (90, 160)]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    result = colourise(tmp_path / "moving.png")
    note, done = result.stderr.splitlines()
    assert note == f"note {tmp_path / 'moving.png'}: animated: only the first of 2 frames is taken"
    assert done.startswith("coloured ")


def test_names_with_spaces_umlauts_and_signs_of_our_own(
    colourise: Colourise, tiny_model: Path, tmp_path: Path
) -> None:
    names = ["Großmutter & Ich.jpg", "写真 1.jpg", ":cat: [red]x[bold].jpg", "-dash.jpg", "100%.jpg"]
    names.append(os.fsdecode(b"k\xf6ln.jpg"))  # Latin-1, from an old disk
    for name in names:
        shutil.copy(PHOTOS / "chelsea.jpg", tmp_path / name)
    assert colourise(tmp_path, "-o", tmp_path / "out").exit_code == 0
    assert files_below(tmp_path / "out") == sorted(names)
    for name in names[:3]:
        assert f"{name.removesuffix('.jpg')}.colourised.jpg" in colourise(tmp_path / name).stderr
    code, out, told = shell("--model", tiny_model, "--", *names[3:], cwd=tmp_path)
    assert (code, out, told) == (0, b"", "3 coloured (ONNX Runtime on the CPU)\n")
    assert (tmp_path / "-dash.colourised.jpg").exists()


# Never over anything


def test_a_named_file_is_not_written_over(colourise: Colourise, photo: Path) -> None:
    target = photo.with_name("photo.colourised.jpg")
    target.write_text("precious")
    result = colourise(photo)
    assert result.exit_code == 1
    assert result.stderr == f"failed {target}: is there already; --overwrite makes it again\n"
    assert target.read_text() == "precious"
    assert colourise(photo, "--overwrite").exit_code == 0
    assert spread(pixels(target)) > 20


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


def test_a_wildcard_twice_is_not_coloured_twice(
    colourise: Colourise, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tree)
    assert colourise(*sorted(tree.glob("*.jpg")), "--compare").exit_code == 0
    once = files_below(tree)
    assert colourise(*sorted(tree.glob("*.jpg")), "--overwrite").exit_code == 0
    assert colourise(*sorted(tree.glob("*.jpg")), "-o", "out").exit_code == 0
    assert files_below(tree) == sorted([*once, "out/chelsea.jpg"])


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


# Standard input and output


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


# How it looks


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "bmp", "avif", "heic"])
def test_format(colourise: Colourise, photo: Path, suffix: str) -> None:
    pillow_heif.register_heif_opener()
    assert colourise(photo, "--format", suffix.upper()).exit_code == 0
    with Image.open(photo.with_name(f"photo.colourised.{suffix}")) as image:
        assert image.format == {"jpg": "JPEG", "tif": "TIFF", "heic": "HEIF"}.get(suffix, suffix.upper())


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


# Every kind of picture keeps what is its own


def L_of(picture: np.ndarray) -> np.ndarray:
    """CIE L by scikit-image, of grey or RGB at 8 or 16 bits."""
    scaled = picture / np.iinfo(picture.dtype).max
    return rgb2lab(scaled if picture.ndim == 3 else np.stack([scaled] * 3, -1))[..., 0]


@pytest.mark.parametrize("name", ["camera.png", "coffee.jpg", "rocket.jpg"])
def test_L_of_the_output_is_L_of_the_input(colourise: Colourise, tmp_path: Path, name: str) -> None:
    assert colourise(PHOTOS / name, "-o", tmp_path / "out.png").exit_code == 0
    coloured = pixels(tmp_path / "out.png")
    assert coloured.shape == (*pixels(PHOTOS / name).shape[:2], 3)
    assert np.abs(L_of(coloured) - L_of(pixels(PHOTOS / name))).max() < 0.35  # one level is up to 0.45


def test_a_rotated_jpeg_comes_out_upright(colourise: Colourise, tmp_path: Path) -> None:
    upright = Image.open(PHOTOS / "rocket.jpg").convert("L")
    tags = Image.Exif()
    tags[274], tags[315] = 6, "A. Sander"
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=tags, quality=98)
    assert colourise(tmp_path / "turned.jpg", "-o", tmp_path / "out.jpg", "--quality", "98").exit_code == 0
    with Image.open(tmp_path / "out.jpg") as image:
        assert image.getexif().get(274, 1) == 1
        assert image.getexif()[315] == "A. Sander"
        coloured = np.asarray(image)
    assert np.abs(L_of(coloured) - L_of(np.asarray(upright))).mean() < 1


@pytest.mark.parametrize("channels", [1, 3])
def test_a_16_bit_tiff_keeps_its_depth(colourise: Colourise, tmp_path: Path, channels: int) -> None:
    small = np.linspace(2000, 60000, 40 * 60 * channels).round().astype(np.uint16)
    scan = small.reshape((40, 60, channels) if channels == 3 else (40, 60))
    tifffile.imwrite(tmp_path / "scan.tif", scan, photometric="rgb" if channels == 3 else "minisblack")
    assert colourise(tmp_path / "scan.tif").exit_code == 0
    coloured = tifffile.imread(tmp_path / "scan.colourised.tif")
    assert (coloured.dtype, coloured.shape) == (np.uint16, (40, 60, 3))
    assert np.abs(L_of(coloured) - L_of(scan)).max() < 0.01


def test_transparency_stays(colourise: Colourise, tmp_path: Path) -> None:
    photo = np.asarray(Image.open(PHOTOS / "chelsea.jpg"))
    alpha = np.tile(np.linspace(0, 255, photo.shape[1]).astype(np.uint8), (photo.shape[0], 1))
    Image.fromarray(np.dstack([photo, alpha])).save(tmp_path / "cut out.png")
    assert colourise(tmp_path / "cut out.png").exit_code == 0
    coloured = pixels(tmp_path / "cut out.colourised.png")
    assert (coloured[..., 3] == alpha).all()
    assert np.abs(L_of(coloured[..., :3]) - L_of(photo)).max() < 0.35


def test_heic(colourise: Colourise, tmp_path: Path) -> None:
    pillow_heif.register_heif_opener()
    Image.open(PHOTOS / "chelsea.jpg").convert("L").save(tmp_path / "phone.HEIC", quality=95)
    assert colourise(tmp_path / "phone.HEIC").exit_code == 0
    before, coloured = pixels(tmp_path / "phone.HEIC"), pixels(tmp_path / "phone.colourised.HEIC")
    assert coloured.shape == (300, 451, 3)
    assert np.abs(L_of(coloured) - L_of(before)).mean() < 1


# What cannot be done


def bomb(path: Path) -> None:
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


def truncated(path: Path) -> None:
    Image.open(PHOTOS / "chelsea.jpg").save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def locked(path: Path) -> None:
    shutil.copy(PHOTOS / "chelsea.jpg", path)
    path.chmod(0)


BAD_FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "missing": ("missing.jpg", lambda path: None, "no such file"),
    "empty": ("empty.jpg", Path.touch, "empty (0 bytes)"),
    "text": ("text.jpg", lambda path: path.write_text("Dear diary,\n" * 99), "not an image"),
    "truncated JPEG": ("cut.jpg", truncated, "truncated"),
    "truncated PNG": ("cut.png", truncated, "truncated"),
    "truncated TIFF": ("cut.tif", truncated, "copy it again from its source"),
    "folder without photos": ("folder", Path.mkdir, "no photos in this folder"),
    "decompression bomb": ("bomb.png", bomb, "1600 megapixels"),
    "no film": ("film.mp4", lambda path: path.write_bytes(b"\0\0\0\x18ftypisom" + bytes(500)), "or no film"),
    "a film's bytes": (
        "a.jpg",
        lambda path: path.write_bytes(b"\0\0\0\x18ftypisom" + bytes(500)),
        "not an image",
    ),
    "raw": ("raw.jpg", lambda path: path.write_bytes(os.urandom(5000)), "not an image"),
    "too long a name": (f"{'x' * 300}.jpg", lambda path: None, "File name too long"),
}
if hasattr(os, "geteuid") and os.geteuid() != 0:  # root may read everything
    BAD_FILES["locked"] = ("locked.jpg", locked, "no permission")


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_one_line_and_no_output(colourise: Colourise, tmp_path: Path, kind: str) -> None:
    name, make, reason = BAD_FILES[kind]
    make(tmp_path / name)
    before = files_below(tmp_path)
    for output in ([], ["-o", tmp_path / "out"], ["-o", tmp_path / "out.png"]):
        if output == ["-o", tmp_path / "out.png"] and kind == "folder without photos":
            continue
        result = colourise(tmp_path / name, *output)
        assert result.exit_code == 1
        assert result.output.count("\n") == 1
        assert str(tmp_path / name) in result.stderr and reason in result.stderr
        assert files_below(tmp_path) == before
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "model.pth"], "never unpickles"),
        (["--model", "colorise-v4"], "did you mean colourise-v4"),
        (["--model", "folder"], "no checkpoint in this folder"),
        (["--device", "gpu"], "no such device; use auto, cpu"),
        (["--device", "cuda:x"], "no such device"),
        (["--device", "mps", "--backend", "onnx"], "use --backend torch"),
        (["--precision", "fp16", "--backend", "onnx"], "use --backend torch"),
        (["-o", "photo.jpg/out"], "is a file, not a folder"),
        (["photo.jpg", "other.jpg", "-o", "out.jpg"], "name a folder"),
        ([".", "-o", "out.jpg"], "name a folder"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    colourise: Colourise, photo: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(photo.parent)
    Path("model.pth").write_bytes(pickle.dumps({"a": 1}))
    Path("folder").mkdir()
    before = files_below(photo.parent)
    photos = [] if arguments[0][0] != "-" else ["photo.jpg"]
    result = colourise(*photos, *arguments, model="--model" not in arguments)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert result.stderr.startswith("error ") and told in result.stderr
    assert files_below(photo.parent) == before


@pytest.mark.skipif(nvidia_gpus() > 0, reason="there is a CUDA device")
@pytest.mark.parametrize("backend", ["auto", "onnx", "torch"])
def test_cuda_that_is_not_there(colourise: Colourise, photo: Path, backend: str) -> None:
    result = colourise(photo, "--device", "cuda", "--backend", backend)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "--device cpu" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
def test_ctrl_c_in_a_folder_keeps_what_is_done(tiny_model: Path, tmp_path: Path) -> None:
    for number in range(150):
        (tmp_path / f"{number:03d}.jpg").hardlink_to(PHOTOS / "astronaut.jpg")
    out = tmp_path / "out"
    with start(tmp_path, "-o", out, "--model", tiny_model) as process:
        while process.poll() is None and not (out / "004.jpg").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    done = files_below(out)
    assert 5 <= len(done) < 150
    assert all(name.endswith(".jpg") and pixels(out / name).shape == (512, 512, 3) for name in done)
    (line,) = told.decode().splitlines()
    assert "coloured" in line and "not done" in line


def unshared(mount: str, *arguments: str | Path) -> tuple[int, list[str]]:
    """Runs the command where `mount` holds for it alone; skips where that is not allowed."""
    command = [sys.executable, "-m", "colourise", *map(str, arguments)]
    script = f"{mount} || exit 99; exec " + '"$@"'
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *command],  # noqa: S607
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    if done.returncode == 99 or b"unshare" in done.stderr:
        pytest.skip("may not mount here")
    return done.returncode, done.stderr.decode().splitlines()


def test_a_full_disk_ends_the_run_with_one_line(tiny_model: Path, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size=200k none '{tmp_path / 'disk'}'"
    code, told = unshared(mount, tree, "-o", tmp_path / "disk" / "out", "--model", tiny_model)
    assert code == 1
    assert len(told) == 2
    assert told[0].startswith("stopped") and "No space left on device" in told[0]
    assert re.search(r"[1-4] photos are left, and need about 0\.000\d+ GB; free some space and run", told[0])
    assert "failed" not in told[1] and "not done" in told[1]


def test_an_output_that_cannot_be_written_is_told_at_once(
    tiny_model: Path, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o ro none '{tmp_path / 'disk'}'"
    code, told = unshared(mount, tree, "-o", tmp_path / "disk" / "out", "--model", tiny_model)
    assert code == 1
    assert told == [f"error {tmp_path / 'disk'}: no permission to write there; choose another output"]


# What runs


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


# The other commands


def test_weights_lists_models() -> None:
    result = CliRunner().invoke(app, ["weights"])
    assert result.exit_code == 0
    assert result.stdout.split()[:3] == ["model", "where", "MB"]


def test_export_writes_a_file_that_colours(colourise: Colourise, tiny_model: Path, tmp_path: Path) -> None:
    for suffix in (".safetensors", ".json"):
        shutil.copy(tiny_model.with_suffix(suffix), tmp_path / f"mine{suffix}")
    result = colourise("export", tmp_path / "mine", tmp_path / "mine.onnx", model=False)
    assert result.exit_code == 0
    assert result.stderr.startswith(f"exported {tmp_path / 'mine.onnx'}; ab is within ")
    assert result.stdout == ""
    coloured = colourise(
        PHOTOS / "rocket.jpg",
        *("-o", tmp_path / "out.jpg", "--backend", "onnx", "--model", tmp_path / "mine"),
        model=False,
    )
    assert coloured.exit_code == 0, coloured.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["export", "no/such/model", "out.onnx"], "no such checkpoint"),
        (["export", "{tiny}", "no/folder/out.onnx"], "no/folder"),
        (["train", "--show", "--set", "learning=1"], "no such setting; there are architecture"),
        (["train", "--show", "--set", "lr=fast"], "lr=fast: "),
        (["train", "--show", "--set", "batch=0"], "must be above 0"),
        (["train", "--show", "--recipe", "soup"], "no such recipe; there are pix2pix, gorriz, vgg16"),
        (["train", "--data", "folder"], "no photos here"),
        (["eval", "--data", "folder"], "no photos here"),
    ],
)
def test_other_commands_refuse_in_one_line(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    result = CliRunner().invoke(app, [word.format(tiny=tiny_model) for word in arguments])
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert result.stderr.startswith("error ") and told in result.stderr
    assert files_below(tmp_path) == []


def test_train_shows_a_recipe() -> None:
    asked = ["--set", "lr=0.5", "--set", "sizes=64,128", "--set", "arguments.levels=6"]
    result = CliRunner().invoke(app, ["train", "--show", *asked])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert {"lr = 0.5", "sizes = 64,128", "arguments.levels = 6", "loss_network = vgg16"} <= set(lines)
    assert result.stderr == ""
    again = [word for line in lines for word in ("--set", line.replace(" = ", "="))]
    assert (
        CliRunner().invoke(app, ["train", "--show", "--recipe", "colourise", *again]).stdout == result.stdout
    )
