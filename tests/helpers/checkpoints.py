"""A small checkpoint, and what is done to its files."""

import json
from pathlib import Path

import pytest

from colourise.errors import ModelError
from colourise.models.card import Card

CARD = Card(
    name="tiny",
    architecture="unet",
    arguments={"levels": 3, "width": 4},
    input_size=32,
    data="None: random weights (“noise”) for tests.",
    recipe={"name": "none", "steps": 0},
    scores={"photos": "12 of ours", "psnr_ab": 26.123456, "js": {"a": 0.1, "b": 0.2}},
    licence="MIT",
)


def files_of(run: Path, **card: object) -> dict[str, bytes]:
    """A run's files under the names they have on the Hub."""
    files = {f"model{path.suffix}": path.read_bytes() for path in run.glob("tiny.*") if path.suffix != ".pt"}
    files["model.json"] = json.dumps(json.loads(files["model.json"]) | card).encode()
    return files


def flip_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def line_of(error: pytest.ExceptionInfo[ModelError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


def cached_files(tmp_path: Path) -> list[str]:
    """What a person would find in the client's cache, locks and notes left out."""
    paths = (tmp_path / "home" / "hub").glob("models--*/**/*")
    return sorted(path.name for path in paths if path.is_symlink() or "blobs" in path.parent.parts)
