"""`colourise eval` as people use it."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.commands import shell
from helpers.photos import PHOTOS, pixels
from typer.testing import Result

from colourise import colouriser

Colourise = Callable[..., Result]


@pytest.fixture
def colour(colour_tree: Path) -> Path:
    """The tree without the photo that is grey: chelsea, coffee, rocket."""
    (colour_tree / "1921" / "camera.png").unlink()
    return colour_tree


def test_eval_prints_tables(colourise: Colourise, colour_tree: Path) -> None:
    result = colourise("eval", "--data", colour_tree)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("3 photos at 256 px")
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("grey ") for line in lines) == 3
    assert sum(line.startswith("tiny ") for line in lines) == 3
    words = result.stdout.split()
    assert {"JS", "KL", "psnr_ab", "psnr_rgb", "SSIM", "delta", "E", "CF", "delta-CF", "abs"} <= set(words)
    assert {"higher", "lower", "near"} <= set(words)
    assert "LPIPS" not in words
    assert result.stderr == (
        f"note left out, for they are grey: 1 of 4 photos, first {colour_tree / '1921' / 'camera.png'}\n"
    )


def test_tables_fit_80_columns_whatever_the_names(
    colourise: Colourise, tiny_model: Path, colour: Path, tmp_path: Path
) -> None:
    long = tmp_path / ("a-model-with-a-long-name-" * 3)
    for suffix in (".json", ".safetensors", ".onnx"):
        shutil.copy(tiny_model.with_suffix(suffix), f"{long}{suffix}")
    result = colourise("eval", "--data", colour, "--size", "64", "--model", long)
    assert result.exit_code == 0
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_eval_prints_json(colourise: Colourise, tiny_model: Path, colour: Path) -> None:
    scores = json.loads(colourise("eval", "--data", colour, "--json", "--size", "64").stdout)
    model = scores[str(tiny_model)]
    assert list(scores) == ["grey", str(tiny_model)]
    assert scores["grey"]["colourfulness"] < 0.5 < 5 < model["colourfulness"]
    assert scores["grey"]["psnr_rgb"] > model["psnr_rgb"]  # better nothing than nonsense
    assert model["photos"] == 3
    assert model.keys() == {
        *("photos", "psnr_rgb", "psnr_ab", "ssim", "delta_e", "js_a", "js_b", "kl"),
        *("far_worse", "gain_p5"),
        *("colourfulness", "colourfulness_truth", "colourfulness_share", "colourfulness_delta"),
        *("colourfulness_abs", "colourfulness_abs_truth", "colourfulness_abs_delta"),
    }


def test_csv_has_the_same_numbers(colourise: Colourise, tiny_model: Path, colour: Path) -> None:
    arguments = ("eval", "--data", colour, "--size", "64")
    scores = json.loads(colourise(*arguments, "--json").stdout)
    text = colourise(*arguments, "--csv").stdout
    rows = {row.pop("model"): row for row in csv.DictReader(io.StringIO(text))}
    assert list(rows) == ["grey", str(tiny_model)]
    for name, row in rows.items():
        assert {key: float(value) for key, value in row.items()} == scores[name]
    assert text.count("\n") == 3


def test_perfect_colours_are_null_in_json_and_inf_elsewhere(
    colourise: Colourise, tiny_model: Path, colour: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(colouriser.Colouriser, "__call__", lambda self, pictures: list(pictures))
    arguments = ("eval", "--data", colour, "--size", "64")
    scores = json.loads(colourise(*arguments, "--json").stdout)[str(tiny_model)]
    assert scores["psnr_rgb"] is scores["psnr_ab"] is None
    assert scores["js_a"] == scores["js_b"] == scores["delta_e"] == 0
    (row, _) = csv.DictReader(io.StringIO(colourise(*arguments, "--csv").stdout))
    assert float(row["psnr_rgb"]) == float("inf")
    assert "inf" in colourise(*arguments).stdout.split()


def test_json_and_csv_exclude_each_other(colourise: Colourise, colour: Path) -> None:
    result = colourise("eval", "--data", colour, "--json", "--csv")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "choose one" in result.stderr


def test_json_is_json_whatever_the_terminal(
    tiny_model: Path, colour: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    code, out, _ = shell("eval", "--data", colour, "--json", "--size", "64", "--model", tiny_model)
    assert code == 0
    assert "grey" in json.loads(out)


def test_the_baseline_can_be_left_out(colourise: Colourise, tiny_model: Path, colour: Path) -> None:
    result = colourise("eval", "--data", colour, "--json", "--size", "64", "--baseline", "none")
    assert list(json.loads(result.stdout)) == [str(tiny_model)]
    assert colourise("eval", "--data", colour, "--baseline", "sepia").exit_code == 2


@pytest.mark.needs("train")
def test_models_called_grey_and_truth_are_kept_apart(
    colourise: Colourise, tiny_model: Path, colour: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("grey", "truth"):
        for suffix in (".json", ".safetensors"):
            shutil.copy(tiny_model.with_suffix(suffix), tmp_path / f"{name}{suffix}")
    arguments = ("--model", "grey", "--model", "truth", "--size", "64", "--json", "--figures", "new")
    scores = json.loads(colourise("eval", "--data", colour, *arguments, model=False).stdout)
    assert list(scores) == ["plain grey", "grey", "truth"]
    assert scores["plain grey"]["colourfulness"] < 0.5 < 5 < scores["grey"]["colourfulness"]
    assert {file.name for file in (tmp_path / "new").glob("best-*")} == {"best-grey.png", "best-truth.png"}


def test_one_photo_can_be_scored(colourise: Colourise) -> None:
    result = colourise("eval", "--data", PHOTOS / "chelsea.jpg", "--size", "64", "--json")
    assert result.exit_code == 0
    assert {row["photos"] for row in json.loads(result.stdout).values()} == {1}


def test_grey_photos_alone_cannot_be_scored(colourise: Colourise, tmp_path: Path) -> None:
    (tmp_path / "grey").mkdir()
    for number in range(2):
        shutil.copy(PHOTOS / "camera.png", tmp_path / "grey" / f"{number}.png")
    result = colourise("eval", "--data", tmp_path / "grey", "--size", "64")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert f"{tmp_path / 'grey' / '0.png'}: grey" in result.stderr
    assert "2 of 2 photos" in result.stderr


def test_eval_of_broken_photos(colourise: Colourise, colour: Path, tmp_path: Path) -> None:
    (colour / "empty.jpg").touch()
    result = colourise("eval", "--data", colour, "--size", "64")
    assert result.exit_code == 1
    assert result.stderr == f"failed {colour / 'empty.jpg'}: empty (0 bytes); copy it again from its source\n"
    assert "3 photos" in result.stdout
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.jpg").touch()
    result = colourise("eval", "--data", tmp_path / "bad")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)


@pytest.mark.needs("train")
def test_eval_makes_figures(colourise: Colourise, tiny_model: Path, colour: Path, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "figures"
    for suffix in (".json", ".safetensors"):
        shutil.copy(tiny_model.with_suffix(suffix), tmp_path / f"copy{suffix}")
    arguments = ("eval", "--data", colour, "--size", "64", "--model", tmp_path / "copy", "--figures", folder)
    result = colourise(*arguments)
    assert result.exit_code == 0
    assert result.stderr == f"figures {folder}\n"
    sheets = ("best-copy.png", "best-tiny.png", "worst-copy.png", "worst-tiny.png")
    assert {file.name for file in folder.iterdir()} == {
        *("photos.png", "histograms.png", "histograms.svg"),
        *sheets,
    }
    height, width, _ = pixels(folder / "photos.png").shape
    assert 4 * 64 <= width < 4 * 80 and 3 * 64 <= height < 3 * 90  # grey, two models, truth of three photos
    assert len({pixels(folder / name).shape for name in sheets}) == 1
    assert "<svg" in (folder / "histograms.svg").read_text()
    before = (folder / "photos.png").read_bytes()
    assert colourise(*arguments).exit_code == 0  # again, over them
    assert (folder / "photos.png").read_bytes() == before


@pytest.mark.needs("train")
def test_sheets_hold_every_photo(colourise: Colourise, colour: Path, tmp_path: Path) -> None:
    for number in range(9):
        shutil.copy(PHOTOS / "coffee.jpg", colour / f"{number}.jpg")
    assert colourise("eval", "--data", colour, "--size", "64", "--sheet", tmp_path / "sheets").exit_code == 0
    sheets = sorted((tmp_path / "sheets").iterdir())
    assert [sheet.name for sheet in sheets] == ["sheet-001.jpg", "sheet-002.jpg"]
    assert pixels(sheets[0]).shape[0] > 5 * 64  # ten photos, two to a line
    assert 64 < pixels(sheets[1]).shape[0] < 2 * 64  # and the other two


@pytest.mark.needs("train")
@pytest.mark.parametrize(
    ("option", "told"),
    [("--lpips", "AlexNet cannot be"), ("--fid", "Inception cannot be"), ("--frechet", "vgg16")],
)
def test_networks_that_cannot_be_had_are_told_before_anything_is_scored(
    colourise: Colourise,
    colour: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    option: str,
    told: str,
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    monkeypatch.setattr(
        "colourise.evaluation.comparison.score_photos", lambda *args, **options: pytest.fail("scored")
    )
    result = colourise("eval", "--data", colour, option, "--figures", tmp_path / "figures", "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = [line for line in result.stderr.splitlines() if not line.startswith("Downloading: ")]
    assert line.startswith("error ") and told in line and "connect once" in line
    assert not (tmp_path / "figures").exists()


@pytest.mark.needs("train")
def test_eval_prints_what_a_network_says(
    colourise: Colourise, tiny_model: Path, colour: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colourise.evaluation.perceptual.vgg16_means", means)
    arguments = ("--size", "64", "--frechet")
    scores = json.loads(colourise("eval", "--data", colour, *arguments, "--json").stdout)
    assert 0 < scores["grey"]["frechet"] < scores[str(tiny_model)]["frechet"]
    assert "Frechet" in colourise("eval", "--data", colour, *arguments).stdout.split()
    (tmp_path / "one").mkdir()
    shutil.copy(PHOTOS / "coffee.jpg", tmp_path / "one")
    alone = colourise("eval", "--data", tmp_path / "one", *arguments, "--json")
    assert json.loads(alone.stdout)["grey"]["frechet"] is None  # one photo has no covariance
    assert alone.exit_code == 0


def means() -> object:
    """A stand-in for VGG16: mean red, green, blue."""
    import torch

    class Means(torch.nn.Module):
        def forward(self, rgb: torch.Tensor) -> torch.Tensor:
            return rgb.float().mean((2, 3))

    return Means()
