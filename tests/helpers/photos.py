"""Real photos, and what is in a picture file."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

PHOTOS = Path(__file__).parent.parent / "photos"
GOLDEN = Path(__file__).parent.parent / "golden"


def pixels(file: Path | bytes) -> np.ndarray:
    """What is in a picture file, as it is stored."""
    with Image.open(io.BytesIO(file) if isinstance(file, bytes) else file) as image:
        return np.asarray(image)
