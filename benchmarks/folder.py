"""How fast is a folder, against reading and writing the same files with nothing between?

    python benchmarks/folder.py [--photos 200] [--megapixels 1 12 48] [--model fast]

Photos are JPEGs as scanners make them, RGB with some grain. The limit decodes each and encodes it again with
the same settings, in as many threads. Both go in turns, a few photos at a time, so that the ratio holds even
where the machine is noisy. The goal is half the limit's speed at 12 megapixels, better 0.7. Then where the
time goes, as shares of all threads' seconds, and what a second worker brings.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from colourise import colouriser, images
from colourise.archives.job import PhotoJob, PhotoOptions
from colourise.archives.pending import PendingJob
from colourise.archives.pool import default_workers
from colourise.archives.run import run_jobs
from colourise.colouriser import Colouriser, load_model
from colourise.models.catalogue import DEFAULT_MODEL

SETTINGS = PhotoOptions()
KINDS = 4  # different pictures of each size
TURN = 8  # photos in each turn, at most


def scans(folder: Path, megapixels: float, count: int) -> list[Path]:
    """So many scans of that size; there are a few pictures, and the rest are links to them."""
    chance = np.random.default_rng(0)
    height = round((megapixels * 1e6 * 3 / 4) ** 0.5)
    width = height * 4 // 3
    paths = []
    for number in range(count):
        path = folder / f"{number:04}.jpg"
        if number < KINDS:
            small = chance.integers(30, 226, (60, 80, 3)).astype(np.uint8)
            small[..., 1:] = small[..., :1]
            picture = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
            grain = chance.integers(-6, 7, (height, width, 1), dtype=np.int8)
            picture = np.clip(picture.astype(np.int16) + grain, 0, 255).astype(np.uint8)
            Image.fromarray(picture).save(path, quality=92)
        else:
            path.hardlink_to(paths[number % KINDS])
        paths.append(path)
    return paths


def limit(paths: list[Path], out: Path, workers: int) -> float:
    """Seconds of decoding and encoding."""

    def copy(path: Path) -> None:
        images.write(images.read(path), out / path.name, overwrite=True)

    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(copy, paths))
    return time.perf_counter() - start


def ours(paths: list[Path], out: Path, workers: int, model: Colouriser) -> float:
    """Seconds of colouring."""
    jobs = [PhotoJob(path, out / path.name, named=False) for path in paths]
    start = time.perf_counter()
    outcomes = list(
        run_jobs([PendingJob(job, "", overwrite=True) for job in jobs], model, SETTINGS, workers=workers)
    )
    took = time.perf_counter() - start
    assert all(outcome.result == "coloured" for outcome in outcomes), outcomes
    return took


@contextmanager
def watched(model: Colouriser) -> Iterator[Counter[str]]:
    """Adds up the seconds that threads spend in each stage."""
    spent: Counter[str] = Counter()

    def clocked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                spent[name] += time.perf_counter() - start

        return timed

    places = [
        (images, "read", "decode"),
        (colouriser, "rgb_to_L", "Lab"),
        (colouriser, "lay_over", "Lab"),
        (type(model.backend), "predict_ab", "network"),
        (images, "write", "encode"),
    ]
    before = [(place, name, getattr(place, name)) for place, name, _ in places]
    for place, name, stage in places:
        setattr(place, name, clocked(stage, getattr(place, name)))
    try:
        yield spent
    finally:
        for place, name, function in before:
            setattr(place, name, function)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 12, 48])
    asked = parser.parse_args()
    model = load_model(asked.model)
    workers = default_workers()
    for megapixels in asked.megapixels:
        with tempfile.TemporaryDirectory() as place:
            source, out = Path(place, "in"), Path(place, "out")
            source.mkdir()
            out.mkdir()
            paths = scans(source, megapixels, asked.photos)
            ours(paths[: workers + 1], out, workers, model)  # so many that it is as in a long run
            seconds = Counter[str]()
            with watched(model) as spent:
                for start in range(0, len(paths), TURN):
                    some = paths[start : start + TURN]
                    seconds["ours"] += ours(some, out, workers, model)
                    seen = Counter(spent)
                    seconds["limit"] += limit(some, out, workers)
                    spent.clear()
                    spent.update(seen)  # the limit's own reading and writing does not count
            some = paths[: 2 * TURN]
            alone, two = ours(some, out, 1, model), ours(some, out, 2, model)
        speed = asked.photos / seconds["ours"]
        print(
            f"{megapixels:g} megapixels: {speed:.2f} photos/s, limit {asked.photos / seconds['limit']:.2f}, "
            f"ratio {seconds['limit'] / seconds['ours']:.2f}; 2 workers: {alone / two:.2f} times 1 worker"
        )
        total = seconds["ours"] * workers
        spent["the rest"] = total - sum(spent.values())
        print("   " + ", ".join(f"{stage} {share / total:.0%}" for stage, share in spent.most_common()))


if __name__ == "__main__":
    main()
