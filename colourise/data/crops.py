"""Cut colour photos into a stream of crops, as L and ab.

The stream depends on the seed alone: picture k is always the same crop, so a run that resumes at step n
sees exactly the pictures that it would have seen without the interruption.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from colourise.data.ageing import aged
from colourise.data.photos import Source, place_of, read_rgb
from colourise.errors import PhotoError, TrainingError
from colourise.lab.pictures import Floats, Pixels, rgb_to_L, rgb_to_lab

GREY = 6  # photos whose mean (max - min) over RGB is below this, in 8-bit levels, teach no colour


class Crops:
    """A stream of pictures for a torch data loader: L (1, S, S) and ab (2, S, S), float32.

    With `aged` above 0, each picture has a third array, the L (1, S, S) that the generator sees: an old
    photograph's for the aged share, else the same L.

    Every epoch is a new permutation of the photos. A crop takes 50 to 100 % of the area at an aspect of
    3:4 to 4:3 and is mirrored half of the time. Unreadable and grey photos are skipped.

    Args:
        photos: colour photos.
        sizes: sides of the crops; the stream is cut into equal parts, one for each.
        length: pictures in the whole stream.
        batch: pictures in a batch; the size changes between batches only.
        seed: fixes the stream.
        aged: share of pictures that are aged.
    """

    def __init__(
        self,
        photos: Sequence[Source],
        *,
        sizes: Sequence[int],
        length: int,
        batch: int,
        seed: int,
        aged: float = 0.0,
    ) -> None:
        self.photos, self.sizes, self.length, self.batch, self.seed = photos, sizes, length, batch, seed
        self.aged = aged

    def __len__(self) -> int:
        """Return the number of pictures in the whole stream."""
        return self.length

    def __getitem__(self, k: int) -> tuple[Floats, ...]:
        """Return picture k."""
        epoch, place = divmod(k, len(self.photos))
        chance = random.Random(f"{self.seed} {k}")
        order = self._order(epoch)
        for _ in range(100):
            rgb = self._colour_photo(self.photos[order[place]])
            if rgb is not None:
                crop = random_crop(rgb, self.size_at(k), chance)
                lab = np.moveaxis(rgb_to_lab(crop), -1, 0)  # (3, S, S)
                L, ab = np.ascontiguousarray(lab[:1]), np.ascontiguousarray(lab[1:])
                if not self.aged:
                    return L, ab
                old = chance.random() < self.aged
                scan = aged(crop, np.random.default_rng((self.seed, k))) if old else None
                return L, ab, L if scan is None else rgb_to_L(scan)[None]
            place = chance.randrange(len(self.photos))
        raise TrainingError(
            f"{place_of(self.photos[order[place]]).parent}: hardly any photo here can be read in colour"
        )

    def names(self, numbers: Sequence[int]) -> list[str]:
        """Return the file names of the photos behind these pictures, unless a photo was skipped."""
        places = (divmod(k, len(self.photos)) for k in numbers)
        return [place_of(self.photos[self._order(epoch)[place]]).name for epoch, place in places]

    def size_at(self, k: int) -> int:
        """Return the side of picture k in pixels."""
        batches = max(1, self.length // self.batch)
        return self.sizes[min(k // self.batch * len(self.sizes) // batches, len(self.sizes) - 1)]

    def _order(self, epoch: int) -> NDArray[np.int64]:
        if getattr(self, "_epoch", None) != epoch:
            self._epoch = epoch
            self._permutation = np.random.default_rng((self.seed, epoch)).permutation(len(self.photos))
        return self._permutation

    def _colour_photo(self, photo: Source) -> Pixels | None:
        try:
            rgb = read_rgb(photo)
        except PhotoError:
            return None
        small = rgb[::4, ::4].astype(np.int16)
        return rgb if (small.max(2) - small.min(2)).mean() >= GREY else None


def random_crop(rgb: Pixels, size: int, chance: random.Random) -> Pixels:
    """Return a random rectangle of a photo (H, W, 3) as (size, size, 3), mirrored half of the time."""
    height, width = rgb.shape[:2]
    for _ in range(10):
        area = height * width * chance.uniform(0.5, 1)
        aspect = np.exp(chance.uniform(-1, 1) * np.log(4 / 3))
        h, w = round((area / aspect) ** 0.5), round((area * aspect) ** 0.5)
        if h <= height and w <= width:
            break
    else:
        h = w = min(height, width)
    top, left = chance.randint(0, height - h), chance.randint(0, width - w)
    crop = rgb[top : top + h, left : left + w]
    how = cv2.INTER_AREA if min(h, w) >= size else cv2.INTER_CUBIC
    crop = cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=how)
    return crop[:, ::-1] if chance.random() < 0.5 else crop


def square(rgb: Pixels, size: int) -> Pixels:
    """Return the centre square of a photo (H, W, 3) as (size, size, 3), antialiased."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    centre = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    if side == size:
        return centre
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return cv2.resize(centre, (size, size), interpolation=how)
