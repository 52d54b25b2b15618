"""How fast is a film, against decoding and encoding the same one with nothing between?

    python benchmarks/film.py [--sizes 720 1080] [--seconds 4] [--turns 2] [--preset medium]
    python benchmarks/film.py --memory 600

The film is made first: a camera that pans over photos, with a cut every two seconds and grain. The limit
transcodes it with the same encoder settings, in the same way. Both go in turns, so that the ratio holds even
where the machine is noisy. The goal is half the limit's speed, better 0.8. With --memory, a film of so many
seconds is coloured and the memory told every tenth of the way: it should not grow.
"""

import argparse
import resource
import tempfile
import time
from collections import Counter
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from colourise.colouriser import Colouriser, load_model
from colourise.films.ahead import READY, Ahead
from colourise.films.colouring import colour_job
from colourise.films.encode import add_pictures
from colourise.films.events import FilmEvent, FilmProgress
from colourise.films.job import prepare
from colourise.films.options import Encoding, FilmOptions
from colourise.films.source import probe
from colourise.models.catalogue import FAST_MODEL

PHOTOS = sorted((Path(__file__).parent.parent / "tests" / "photos").glob("*.[jp][pn]g"))
RATE = 24
SCENE = 2  # seconds


def make(path: Path, height: int, seconds: float) -> None:
    """A grey film of that height, 16:9."""
    width = height * 16 // 9
    chance = np.random.default_rng(0)
    noise = chance.normal(0, 2, (8, height, width, 1)).astype(np.float32)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=RATE, options={"crf": "18", "preset": "veryfast"})
        stream.width, stream.height = width, height
        for place in range(round(seconds * RATE)):
            if place % (SCENE * RATE) == 0:
                photo = Image.open(PHOTOS[place // (SCENE * RATE) % len(PHOTOS)]).convert("L").convert("RGB")
                large = cv2.resize(
                    np.asarray(photo), (width + 128, height + 64), interpolation=cv2.INTER_CUBIC
                )
            left, top = place % (SCENE * RATE) * 2, place % (SCENE * RATE)
            picture = large[top : top + height, left : left + width].astype(np.float32) + noise[place % 8]
            frame = av.VideoFrame.from_ndarray(np.clip(picture, 0, 255).astype(np.uint8), "rgb24")
            film.mux(stream.encode(frame.reformat(format="yuv420p")))
        film.mux(stream.encode(None))


def limit(source: Path, target: Path, encoding: Encoding) -> float:
    """Seconds of decoding and encoding, each in a thread of its own."""
    film = probe(source)
    start = time.perf_counter()
    with av.open(str(source)) as container, av.open(str(target), "w") as output:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        encoder = add_pictures(output, film, encoding)
        with Ahead(container.decode(stream), READY) as frames:
            for frame in frames:
                frame.pict_type = 0
                output.mux(encoder.encode(frame))
        output.mux(encoder.encode(None))
    return time.perf_counter() - start


def ours(source: Path, target: Path, encoding: Encoding, model: Colouriser) -> float:
    """Seconds of colouring."""
    start = time.perf_counter()
    colour_job(prepare(source, target, FilmOptions(encoding, overwrite=True)), model)
    return time.perf_counter() - start


def memory(seconds: float, model: Colouriser) -> None:
    """Tell the memory of colouring a long, small film."""
    with tempfile.TemporaryDirectory() as place:
        source, target = Path(place, "film.mp4"), Path(place, "coloured.mp4")
        make(source, 180, seconds)
        total = round(seconds * RATE)

        def told(event: FilmEvent) -> None:
            if isinstance(event, FilmProgress) and event.done % (total // 10) == 0:
                resident = int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
                print(f"{event.done} frames: {resident / 1e6:.0f} MB, {event.speed:.0f} frames/s")

        encoding = Encoding(preset="ultrafast")
        colour_job(prepare(source, target, FilmOptions(encoding)), model, on_event=told)
        print(f"at its peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[720, 1080])
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--preset", default="medium")
    parser.add_argument("--memory", type=float)
    asked = parser.parse_args()
    model = load_model(FAST_MODEL)
    if asked.memory:
        memory(asked.memory, model)
        return
    encoding = Encoding(preset=asked.preset)
    with tempfile.TemporaryDirectory() as place:
        for height in asked.sizes:
            source, target = Path(place, f"{height}.mp4"), Path(place, "out.mp4")
            make(source, height, asked.seconds)
            model([np.zeros((height, height), np.uint8)])  # what is loaded at the first picture
            taken = Counter[str]()
            for _ in range(asked.turns):
                taken["limit"] += limit(source, target, encoding)
                taken["ours"] += ours(source, target, encoding, model)
            frames = round(asked.seconds * RATE) * asked.turns
            print(
                f"{height}p: {frames / taken['ours']:.1f} frames/s, limit {frames / taken['limit']:.1f}, "
                f"ratio {taken['limit'] / taken['ours']:.2f}"
            )


if __name__ == "__main__":
    main()
