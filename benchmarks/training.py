"""Does reading photos keep ahead of the network? Images a second from photos, and from made-up tensors.

    python benchmarks/training.py [--data photos/] [--recipe colourise] [--size 128] [--batches 12]

Turns between the two, so that the ratio holds even where the machine is noisy. Goals at 128 px: the network
waits for photos less than 5 % of the time, and learns at least 0.95 times as fast as from made-up tensors.
Batches that a worker has read during the other turn are learnt from unmeasured. The feature reconstruction
loss is left out: it makes the network slower, and so the loader's work easier.
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch
from accelerate import Accelerator, PartialState
from torch.utils.data import DataLoader

from colourise.data.crops import Crops
from colourise.data.photos import find_photos
from colourise.training.devices import mixed_precision
from colourise.training.learner import Learner
from colourise.training.recipes import RECIPES

PHOTOS = Path(__file__).parent.parent / "tests" / "photos"
ROUNDS = 4


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=PHOTOS)
    parser.add_argument("--recipe", default="colourise", choices=RECIPES)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--batches", type=int, default=12, help="of each kind in each of the rounds")
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()

    recipe = RECIPES[asked.recipe]
    arguments = dict(recipe.arguments)
    if recipe.architecture == "unet":
        arguments["levels"] = (asked.size & -asked.size).bit_length() - 1
    config = replace(recipe, arguments=arguments, sizes=(asked.size,), feature_weight=0.0)
    precision = mixed_precision("auto", PartialState().device)
    learner = Learner(config, Accelerator(mixed_precision=precision), fresh=False)
    ready = 2 * asked.workers  # batches that are read ahead
    batches = ROUNDS * (asked.batches + ready) + 1
    crops = Crops(
        find_photos(asked.data),
        sizes=config.sizes,
        length=batches * config.batch,
        batch=config.batch,
        seed=0,
    )
    start = time.perf_counter()
    for number in range(32):
        crops[number]
    took = (time.perf_counter() - start) / 32 * 1000
    print(f"a photo takes {took:.1f} ms to read, crop and turn into L and ab")

    loader = iter(DataLoader(crops, config.batch, num_workers=asked.workers))  # type: ignore[arg-type]
    L = torch.rand(config.batch, 1, asked.size, asked.size) * 100
    ab = torch.randn(config.batch, 2, asked.size, asked.size) * 20
    learner.step(L, ab)
    learner.step(*next(loader))
    waited = real = made_up = 0.0
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(asked.batches):
            learner.step(L, ab)
        made_up += time.perf_counter() - start
        for _ in range(ready):
            learner.step(*next(loader))
        start = time.perf_counter()
        for _ in range(asked.batches):
            asking = time.perf_counter()
            batch = next(loader)
            waited += time.perf_counter() - asking
            learner.step(*batch)
        real += time.perf_counter() - start
    images = ROUNDS * asked.batches * config.batch
    print(f"{images / real:.1f} images/s from photos, {images / made_up:.1f} from made-up tensors")
    print(f"ratio {made_up / real:.3f} (goal 0.95), {waited / real:.1%} of the time waiting (goal 5 %)")


if __name__ == "__main__":
    main()
