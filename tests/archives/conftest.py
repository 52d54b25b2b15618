"""An album of photos, where it goes, and a small model."""

from pathlib import Path

import pytest

from colourise.colouriser import Colouriser, load_model


@pytest.fixture
def colouriser(tiny_model: Path) -> Colouriser:
    return load_model(str(tiny_model))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
