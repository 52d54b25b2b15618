"""What several tests need: a tiny model made by the real code, real photos, and the command line."""

# ruff: noqa: E402  # the environment comes before the imports that look at it
import os
import shutil
from collections.abc import Callable
from pathlib import Path

for name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):  # they make Rich and Typer colour files too
    os.environ.pop(name, None)
os.environ["COLUMNS"] = "80"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of so small networks mostly wait for each other

import pytest
import torch
from helpers.clips import grey, pan, write
from helpers.photos import PHOTOS
from typer.testing import CliRunner, Result

from colourise.cli.commands import app
from colourise.models import checkpoints
from colourise.models.card import Card
from colourise.models.export import export
from colourise.models.networks import registry


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stem of a whole checkpoint (weights, ONNX file, card): a small U-Net that paints random colours."""
    stem = tmp_path_factory.mktemp("models") / "tiny"
    arguments = {"levels": 5, "width": 4}
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        generator = registry.build("unet", **arguments).eval()
        for weights in generator.parameters():
            if weights.dim() > 1:
                weights *= 6  # ab of about +-10, up to +-50; fresh weights paint grey
    card = Card(
        name="tiny",
        architecture="unet",
        arguments=arguments,
        input_size=64,
        data="None: random weights for tests.",
        recipe={},
        scores={},
        licence="MIT",
    )
    checkpoints.save(generator, stem, card)
    export(str(stem), stem.with_suffix(".onnx"))
    return stem


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of four real photos in three levels, named as people do, and a file that is no photo."""
    tree = tmp_path / "Fotos von früher"
    (tree / "1921" / "Köln").mkdir(parents=True)
    shutil.copy(PHOTOS / "chelsea.jpg", tree / "chelsea.jpg")
    shutil.copy(PHOTOS / "camera.png", tree / "1921" / "camera.png")
    shutil.copy(PHOTOS / "coffee.jpg", tree / "1921" / "Köln" / "coffee.JPG")
    shutil.copy(PHOTOS / "rocket.jpg", tree / "1921" / "Köln" / "Straße am Dom.jpg")
    (tree / "1921" / "notes.txt").write_text("none of these is a photo")
    return tree


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A real photo, alone in its folder."""
    return Path(shutil.copy(PHOTOS / "chelsea.jpg", tmp_path / "photo.jpg"))


@pytest.fixture
def colourise(tiny_model: Path) -> Callable[..., Result]:
    """Runs `colourise ARGUMENTS --model TINY` in this process."""

    def colourise(*arguments: str | Path, stdin: bytes | None = None, model: bool = True) -> Result:
        chosen = ["--model", str(tiny_model)] if model else []
        result = CliRunner().invoke(app, [*map(str, arguments), *chosen], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception  # a traceback is never what a user should see
        return result

    return colourise


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two scenes in grey, with sound."""
    frames = grey(pan("coffee.jpg", 14) + pan("chelsea.jpg", 10))
    return write(tmp_path / "film.mp4", frames, options={"crf": "10"}, sound=1.0)
