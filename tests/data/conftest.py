"""What tests of data need: photos alone, in classes, and in shards."""

import tarfile
from io import BytesIO

import numpy as np
import pytest
from helpers.training import made_photos
from PIL import Image


@pytest.fixture
def photos(tmp_path):
    """Twelve photos of a few colours each."""
    return made_photos(tmp_path / "photos")


@pytest.fixture
def classes(tmp_path):
    """Three classes of eight photos in folders, and the same photos in two webdataset shards."""
    chance = np.random.default_rng(1)
    folder, shards = tmp_path / "classes", tmp_path / "shards"
    shards.mkdir()
    with tarfile.open(shards / "a.tar", "w") as a, tarfile.open(shards / "b.tar", "w") as b:
        for number in range(24):
            name = f"n{number % 3}"
            (folder / name).mkdir(parents=True, exist_ok=True)
            picture = Image.fromarray(chance.integers(0, 256, (6, 8, 3)).astype(np.uint8)).resize((64, 48))
            picture.save(folder / name / f"{number:02}.jpg")
            tar = a if number < 12 else b
            tar.add(folder / name / f"{number:02}.jpg", f"{number:02}.jpg")
            label = tarfile.TarInfo(f"{number:02}.cls")
            label.size = 1
            tar.addfile(label, BytesIO(str(number % 3).encode()))
    return folder, shards
