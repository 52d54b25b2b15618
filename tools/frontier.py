"""How near can colours be to the truth while they are as various as it? Every candidate's line, in one plot.

    python tools/frontier.py colourise-v4 runs/mine --data heldout/ --fit photos/ -o docs/frontier

A network's colours can be made as various as real ones after the fact, for nothing: by a monotone map of a
and one of b, here the ones that carry the histograms of what a model predicts for photos of --fit, at most
500 (never those that are scored), into the histograms of the truth. Each candidate is scored as it is and as
far as 1/4, 1/2, 3/4 and the whole of the way to its map: a line from "near" to "various". A model is better
than another where its line lies above. Writes OUT.csv and OUT.svg, and prints the rows.
"""

import argparse
import csv
import random
from itertools import cycle
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from rich.progress import track

from colourise.colouriser import load_model
from colourise.data.crops import square
from colourise.data.photos import find_photos, read_rgb
from colourise.evaluation.histograms import COLOURS, STYLES
from colourise.evaluation.metrics import Scores
from colourise.lab.pictures import Floats, Pixels, clip_to_gamut_bounds, lay_over, rgb_to_lab

SIDE = 256  # pixels at which pictures are compared
WAYS = (0.0, 0.25, 0.5, 0.75, 1.0)
FITTED = 500  # photos
MUST = {"js": 0.0175, "share": 0.8}  # aims of the default weights: the mean JS of a and b; colourfulness


def predictions(model: str, truths: list[Pixels]) -> list[Floats]:
    """What a model makes of photos: ab (2, S, S) of each, at its own size."""
    colouriser = load_model(model, backend="torch", device="cpu", precision="fp32")
    grey = (colouriser.lightness(truth)[None, None] for truth in truths)
    return [colouriser.backend.predict_ab(L)[0] for L in track(grey, model, len(truths))]


def maps(made: list[Floats], truths: list[Pixels]) -> list[tuple[Floats, Floats]]:
    """Of a and of b: values that are predicted, and those that as many true ones lie below."""
    shares = np.linspace(0, 1, 401)
    real = np.concatenate([rgb_to_lab(truth)[::4, ::4, 1:].reshape(-1, 2) for truth in truths])
    flat = np.concatenate([ab[:, ::4, ::4].reshape(2, -1) for ab in made], 1)
    return [(np.quantile(flat[c], shares), np.quantile(real[:, c], shares)) for c in (0, 1)]


def along(ab: Floats, fit: list[tuple[Floats, Floats]], way: float) -> Floats:
    """Ab (2, S, S) so far on its way to its map."""
    there = [np.interp(channel, *fit[c]) for c, channel in enumerate(ab)]
    return np.asarray((1 - way) * ab + way * np.stack(there), np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", help="run folders or checkpoints")
    parser.add_argument("--data", type=Path, required=True, help="photos to score on")
    parser.add_argument("--fit", type=Path, required=True, help="other photos, to fit the maps on")
    parser.add_argument("-o", "--out", type=Path, required=True, help="stem of the files to write")
    options = parser.parse_args()
    photos = find_photos(options.fit)
    truths, others = (
        [square(read_rgb(photo), SIDE) for photo in some]
        for some in (
            find_photos(options.data),
            random.Random(0).sample(photos, min(FITTED, len(photos))),
        )
    )
    rows = []
    for model in options.models:
        fit = maps(predictions(model, others), others)
        made = predictions(model, truths)
        for way in WAYS:
            scores = Scores()
            for ab, truth in zip(made, truths, strict=True):
                scores.add(lay_over(truth, clip_to_gamut_bounds(along(ab, fit, way))), truth)
            summary = scores.summary()
            names = ("psnr_rgb", "psnr_ab", "js_a", "js_b", "colourfulness_share")
            rows.append(
                {"model": Path(model).stem, "way": way} | {name: round(summary[name], 4) for name in names}
            )
            print(*rows[-1].values(), flush=True)
    with options.out.with_suffix(".csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    plot(rows).savefig(options.out.with_suffix(".svg"), metadata={"Date": None})


def plot(rows: list[dict[str, float]]) -> Figure:
    """PSNR over the distance of histograms, and over colourfulness."""
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = dict.fromkeys(row["model"] for row in rows)
    for model, colour, style in zip(names, cycle(COLOURS), cycle(STYLES), strict=False):
        own = [row for row in rows if row["model"] == model]
        psnr = [row["psnr_rgb"] for row in own]
        for axes, x in zip(
            panels,
            (
                [(row["js_a"] + row["js_b"]) / 2 for row in own],
                [row["colourfulness_share"] for row in own],
            ),
            strict=True,
        ):
            axes.plot(x, psnr, color=colour, linestyle=style, linewidth=1.2, label=model)
            axes.plot(x[:1], psnr[:1], "o", color=colour, markersize=5)  # as it is
            axes.plot(x[1:], psnr[1:], ".", color=colour, markersize=4)
    for axes, label, must in zip(
        panels, ("mean JS of a and b", "colourfulness / truth's"), MUST.values(), strict=True
    ):
        axes.set_xlabel(label, fontsize=9)
        axes.axvline(must, color="#999999", linestyle=":", linewidth=1)
        axes.tick_params(labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].invert_xaxis()
    panels[0].set_ylabel("psnr_rgb, dB", fontsize=9)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=4, frameon=False)
    return figure


if __name__ == "__main__":
    main()
