"""What cannot be done is one line that says what to do, and leaves nothing behind."""

import os
import pickle
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.files import files_below
from helpers.photos import PHOTOS
from PIL import Image
from typer.testing import CliRunner, Result

from colourise.cli.commands import app
from colourise.models.backends import nvidia_gpus

Colourise = Callable[..., Result]
NEEDS_TRAIN = pytest.mark.needs("train")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("photo.jpg --nonsense", "--nonsense"),
        ("photo.jpg --format gif", "choose jpg, png, tif"),
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
@pytest.mark.parametrize("backend", ["auto", "onnx", pytest.param("torch", marks=NEEDS_TRAIN)])
def test_cuda_that_is_not_there(colourise: Colourise, photo: Path, backend: str) -> None:
    result = colourise(photo, "--device", "cuda", "--backend", backend)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    assert "--device cpu" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["export", "no/such/model", "out.onnx"], "no such checkpoint", marks=NEEDS_TRAIN),
        pytest.param(["export", "{tiny}", "no/folder/out.onnx"], "no/folder", marks=NEEDS_TRAIN),
        (["train", "--show", "--set", "learning=1"], "no such setting; there are architecture"),
        (["train", "--show", "--set", "lr=fast"], "lr=fast: "),
        (["train", "--show", "--set", "batch=0"], "must be above 0"),
        (["train", "--show", "--recipe", "soup"], "no such recipe; there are pix2pix, gorriz, vgg16"),
        pytest.param(
            ["train", "--recipe", "pix2pix", "--data", "folder"], "no photos here", marks=NEEDS_TRAIN
        ),
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
