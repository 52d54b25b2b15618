"""Tiny runs, what they leave, and made-up photos to learn from."""

import csv
from dataclasses import replace

import numpy as np
from PIL import Image

from colourise.data.photos import find_photos
from colourise.models import checkpoints
from colourise.training.config import TrainConfig

TINY = TrainConfig(
    architecture="unet",
    arguments={"levels": 5, "width": 4, "dropout": 0.0},
    sizes=(32,),
    batch=4,
    images=32,
    feature_weight=0.0,
    input_size=32,
)
GAN = replace(TINY, discriminators=1, discriminator={"width": 4}, schedule="constant", ema=0.0)
ALIKE = {"norm": "instance"}  # a norm of each picture alone, so that it does not matter who shares its batch


def made_photos(folder):
    """Save twelve photos of a few colours each, and find them."""
    chance = np.random.default_rng(0)
    folder.mkdir()
    for number in range(12):
        blocks = chance.integers(0, 256, (4, 6, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize((72, 48), Image.Resampling.BICUBIC).save(
            folder / f"{number:02}.jpg", quality=95
        )
    return find_photos(folder)


def rows_of(run):
    """Rows of a run's metrics.csv."""
    with (run / "metrics.csv").open() as stream:
        return list(csv.DictReader(stream))


def weights_of(run):
    """The released weights of a run."""
    return checkpoints.load_generator(checkpoints.find(run, need="safetensors")).state_dict()
