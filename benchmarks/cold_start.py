"""How long does `colourise photo.jpg` take from the first key to the coloured file?

    python benchmarks/cold_start.py

The whole command on a 1-megapixel JPEG, against importing only what it cannot do without; medians of
alternating runs. The goal is a ratio of at most 3, with torch never imported.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

RUNS = 9
GOAL = 3.0
IMPORTS = "import onnxruntime, cv2, PIL.Image, typer, rich"
TELLTALE = (
    "import sys; from colourise.cli import app; assert not app(sys.argv[1:], standalone_mode=False); "
    "sys.exit(any(name in sys.modules for name in ('torch', 'timm', 'huggingface_hub')))"
)


def seconds(*command: str) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        photo, target = Path(folder, "photo.jpg"), Path(folder, "coloured.jpg")
        coarse = np.random.default_rng(0).integers(0, 256, (32, 48), dtype=np.uint8)
        grey = cv2.resize(coarse, (1224, 816), interpolation=cv2.INTER_CUBIC)
        Image.fromarray(grey).convert("RGB").save(photo, quality=92)
        command = (sys.executable, "-m", "colourise", str(photo), "-o", str(target), "--overwrite", "--quiet")
        pairs = []
        for _ in range(RUNS + 1):
            pairs.append((seconds(sys.executable, "-c", IMPORTS), seconds(*command)))
        bare, whole = (statistics.median(column) for column in zip(*pairs[1:], strict=True))
        subprocess.run((sys.executable, "-c", TELLTALE, *command[3:]), check=True)
    print(f"imports only   {bare * 1000:6.0f} ms")
    print(f"whole command  {whole * 1000:6.0f} ms")
    print(f"ratio          {whole / bare:6.2f}  (goal: at most {GOAL:.0f}); torch was not imported")
    sys.exit(whole / bare > GOAL)


if __name__ == "__main__":
    main()
