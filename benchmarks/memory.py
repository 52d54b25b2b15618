"""How much memory does a 100-megapixel photo take?

    python benchmarks/memory.py

The peak of the whole process, colour and grey JPEG and 16-bit TIFF. The goal is under 1.2 GB for the JPEG.
Linux and macOS only.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

GOAL = 1.2  # GB
SIDE = 10_000  # pixels
CHILD = """
import resource, sys
from colourise.cli.commands import app
assert not app(sys.argv[1:], standalone_mode=False)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(peak * (1 if sys.platform == "darwin" else 1024) / 1e9)
"""


def peak_of(photo: Path) -> float:
    """GB that colouring this photo takes, in a process of its own."""
    # A child inherits the peak of the process that it is forked from: this one must stay small meanwhile.
    target = photo.with_name(f"coloured{photo.suffix}")
    command = (sys.executable, "-c", CHILD, str(photo), "-o", str(target), "--overwrite", "--quiet")
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout)


def make(folder: Path, what: str) -> Path:
    """A smooth 100-megapixel picture with some grain."""
    chance = np.random.default_rng(0)
    grey = cv2.resize(
        chance.integers(40, 220, (40, 40), dtype=np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC
    )
    grey += chance.integers(0, 8, (SIDE, 1), dtype=np.uint8)
    if what == "16-bit TIFF":
        tifffile.imwrite(folder / "deep.tif", grey.astype(np.uint16) << 8)
        return folder / "deep.tif"
    picture = Image.fromarray(grey)
    path = folder / f"{what.split()[0]}.jpg"
    (picture.convert("RGB") if what == "colour JPEG" else picture).save(path, quality=92)
    return path


def main() -> None:
    what = sys.argv[1:2]
    if what:  # a child that makes one photo, so that this process stays small
        make(Path(sys.argv[2]), what[0])
        return
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("colour JPEG", "grey JPEG", "16-bit TIFF"):
            subprocess.run((sys.executable, __file__, kind, folder), check=True)
            photo = max(Path(folder).iterdir(), key=lambda path: path.stat().st_mtime)
            peaks[kind] = peak_of(photo)
            print(f"{kind:12} of {SIDE**2 / 1e6:.0f} megapixels: peak {peaks[kind]:.2f} GB")
            for path in Path(folder).iterdir():
                path.unlink()
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"(this script itself: {own * 1024 / 1e9:.2f} GB)")
    sys.exit(max(peaks["colour JPEG"], peaks["grey JPEG"]) > GOAL)


if __name__ == "__main__":
    main()
