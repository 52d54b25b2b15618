"""Real photos, and what is in a picture file."""

import io
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

PHOTOS = Path(__file__).parent.parent / "photos"
GOLDEN = Path(__file__).parent.parent / "golden"


@cache
def black_and_white(name: str) -> bytes:
    """A photo of PHOTOS as a black-and-white file of its format."""
    file = io.BytesIO()
    with Image.open(PHOTOS / name) as image:
        image.convert("L").save(file, image.format)
    return file.getvalue()


def pixels(file: Path | bytes) -> np.ndarray:
    """What is in a picture file, as it is stored."""
    with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
        return np.asarray(image)
