"""Where the time goes for one picture: Lab, network, colour laid over; and torch against ONNX Runtime.

    python benchmarks/picture.py

Milliseconds a megapixel for the full-size work, milliseconds a picture for the network. One run, so the
ratios hold even where the machine is noisy.
"""

import time
from collections.abc import Callable

import cv2
import numpy as np

from colourise.lab import pictures
from colourise.models.backends import OnnxBackend, TorchBackend
from colourise.models.catalogue import DEFAULT_MODEL
from colourise.models.checkpoints import find, load_generator

MEGAPIXELS = 6


def best(work: Callable[[], object], runs: int = 5) -> float:
    """Milliseconds of the fastest run."""
    work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times) * 1000


def main() -> None:
    chance = np.random.default_rng(0)
    rgb = cv2.resize(
        chance.integers(0, 256, (40, 60, 3), dtype=np.uint8), (3000, 2000), interpolation=cv2.INTER_CUBIC
    )
    ab = cv2.GaussianBlur(chance.uniform(-60, 60, (192, 192, 2)).astype(np.float32), (0, 0), 8) * 4
    ab = np.ascontiguousarray(np.moveaxis(ab, -1, 0))
    print(f"L of colour     {best(lambda: pictures.rgb_to_L(rgb)) / MEGAPIXELS:6.1f} ms a megapixel")
    print(f"ab laid over    {best(lambda: pictures.lay_over(rgb, ab)) / MEGAPIXELS:6.1f} ms a megapixel")
    deep = rgb.astype(np.uint16) << 8
    print(f"  16 bits       {best(lambda: pictures.lay_over(deep, ab)) / MEGAPIXELS:6.1f} ms a megapixel")
    onnx, weights = find(DEFAULT_MODEL, need="onnx"), find(DEFAULT_MODEL, need="safetensors")
    assert onnx.onnx is not None
    generator = load_generator(weights)
    for size in (onnx.card.input_size, 256):
        L = chance.uniform(0, 100, (1, 1, size, size)).astype(np.float32)
        for backend in (
            OnnxBackend(onnx.onnx, device="cpu"),
            TorchBackend(generator, device="cpu", precision="fp32"),
            TorchBackend(generator, device="cpu", precision="auto"),
        ):
            took = best(lambda backend=backend, L=L: backend.predict_ab(L))
            print(f"network {size} px  {took:6.1f} ms a picture, {backend.name}")


if __name__ == "__main__":
    main()
