"""Comparing models from Python: what is taken, what is reported, and what comes out."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import pan, write
from helpers.photos import PHOTOS, pixels

from colourise.colouriser import load_model
from colourise.errors import ColouriseError, ModelError, PhotoError, TrainingError
from colourise.evaluation import (
    Event,
    FilmBegun,
    FrameScored,
    PhotoFailed,
    PhotoLeftOut,
    PhotoScored,
    PhotosFound,
    compare,
    compare_films,
)

COLOURED = [PHOTOS / name for name in ("chelsea.jpg", "coffee.jpg")]


def test_models_are_names_instances_and_functions(tiny_model: Path) -> None:
    load = partial(load_model, str(tiny_model), device="cpu")
    by_name = compare([str(tiny_model)], COLOURED, size=64, device="cpu").scores
    assert list(by_name) == ["grey", str(tiny_model)]
    models = {"name": tiny_model, "instance": load(), "function": load}
    mixed = compare(models, COLOURED, size=64, device="cpu", baseline=False).scores
    assert list(mixed) == list(models)
    assert all(row == by_name[str(tiny_model)] for row in mixed.values())
    assert compare(tiny_model, COLOURED[0], size=64, device="cpu").scores["grey"]["photos"] == 1


def test_every_photo_is_reported_once(tiny_model: Path, colour_tree: Path) -> None:
    (colour_tree / "empty.jpg").touch()
    events: list[Event] = []
    comparison = compare([tiny_model], colour_tree, size=64, on_event=events.append)
    assert events[0] == PhotosFound(5)
    count = {kind: sum(isinstance(one, kind) for one in events) for kind in map(type, events)}
    assert count == {PhotosFound: 1, PhotoScored: 3, PhotoLeftOut: 1, PhotoFailed: 1}
    assert (comparison.found, comparison.scored) == (5, 3)
    assert comparison.grey == (colour_tree / "1921" / "camera.png",)
    (failure,) = comparison.failures
    assert failure.source == colour_tree / "empty.jpg" and "empty" in str(failure.error)
    assert {row["photos"] for row in comparison.scores.values()} == {3}


@pytest.mark.needs("train")
def test_nothing_to_compare(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    comparison = compare([tiny_model], tmp_path, figures=tmp_path / "figures")
    assert (comparison.scored, len(comparison.failures)) == (0, 1)
    assert list((tmp_path / "figures").iterdir()) == []
    with pytest.raises(PhotoError, match="grey") as error:
        compare([tiny_model], [tmp_path / "empty.jpg", PHOTOS / "camera.png"])
    assert error.value.path == PHOTOS / "camera.png"
    with pytest.raises(TrainingError, match="no photos here"):
        compare([tiny_model], tmp_path / "figures")
    with pytest.raises(ModelError):
        compare([tmp_path / "nosuch"], COLOURED)


def test_wrong_questions(tiny_model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lpips, fid, frechet, not ssim"):
        compare([tiny_model], COLOURED, measures=["ssim"])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="no model"):
        compare([], COLOURED)
    with pytest.raises(ValueError, match="folder"):
        compare([tiny_model], COLOURED, split=tmp_path / "split.csv")


@pytest.mark.parametrize(
    "name", ["photos.png", "histograms.svg", "histograms.png", "best-m.png", "worst-m.png"]
)
@pytest.mark.needs("train")
def test_figures_are_written_through_no_link(tiny_model: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / "victim")
    scored: list[object] = []
    with pytest.raises(
        ColouriseError, match=f"{name}: is a link, through which nothing is written; remove it"
    ):
        compare({"m": tiny_model}, COLOURED, figures=tmp_path, on_event=scored.append)
    assert (scored, list(tmp_path.iterdir())) == (
        [],
        [tmp_path / name],
    )  # before the work, and nothing written


@pytest.mark.needs("train")
def test_sheets_are_written_through_no_link(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "sheet-001.jpg").symlink_to(tmp_path / "victim")
    with pytest.raises(ColouriseError, match=r"sheet-001\.jpg: is a link"):
        compare({"m": tiny_model}, COLOURED, size=64, sheet=tmp_path)
    assert not (tmp_path / "victim").exists()


@pytest.mark.needs("train")
def test_figures_and_sheets_are_written(tiny_model: Path, tmp_path: Path) -> None:
    compare({"m": tiny_model}, COLOURED, size=64, figures=tmp_path / "figures", sheet=tmp_path / "sheets")
    names = {"best-m.png", "worst-m.png", "photos.png", "histograms.png", "histograms.svg"}
    assert {path.name for path in (tmp_path / "figures").iterdir()} == names
    assert pixels(tmp_path / "sheets" / "sheet-001.jpg").shape[0] > 64


def test_films(tiny_model: Path, tmp_path: Path) -> None:
    film = write(tmp_path / "a.mkv", pan("coffee.jpg", 6))
    events: list[Event] = []
    scores = compare_films({"m": tiny_model}, [film], frames=4, on_event=events.append)
    assert list(scores) == [film]
    assert list(scores[film]) == ["truth", "m, frame by frame", "m, steadied"]
    assert {row["frames"] for row in scores[film].values()} == {4}
    assert np.isinf(scores[film]["truth"]["psnr_ab"])
    assert events[0] == FilmBegun(film)
    assert events[1:] == [
        FrameScored(film, version) for version in ("m, frame by frame", "m, steadied") for _ in range(4)
    ]


def test_the_wing_loads_nothing_until_it_is_used() -> None:
    heavy = "{'torch', 'numpy', 'cv2', 'av', 'matplotlib', 'onnxruntime'}"
    program = f"import sys, colourise.evaluation.events; sys.exit(len({heavy} & {{*sys.modules}}))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
