"""weights, export and train, in a word each."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.photos import PHOTOS
from typer.testing import CliRunner, Result

from colourise.cli.commands import app

Colourise = Callable[..., Result]


def test_weights_lists_models() -> None:
    result = CliRunner().invoke(app, ["weights"])
    assert result.exit_code == 0
    assert result.stdout.split()[:3] == ["model", "where", "MB"]


@pytest.mark.needs("train")
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
