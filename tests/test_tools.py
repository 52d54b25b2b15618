"""The tools beside the package: what they print and write is what the commands would say."""

import csv
import re
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.commands import ROOT
from helpers.photos import PHOTOS

from colourise.colouriser import load_model
from colourise.evaluation.photos import score_photos
from colourise.models import checkpoints
from colourise.models.backends import TorchBackend
from colourise.models.card import Card
from colourise.models.networks import registry

CARD = Card("small", "encoder_unet", {"widths": [16, 16, 8, 8]}, 64, "nothing", {}, {}, "MIT")
Tool = Callable[..., str]


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tool:
    """Runs `python tools/NAME.py ARGUMENTS` in this process and returns what it prints."""

    def run(name: str, *arguments: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(ROOT / "tools" / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of two colour photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("chelsea.jpg", "coffee.jpg"):
        shutil.copy(PHOTOS / name, folder)
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Callable[[int], Path]:
    """Makes checkpoints of an encoder_unet with random weights: a stem for each seed."""

    def make(seed: int) -> Path:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            generator = registry.build("encoder_unet", widths=(16, 16, 8, 8))
            torch.nn.init.normal_(generator.head.weight, 0, 1)
        checkpoints.save(generator, tmp_path / f"small-{seed}", CARD)
        return tmp_path / f"small-{seed}"

    return make


def predicted(stem: Path) -> np.ndarray:
    """Ab of made-up L by a checkpoint."""
    found = checkpoints.find(str(stem), need="safetensors")
    L = np.random.default_rng(1).uniform(0, 100, (1, 1, 64, 64)).astype(np.float32)
    return TorchBackend(checkpoints.load_generator(found), device="cpu", precision="fp32").predict_ab(L)


def test_calibrating_scales_and_moves_the_colours(
    tool: Tool, small: Callable[[int], Path], tmp_path: Path
) -> None:
    stem, out = small(0), tmp_path / "louder"
    before = predicted(stem)
    assert np.abs(before).mean() > 2
    tool("calibrate", stem, "--gain", "1.25", "--offset-b", "-2", "--input-size", "96", "--out", out)
    wanted = 1.25 * before + np.float32([0, -2])[:, None, None]
    assert np.abs(predicted(out) - wanted).max() < 0.1  # weights are written in half precision
    card = checkpoints.find(str(out), need="safetensors").card
    assert (card.name, card.input_size, card.recipe["gain"]) == ("louder", 96, 1.25)


def test_towards_another_checkpoint(tool: Tool, small: Callable[[int], Path], tmp_path: Path) -> None:
    one, other, out = small(0), small(1), tmp_path / "mean"
    tool("calibrate", one, "--towards", other, "--share", "1", "--out", out)
    assert np.abs(predicted(out) - predicted(other)).mean() < 0.1
    assert np.abs(predicted(out) - predicted(one)).mean() > 1


def test_calibrate_shows_what_gains_would_do(tool: Tool, tiny_model: Path, photos: Path) -> None:
    told = tool("calibrate", tiny_model, "--data", photos)
    rows = [dict(re.findall(r"(\w+) ([\d.]+)", line)) for line in told.splitlines()]
    assert len(rows) == 12
    ours = score_photos({"it": load_model(str(tiny_model), device="cpu")}, sorted(photos.iterdir()), size=256)
    plain = ours["it"].summary()
    assert float(rows[0]["psnr_ab"]) == pytest.approx(plain["psnr_ab"], abs=0.002)
    shares = [float(row["colourfulness_share"]) for row in rows if row["gain"] == "1.30" or row is rows[0]]
    assert min(shares[1:]) > shares[0]


def test_the_frontier_begins_at_the_model_and_ends_at_the_truth(
    tool: Tool, tiny_model: Path, photos: Path, tmp_path: Path
) -> None:
    tool("frontier", tiny_model, "--data", photos, "--fit", photos, "-o", tmp_path / "line")
    with (tmp_path / "line.csv").open() as stream:
        rows = [{name: float(row[name]) for name in row if name != "model"} for row in csv.DictReader(stream)]
    ours = score_photos({"it": load_model(str(tiny_model), device="cpu")}, sorted(photos.iterdir()), size=256)
    plain = ours["it"].summary()
    assert {name: rows[0][name] for name in rows[0] if name != "way"} == {
        name: pytest.approx(plain[name], abs=2e-3) for name in rows[0] if name != "way"
    }
    assert [row["way"] for row in rows] == [0, 0.25, 0.5, 0.75, 1]
    assert rows[-1]["js_a"] + rows[-1]["js_b"] < (rows[0]["js_a"] + rows[0]["js_b"]) / 2
    assert (tmp_path / "line.svg").read_text().startswith("<?xml")


def test_every_candidate_has_a_line_in_the_plot() -> None:
    names = [f"run-{k}" for k in range(8)]
    scores = {"psnr_rgb": 23.0, "psnr_ab": 26.0, "js_a": 0.01, "js_b": 0.02, "colourfulness_share": 0.8}
    plot = runpy.run_path(str(ROOT / "tools" / "frontier.py"))["plot"]
    figure = plot([{"model": name, "way": way} | scores for name in names for way in (0, 1)])
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == names
    looks = {(line.get_color(), line.get_linestyle()) for line in legend.get_lines()}
    assert len(looks) == len(names)


def test_jitter_of_colours_that_never_change_is_none(
    tool: Tool, small: Callable[[int], Path], photos: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    generator = checkpoints.load_generator(checkpoints.find(str(small(0)), need="safetensors"))
    with torch.no_grad():
        generator.head.weight.zero_()
        generator.head.bias.copy_(torch.tensor([0.1, -0.2]))  # ab of 11 and -22
    checkpoints.save(generator, flat, CARD)
    told = tool("jitter", flat, tmp_path / "small-0", "--data", photos)
    rows = {name: re.findall(r"\d+\.\d+", line) for line in told.splitlines() for name in line.split()[1:2]}
    assert rows["flat"] == ["0.00", "0.00", "0.00", "16.50"]
    shift, noise, brightness, loudness = map(float, rows["small-0"])
    assert min(shift, noise, brightness) > 0
    assert loudness > 0


def test_colour_photos_are_told_from_prints(tool: Tool, photos: Path, tmp_path: Path) -> None:
    shutil.copy(PHOTOS / "camera.png", tmp_path / "real.png")
    told = tool("colour_photos", photos, "--real", tmp_path / "real.png").splitlines()
    shares = {line.split("│")[1].split()[0]: line.split("│")[3].strip() for line in told if "0%" in line}
    assert shares == {
        "grey": "0.0%",
        "sepia": "0.0%",
        "toned": "0.0%",
        "yellowed": "0.0%",
        "colour": "100.0%",
        "faded": "100.0%",
    }
    assert any(line.startswith("threshold ") for line in told)
    assert told[-1].split() == ["0.00", "black-and-white", str(tmp_path / "real.png")]
