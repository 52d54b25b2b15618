"""How much do colours change where the picture hardly does? What a film shows as flicker.

    python tools/jitter.py colourise-v4 runs/mine --data heldout/ [--count 100]

The ab of 224 x 224 pixels of a photo, against that of the same pixels with the window moved by 5 and 3, with
noise of 2 units on L, and with L 5 % brighter. Prints the mean absolute change of a and b in Lab units, how
loud the colours are (mean absolute a and b), and the first three as shares of the last: of two models with
colours as loud, the one with the smaller shares is the steadier.
"""

import argparse
import random
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from colourise.colouriser import load_model
from colourise.data.crops import square
from colourise.data.photos import find_photos, read_rgb
from colourise.lab.pictures import Floats, rgb_to_L
from colourise.models.backends import Backend

SIDE, WINDOW = 256, 224
DOWN, ACROSS = 5, 3


def changes(backend: Backend, L: Floats, chance: np.random.Generator) -> list[float]:
    """Mean absolute change of ab by a shift, noise and brightness, and mean absolute ab; L (256, 256)."""

    def ab(window: Floats) -> Floats:
        return backend.predict_ab(np.clip(window, 0, 100)[None, None].astype(np.float32))[0]

    here = L[16 : 16 + WINDOW, 16 : 16 + WINDOW]
    plain = ab(here)
    moved = ab(L[16 + DOWN : 16 + DOWN + WINDOW, 16 + ACROSS : 16 + ACROSS + WINDOW])
    noisy, brighter = ab(here + chance.normal(0, 2, here.shape)), ab(here * 1.05)
    pairs = ((plain[:, DOWN:, ACROSS:], moved[:, :-DOWN, :-ACROSS]), (plain, noisy), (plain, brighter))
    return [float(np.abs(one - other).mean()) for one, other in pairs] + [float(np.abs(plain).mean())]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", help="run folders or checkpoints")
    parser.add_argument("--data", type=Path, required=True, help="photos")
    parser.add_argument("--count", type=int, default=100, help="how many of them")
    options = parser.parse_args()
    found = find_photos(options.data)
    some = random.Random(0).sample(found, min(options.count, len(found)))
    photos = [rgb_to_L(square(read_rgb(photo), SIDE), (SIDE, SIDE)) for photo in some]
    table = Table("model", "shift", "noise", "brightness", "mean ab")
    for model in options.models:
        backend = load_model(model, backend="torch", device="cpu", precision="fp32").backend
        chance = np.random.default_rng(0)
        *means, loudness = np.mean([changes(backend, L, chance) for L in photos], 0)
        shares = [f"{mean:.2f} ({mean / loudness:.0%})" for mean in means]
        table.add_row(Path(model).stem, *shares, f"{loudness:.2f}")
    Console().print(table)
