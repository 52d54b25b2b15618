"""Fold a gain and an offset per channel of ab into a checkpoint's last layer; go from one towards another.

    python tools/calibrate.py runs/mine --data photos/                                   # look
    python tools/calibrate.py runs/mine --gain 1.15 --offset-b -3 --out weights/mine     # make it so
    python tools/calibrate.py runs/calm --towards runs/vivid --share 0.6 --out weights/mine

A network that must hedge predicts colours that are too quiet and lean to the warm side. The first form
colours photos (training ones: held-out photos are for judging) and prints what several gains and offsets
would do to PSNR and to the histograms; the second writes the checkpoint, at no cost when it runs. Of a model
and one that was trained further from it, every mean of their weights is a model too, between the two.
"""

import argparse
import itertools
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch.nn import Module

from colourise.data.crops import square
from colourise.data.photos import find_photos, read_rgb
from colourise.evaluation.metrics import Scores
from colourise.lab.pictures import clip_to_gamut_bounds, lay_over, rgb_to_L
from colourise.models import checkpoints
from colourise.models.backends import TorchBackend

GAINS, OFFSETS = (1.0, 1.1, 1.2, 1.3), (0.0, -1.5, -3.0)
SIDE = 256  # pixels at which pictures are compared


def between(checkpoint: checkpoints.Checkpoint, other: checkpoints.Checkpoint | None, share: float) -> Module:
    """The network of a checkpoint, its weights so far on their way to another's."""
    generator = checkpoints.load_generator(checkpoint)
    if other is not None:
        theirs = checkpoints.load_generator(other).state_dict()
        ours = generator.state_dict()
        generator.load_state_dict(
            {
                name: value.lerp(theirs[name], share) if value.is_floating_point() else value
                for name, value in ours.items()
            }
        )
    return generator


def look(generator: Module, size: int, data: Path, count: int) -> None:
    backend = TorchBackend(generator, device="cpu", precision="fp32")
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
        line = "  ".join(f"{name} {scores.summary()[name]:.3f}" for name in names)
        print(f"gain {gain:.2f}  offset of b {offset:+.1f}:  {line}", flush=True)


def fold(generator: Module, gains: tuple[float, float], offsets: tuple[float, float]) -> None:
    with torch.no_grad():  # ab = 110 * head(x)
        generator.head.weight *= torch.tensor(gains).view(2, 1, 1, 1)
        generator.head.bias *= torch.tensor(gains)
        generator.head.bias += torch.tensor(offsets) / 110


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", help="a run folder or a checkpoint")
    parser.add_argument("--data", type=Path, help="colour photos")
    parser.add_argument("--count", type=int, default=240, help="how many of them")
    parser.add_argument("--gain", type=float, default=1.0)
    parser.add_argument("--gain-a", type=float, default=1.0, help="of a alone, times the other gain")
    parser.add_argument("--offset-a", type=float, default=0.0, help="in Lab units")
    parser.add_argument("--offset-b", type=float, default=0.0, help="in Lab units")
    parser.add_argument("--out", type=Path, help="stem of the checkpoint to write")
    parser.add_argument("--towards", help="another checkpoint of the same network")
    parser.add_argument("--share", type=float, default=0.5, help="how far towards it")
    parser.add_argument("--input-size", type=int, help="side of the square that it is run at, in pixels")
    options = parser.parse_args()
    found = checkpoints.find(options.model, need="safetensors")
    other = checkpoints.find(options.towards, need="safetensors") if options.towards else None
    generator = between(found, other, options.share)
    size = options.input_size or found.card.input_size
    if options.out:
        gains = options.gain * options.gain_a, options.gain
        fold(generator, gains, (options.offset_a, options.offset_b))
        source = other or found
        changes = {"gain": options.gain, "offset_b": options.offset_b}
        if options.gain_a != 1 or options.offset_a:
            changes |= {"gain_a": options.gain_a, "offset_a": options.offset_a}
        if other is not None:
            changes |= {"towards": other.card.name, "from": found.card.name, "share": options.share}
        recipe = {**source.card.recipe, **changes}
        card = replace(source.card, name=options.out.name, input_size=size, recipe=recipe, scores={})
        checkpoints.save(generator, options.out, card, half=True)
    else:
        look(generator, size, options.data, options.count)
