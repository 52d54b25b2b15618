"""How much steadier do colours become, and what does it cost? The table of docs/films.md.

    python benchmarks/steadiness.py [--model NAME] [--frames 48]

Two films are made of photos in tests/photos, with grain as of old film that is another in each frame: one
of a camera that stands still, one of a camera that pans. Each is scored as `colourise eval --video` does, on
the colours that the photos have. The goals: a warp error lower by 40 %, a CDC index of colour lower by 25 %,
at most 0.2 dB of psnr_ab lost. The index over R, G and B has the grain in it, which is the truth's own: it
cannot fall below that.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from colourise.colouriser import load_model
from colourise.evaluation.films import score_film
from colourise.films.steady import STEADINESS
from colourise.models.catalogue import DEFAULT_MODEL

PHOTOS = Path(__file__).parent.parent / "tests" / "photos"
GRAIN = 8  # levels, standard deviation before it is softened


def still(frames: int) -> Iterator[np.ndarray]:
    photo = np.asarray(Image.open(PHOTOS / "coffee.jpg").convert("RGB").resize((480, 320)))
    yield from (photo for _ in range(frames))


def panned(frames: int) -> Iterator[np.ndarray]:
    photo = np.asarray(Image.open(PHOTOS / "astronaut.jpg").convert("RGB"))
    yield from (photo[80:400, left : left + 416] for left in range(0, 2 * frames, 2))


def write(film: Path, pictures: Iterator[np.ndarray]) -> None:
    """A film of pictures with grain, without any loss."""
    chance = np.random.default_rng(0)
    with av.open(str(film), "w") as output:
        stream = output.add_stream("ffv1", rate=24)
        stream.pix_fmt = "bgr0"
        for place, picture in enumerate(pictures):
            if not place:
                stream.height, stream.width = picture.shape[:2]
            grain = cv2.GaussianBlur(chance.normal(0, GRAIN, picture.shape[:2]), (0, 0), 0.6)[..., None]
            grainy = np.clip(np.rint(picture + grain), 0, 255).astype(np.uint8)
            output.mux(stream.encode(av.VideoFrame.from_ndarray(grainy, "rgb24")))
        output.mux(stream.encode(None))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--frames", type=int, default=48)
    asked = parser.parse_args()
    model = load_model(asked.model)
    for name, pictures in {"still": still(asked.frames), "panned": panned(asked.frames)}.items():
        with tempfile.TemporaryDirectory() as place:
            film = Path(place, f"{name}.mkv")
            write(film, pictures)
            scores = score_film(film, {"model": model}, steadiness=STEADINESS)
        truth, before, after = (one.summary() for one in scores.values())
        print(f"{name}, {asked.frames} frames: by frame -> steadied (change)")
        for measure in ("warp_error", "cdc", "cdc_ab"):
            change = after[measure] / before[measure] - 1
            print(
                f"  {measure:10} {before[measure]:.5f} -> {after[measure]:.5f} ({change:+.0%}), "
                f"of the truth {truth[measure]:.5f}"
            )
        print(f"  psnr_ab    {after['psnr_ab'] - before['psnr_ab']:+.2f} dB")


if __name__ == "__main__":
    main()
