"""Naturalness studies: the command line, and photos to build them of."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.testing import CliRunner, Result

from colourise.cli.commands import app

SMALL = ("--truths", 24, "--each", 24, "--per-participant", 20, "--size", 48)


def run(*arguments: Any) -> Result:
    result = CliRunner().invoke(app, ["study", *map(str, arguments)], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def make_photos(folder: Path, count: int) -> Path:
    """Photos of a few colours each, some smooth and some busy, so that their JPEGs differ in size."""
    chance = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        blocks = chance.integers(0, 256, (3 + number % 7, 5, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize((72, 56), Image.Resampling.BICUBIC).save(
            folder / f"holiday {number:02}.png"
        )
    return folder
