"""A naturalness study that several tests look at and none changes."""

import shutil
from pathlib import Path

import pytest
from helpers.studies import SMALL, make_photos, run

from colourise.evaluation.study import KEY, PAGE


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("study") / "photos", 30)


@pytest.fixture(scope="session")
def models(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two names of one network, which makes the hardest case: two sources with equal pictures."""
    other = tmp_path_factory.mktemp("models") / "other"
    for file in tiny_model.parent.iterdir():
        shutil.copy(file, other.with_suffix(file.suffix))
    return tiny_model, other


@pytest.fixture(scope="session")
def built(photos: Path, models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of two models."""
    folder = tmp_path_factory.mktemp("built") / "study"
    result = run("build", "--data", photos, "--model", models[0], "--model", models[1], "-o", folder, *SMALL)
    assert result.exit_code == 0
    assert f"{folder / PAGE}: 72 pictures, 20 a participant" in result.stderr
    assert str(folder / KEY) in result.stderr
    return folder
