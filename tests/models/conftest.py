"""What tests of models need: a checkpoint, a Hub, loss networks of random weights."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.checkpoints import CARD
from helpers.hub import Hub, client_of, serve
from helpers.loss_networks import caches as caches, loss_network as loss_network

from colourise.models.checkpoints import add_onnx, save
from colourise.models.networks import registry

if TYPE_CHECKING:
    import torch


@pytest.fixture
def generator() -> "torch.nn.Module":
    torch = pytest.importorskip("torch", reason="needs colourise[train]")
    torch.manual_seed(0)
    return registry.build(CARD.architecture, **CARD.arguments).eval()


@pytest.fixture
def run(tmp_path: Path, generator: "torch.nn.Module") -> Path:
    """A run's folder, with a checkpoint of all three files."""
    folder = tmp_path / "run"
    save(generator, folder / "tiny", CARD)
    (folder / "tiny.onnx").write_bytes(b"stands for an ONNX network" * 1000)
    add_onnx(folder / "tiny")
    (folder / "tiny.resume.pt").touch()
    (folder / "log.json").write_text("{}")
    return folder


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with serve() as server, client_of(server, tmp_path / "home"):
        yield server
