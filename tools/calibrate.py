"""Fold a gain and an offset per channel of ab into a checkpoint's last layer.

    python tools/calibrate.py runs/mine --data photos/                                   # look
    python tools/calibrate.py runs/mine --gain 1.15 --offset-b -3 --out weights/mine     # make it so

A network that must hedge predicts colours that are too quiet and lean to the warm side. The first form
colours photos (training ones: held-out photos are for judging) and prints what several gains and offsets
would do to PSNR and to the histograms; the second writes the checkpoint, at no cost when it runs.
"""

import argparse
import itertools
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from colourise import checkpoints
from colourise.backends import TorchBackend
from colourise.data import find_photos, read_rgb, square
from colourise.lab import clip_to_gamut_bounds, lay_over, rgb_to_L
from colourise.metrics import Scores

GAINS, OFFSETS = (1.0, 1.1, 1.2, 1.3), (0.0, -1.5, -3.0)
SIDE = 256  # pixels at which pictures are compared


def look(checkpoint: checkpoints.Checkpoint, data: Path, count: int) -> None:
    size = checkpoint.card.input_size
    backend = TorchBackend(checkpoints.load_generator(checkpoint), device="cpu", precision="fp32")
    photos = find_photos(data)
    truths = [
        square(read_rgb(path), SIDE) for path in random.Random(0).sample(photos, min(count, len(photos)))
    ]
    predicted = [backend.predict_ab(rgb_to_L(truth, (size, size))[None, None])[0] for truth in truths]
    for gain, offset in itertools.product(GAINS, OFFSETS):
        scores = Scores()
        for ab, truth in zip(predicted, truths, strict=True):
            tuned = gain * ab + np.float32([0, offset])[:, None, None]
            scores.add(lay_over(truth, clip_to_gamut_bounds(tuned)), truth)
        names = ("psnr_rgb", "psnr_ab", "js_a", "js_b", "colourfulness_share")
        told = "  ".join(f"{name} {scores.summary()[name]:.3f}" for name in names)
        print(f"gain {gain:.2f}  offset of b {offset:+.1f}:  {told}", flush=True)


def fold(checkpoint: checkpoints.Checkpoint, gain: float, offset_b: float, out: Path) -> None:
    generator = checkpoints.load_generator(checkpoint)
    with torch.no_grad():  # ab = 110 * head(x)
        generator.head.weight *= gain
        generator.head.bias *= gain
        generator.head.bias += torch.tensor([0.0, offset_b / 110])
    recipe = {**checkpoint.card.recipe, "gain": gain, "offset_b": offset_b}
    card = replace(checkpoint.card, name=out.name, recipe=recipe, scores={})
    checkpoints.save(generator, out, card, half=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a run folder or a checkpoint")
    parser.add_argument("--data", type=Path, help="colour photos")
    parser.add_argument("--count", type=int, default=240, help="how many of them")
    parser.add_argument("--gain", type=float, default=1.0)
    parser.add_argument("--offset-b", type=float, default=0.0, help="in Lab units")
    parser.add_argument("--out", type=Path, help="stem of the checkpoint to write")
    options = parser.parse_args()
    found = checkpoints.find(options.model, need="safetensors")
    if options.out:
        fold(found, options.gain, options.offset_b, options.out)
    else:
        look(found, options.data, options.count)
