"""How often is a photo in colour taken for a black-and-white one, and the reverse?

    python tools/colour_photos.py PHOTOS/ [--real PRINTS/]

Makes prints of a folder of colour photos: black-and-white ones (colourise/data/ageing.py) that are grey,
sepia, toned in other colours, or yellowed unevenly, and colour prints that have faded under a cast, each with
a scanner's noise and saved as JPEG. For every second photo, the table says how many of each kind `colourise`
takes for photos in colour, and their measure (colourise/lab/tint.py). The other photos choose the threshold
at which the mean of both errors is least, which is printed for comparison. --real adds a line for each photo
of another folder.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from colourise import images
from colourise.data.ageing import aged
from colourise.data.photos import find_photos, read_rgb
from colourise.lab.pictures import Floats, Pixels, encode, lay_over, rgb_to_lab, show
from colourise.lab.tint import THRESHOLD, colour_beyond_tint

SEPIA = ((4, 10), (10, 22))  # a and b of the weakest tint, and of the strongest
TONES = (((3, -2), (9, -7)), ((-2, -7), (-8, -26)), ((8, 5), (20, 15)))  # selenium, cyanotype, red
YELLOWED = ((0, 5), (5, 20))
CASTS = ((18, 4), (8, 18), (-4, 14))  # of colour prints: magenta, yellow, green


def grey(photo: Pixels, chance: np.random.Generator) -> Pixels:
    """Make a black-and-white print, scanned in colour."""
    return printed(photo, ((0, 0), (0, 0)), 0, chance)


def sepia(photo: Pixels, chance: np.random.Generator) -> Pixels:
    """Make a print that was toned brown."""
    return printed(photo, SEPIA, 0.05, chance)


def toned(photo: Pixels, chance: np.random.Generator) -> Pixels:
    """Make a print in another tone."""
    return printed(photo, TONES[chance.integers(len(TONES))], 0.05, chance)


def yellowed(photo: Pixels, chance: np.random.Generator) -> Pixels:
    """Make a print whose paper has yellowed, more in some places than in others."""
    return printed(photo, YELLOWED, 0.2, chance)


def printed(
    photo: Pixels, tint: tuple[tuple[int, int], tuple[int, int]], uneven: float, chance: np.random.Generator
) -> Pixels:
    """Make a tinted black-and-white print of a colour photo, and scan it; both (H, W, 3) uint8.

    Args:
        photo: what was photographed.
        tint: a and b of the weakest tint, and of the strongest.
        uneven: standard deviation over the print of the tint's strength, as a share of it.
        chance: decides about the rest.
    """
    print_ = aged(photo, chance)
    x = np.linspace(0, 1, 256, dtype=np.float32)  # from black to white
    curves = (
        4 * x * (1 - x),
        np.minimum(1, 4 * (1 - x)),
        0.4 + 0.6 * x,
    )  # toner in the middle, silver, paper
    strength = cv2.LUT(print_, curves[chance.integers(len(curves))])
    strength *= 1 + uneven * cv2.resize(
        chance.normal(0, 1, (3, 3)).astype(np.float32), print_.shape[::-1], interpolation=cv2.INTER_CUBIC
    )
    weakest, strongest = np.array(tint, np.float32)
    ab = weakest + (strongest - weakest) * np.float32(chance.random())
    return scanned(lay_over(print_, ab[:, None, None] * strength), chance)


def faded(photo: Pixels, chance: np.random.Generator) -> Pixels:
    """Make a colour print that has lost contrast and about half of its chroma, and has a cast."""
    lab = rgb_to_lab(photo)
    L = lab[..., 0] * 0.75 + 15
    cast = np.array(CASTS[chance.integers(len(CASTS))]) * chance.uniform(0.5, 1)
    ab = (lab[..., 1:] * chance.uniform(0.4, 0.7) + cast).astype(np.float32)
    return scanned(encode(show((L + 16) / 116, cv2.split(ab)), np.uint8), chance)


def scanned(print_: Pixels, chance: np.random.Generator) -> Pixels:
    """Scan a print: noise in each channel, and JPEG."""
    noisy = print_ + chance.normal(0, chance.uniform(0, 4), print_.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)).save(
        file, "JPEG", quality=int(chance.choice((50, 70, 85, 95)))
    )
    return np.asarray(Image.open(file))


KINDS: dict[str, tuple[bool, Callable[[Pixels, np.random.Generator], Pixels]]] = {  # whether it is in colour
    "grey print": (False, grey),
    "sepia print": (False, sepia),
    "toned print": (False, toned),
    "yellowed print": (False, yellowed),
    "colour photo": (True, lambda photo, chance: photo),
    "faded colour print": (True, faded),
}


def best_threshold(tinted: Floats, coloured: Floats) -> float:
    """Return the threshold with the least mean of both errors."""
    thresholds = np.linspace(0, 10, 201)
    errors = [np.mean(tinted > one) + np.mean(coloured <= one) for one in thresholds]
    return float(thresholds[int(np.argmin(errors))])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path, help="colour photos")
    parser.add_argument("--real", type=Path, help="photos that get a line each")
    options = parser.parse_args()
    console = Console(soft_wrap=True)
    measures: dict[str, Floats] = {}
    files = sorted(find_photos(options.photos))
    for kind, (_, make) in KINDS.items():
        made = (make(read_rgb(file), np.random.default_rng(n)) for n, file in enumerate(files))
        measures[kind] = np.array([colour_beyond_tint(photo) for photo in made], np.float32)
    table = Table("kind", "photos", "taken for colour", "median", "5 %", "95 %")
    for kind, measure in measures.items():
        judged = measure[1::2]
        low, middle, high = np.quantile(judged, (0.05, 0.5, 0.95))
        table.add_row(
            kind,
            f"{len(judged)}",
            f"{np.mean(judged > THRESHOLD):.1%}",
            *(f"{value:.1f}" for value in (middle, low, high)),
        )
    console.print(table)
    halves = [
        np.concatenate([measures[kind][::2] for kind, (in_colour, _) in KINDS.items() if in_colour is one])
        for one in (False, True)
    ]
    console.print(f"threshold {THRESHOLD}; the other half would choose {best_threshold(*halves):.2f}")
    for file in sorted(find_photos(options.real)) if options.real else ():
        pixels = images.read(file).pixels
        measure = colour_beyond_tint(pixels) if pixels.ndim == 3 else 0.0
        console.print(f"{measure:6.2f}  {'colour' if measure > THRESHOLD else 'black-and-white'}  {file}")
