"""A tree of colour photos, or webdataset shards of them -> a stream of crops as L and ab.

The stream is a function of the seed alone: picture k is the same crop whoever asks for it and whenever,
so a run that resumes at step n goes on with exactly the pictures that it would have seen.
"""

from __future__ import annotations

import csv
import functools
import os
import random
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from colourise import images
from colourise.data.ageing import aged
from colourise.errors import PhotoError, TrainingError
from colourise.files.names import EXTENSIONS, is_ours
from colourise.files.walk import walk
from colourise.images.pillow import to_8_bits
from colourise.lab.pictures import Floats, Pixels, rgb_to_L, rgb_to_lab

GREY = 6  # photos whose mean (max - min) over RGB is below this, in 8-bit levels, teach no colour


@dataclass(frozen=True)
class Member:
    """A photo inside a webdataset shard."""

    shard: Path
    """The .tar file."""
    name: str
    """Its name in there."""
    start: int
    """Where its bytes begin, from the beginning of the shard."""
    size: int
    """How many bytes it has."""
    label: str
    """What the shard's .cls file says of its class; empty: nothing."""


Source = Path | Member


def find_photos(folder: Path) -> list[Source]:
    """Every photo below a folder and in webdataset shards (.tar) there, sorted.

    Hidden files are left out, what `colourise` made itself, and links to files that are there anyway. The
    folder may be a shard, or one photo.

    Raises:
        TrainingError: there is no such folder, no photo in it, or a shard is damaged.
    """
    if folder.is_file() and folder.suffix.lower() in EXTENSIONS:
        return [folder]
    photos: list[Source] = list(distinct(walk(folder, []))) if folder.is_dir() else []
    for shard in distinct(shards(folder)) if folder.is_dir() else [folder]:
        photos += members(shard)
    if not photos:
        raise TrainingError(
            f"{folder}: no photos here; --data takes a folder of colour photos, or of .tar shards"
        )
    return photos


def shards(folder: Path) -> list[Path]:
    """Every .tar file below a folder that is not hidden, sorted."""
    return [
        path
        for path in sorted(folder.rglob("*.tar"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def distinct(files: Iterable[Path]) -> list[Path]:
    """Files without those that are another one of them through a link."""
    files = list(files)
    first: dict[Path, Path] = {}
    for file, place in zip(files, real_places(files), strict=True):
        first.setdefault(place, file)
    return list(first.values())


def real_places(photos: Sequence[Source]) -> list[Path]:
    """Where photos are behind all links; each folder is asked for once, for there may be a million photos."""
    real_folder = functools.cache(os.path.realpath)
    places = map(place_of, photos)
    return [
        Path(os.path.realpath(place)) if place.is_symlink() else Path(real_folder(place.parent), place.name)
        for place in places
    ]


def members(shard: Path) -> list[Member]:
    """The photos of a webdataset shard, in its order.

    Raises:
        TrainingError: it is not there, no whole tar file, or has links in place of photos.
    """
    photos: list[tarfile.TarInfo] = []
    labels: dict[str, str] = {}
    try:
        with tarfile.open(shard, "r:") as tar:
            for info in tar:
                key, kind = sample(info.name)
                if kind == "cls" and (file := tar.extractfile(info)):
                    labels[key] = file.read().decode().strip()
                path = Path(info.name)
                if path.suffix.lower() in EXTENSIONS and not is_ours(path) and path.name[0] != ".":
                    photos += [info] * (not info.isdir())
    except (OSError, KeyError, tarfile.TarError, UnicodeDecodeError) as err:
        raise TrainingError(f"{shard}: no photos here, and no whole tar file of them ({err})") from err
    for info in photos:
        if not info.isfile() or info.issparse():
            raise TrainingError(
                f"{shard}/{info.name}: a link or a sparse file, not a photo; pack the shard with "
                "tar --dereference --hard-dereference, without --sparse"
            )
    return [
        Member(shard, info.name, info.offset_data, info.size, labels.get(sample(info.name)[0], ""))
        for info in photos
    ]


def sample(name: str) -> tuple[str, str]:
    """Key and kind of a file in a shard, which webdataset parts at the first dot of the base name."""
    folder, slash, base = name.rpartition("/")
    stem, _, kind = base.partition(".")
    return folder + slash + stem, kind


def place_of(photo: Source) -> Path:
    """Where a photo is, for people; one in a shard as if the shard were a folder."""
    return photo.shard / photo.name if isinstance(photo, Member) else photo


def class_of(photo: Source) -> str:
    """The class of a photo: what its shard says, else the folder that it lies in; empty: none is known."""
    if isinstance(photo, Member):
        return photo.label or PurePosixPath(photo.name).parent.name
    return photo.parent.name


def hold_out(
    photos: Sequence[Source], folder: Path, count: int, seed: int
) -> tuple[list[Source], list[Source]]:
    """Split photos below a folder into (train, held out), by seed; at most a tenth is held out.

    Raises:
        TrainingError: there are too few photos to spare one.
    """
    shuffled = shuffle(photos, folder, seed)
    count = min(count, len(photos) // 10)
    if not count:
        raise TrainingError(
            f"{len(photos)} photos are too few to hold some out; add some, or give --held-out"
        )
    return shuffled[count:], shuffled[:count]


def split_classes(
    photos: Sequence[Source], folder: Path, train: int, test: int, seed: int
) -> tuple[list[Source], list[Source]]:
    """The paper's split: so many photos of every class to learn from, and so many others to test on.

    Raises:
        TrainingError: a class has too few, or a photo has none.
    """
    classes: dict[str, list[Source]] = {}
    for photo in photos:
        classes.setdefault(class_of(photo), []).append(photo)
    if "" in classes:
        raise TrainingError(
            f"{place_of(classes[''][0])}: of no class; a shard tells it in .cls files or has folders"
        )
    learn: list[Source] = []
    judge: list[Source] = []
    for name, members in sorted(classes.items()):
        if len(members) < train + test:
            raise TrainingError(
                f"{name}: {len(members)} photos, where {train} to learn from and {test} to test on are asked"
            )
        shuffled = shuffle(members, folder, seed)
        judge += shuffled[:test]
        learn += shuffled[test : test + train]
    return learn, shuffle(judge, folder, seed)


def shuffle(photos: Sequence[Source], folder: Path, seed: int) -> list[Source]:
    """Photos in an order that hangs on the seed and on their paths below a folder alone."""

    def chance(photo: Source) -> bytes:
        return sha256(os.fsencode(f"{seed} {place_of(photo).relative_to(folder).as_posix()}")).digest()

    return sorted(photos, key=chance)


def write_split(file: Path, folder: Path, learn: Sequence[Source], judge: Sequence[Source]) -> None:
    """Write which photos below a folder are learnt from and which are tested on, as CSV: part, photo."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{os.getpid()}.part")  # several processes may write the same
    with part.open("w", newline="", encoding="utf-8", errors="surrogateescape") as stream:
        writer = csv.writer(stream)
        writer.writerow(("part", "photo"))
        for name, photos in (("train", learn), ("test", judge)):
            writer.writerows((name, place_of(photo).relative_to(folder).as_posix()) for photo in photos)
    part.replace(file)


def read_split(file: Path, folder: Path, photos: Sequence[Source]) -> tuple[list[Source], list[Source]]:
    """The (train, test) photos that a file of `write_split` names.

    Raises:
        TrainingError: it is no such file, names a photo that is not there, or one as both.
    """
    there = {place_of(photo).relative_to(folder).as_posix(): photo for photo in photos}
    parts: dict[str, dict[str, Source]] = {"train": {}, "test": {}}
    try:
        with file.open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
            for row in csv.DictReader(stream, strict=True):
                parts[row["part"]][row["photo"]] = there[row["photo"]]
    except KeyError as err:
        raise TrainingError(f"{file}: {err.args[0]!r} is not in {folder}, or this is no split of it") from err
    except (OSError, ValueError, csv.Error) as err:
        raise TrainingError(f"{file}: cannot be read as a split ({err})") from err
    both = parts["train"].keys() & parts["test"].keys()
    if both:
        raise TrainingError(f"{file}: {min(both)} is in train and in test")
    if empty := [part for part, named in parts.items() if not named]:
        raise TrainingError(f"{file}: it has no {empty[0]} photos")
    return list(parts["train"].values()), list(parts["test"].values())


def parts(
    folder: Path,
    *,
    held_out: Path | None,
    per_class: tuple[int, int] | None,
    split: Path | None,
    record: Path,
    goes_on: bool,
    seed: int,
) -> tuple[list[Source], list[Source]]:
    """The photos below a folder to (learn from, test on), never the same in both.

    Args:
        folder: of colour photos.
        held_out: another folder to test on, or one inside.
        per_class: so many photos of each class to learn from, so many to test on.
        split: a file of `write_split` that says it.
        record: where the run's split is written.
        goes_on: whether the run was stopped and goes on; then its record holds. Else one is of another run.
        seed: of the choice.
    Raises:
        TrainingError: there are no photos, or too few; or the run that goes on had another split.
    """
    found = find_photos(folder)
    if held_out is not None:
        judge = find_photos(held_out)
        held = set(real_places(judge))
        learn = [photo for photo, place in zip(found, real_places(found), strict=True) if place not in held]
        if not learn:
            raise TrainingError(f"{folder}: --held-out {held_out} leaves no photo to learn from")
        if not goes_on:
            record.unlink(missing_ok=True)
        return learn, judge
    if split is not None:
        asked = read_split(split, folder, found)
    elif per_class is not None:
        asked = split_classes(found, folder, *per_class, seed)
    else:
        asked = hold_out(found, folder, 200, seed)
    if not goes_on or not record.exists():
        write_split(record, folder, *asked)
        return asked
    kept = read_split(record, folder, found)
    if [set(part) for part in kept] != [set(part) for part in asked]:
        raise TrainingError(
            f"{record}: the run that goes on has another split; give --split {record}, or another run folder"
        )
    return kept


def read_rgb(photo: Source) -> Pixels:
    """A photo as (H, W, 3) uint8 sRGB.

    Raises:
        PhotoError: it cannot be read.
    """
    if isinstance(photo, Member):
        try:
            with photo.shard.open("rb") as stream:
                stream.seek(photo.start)
                pixels = to_8_bits(images.read(stream.read(photo.size)).pixels)
        except (OSError, PhotoError) as err:
            reason = str(err).removeprefix("standard input: ")
            raise PhotoError(f"{place_of(photo)}: {reason}") from err
    else:
        pixels = to_8_bits(images.read(photo).pixels)
    return np.repeat(pixels[..., None], 3, 2) if pixels.ndim == 2 else pixels


class Crops:
    """Picture k of the stream: L (1, S, S) and ab (2, S, S), float32, as a torch data loader takes it.

    Where some are to be aged, the L (1, S, S) that the generator sees comes third: of those, an old
    photograph's.

    Every epoch is a new permutation of the photos. A crop takes 50 to 100 % of the area at an aspect of
    3:4 to 4:3 and is mirrored half of the time. Photos that are broken or grey are passed over.

    Args:
        photos: colour photos.
        sizes: sides of the crops; the stream is cut into equal parts, one for each.
        length: pictures in the whole stream.
        batch: pictures in a batch; the size changes between batches only.
        seed: what fixes the stream.
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
        """Pictures in the whole stream."""
        return self.length

    def __getitem__(self, k: int) -> tuple[Floats, ...]:
        """Picture k."""
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
        """Where the pictures of these numbers come from, unless a photo was passed over."""
        places = (divmod(k, len(self.photos)) for k in numbers)
        return [place_of(self.photos[self._order(epoch)[place]]).name for epoch, place in places]

    def size_at(self, k: int) -> int:
        """Side of picture k in pixels."""
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
    """A random rectangle of a photo (H, W, 3) at (size, size, 3), mirrored half of the time."""
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
    """The centre square of a photo (H, W, 3) at (size, size, 3), antialiased."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    centre = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    if side == size:
        return centre
    how = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
    return cv2.resize(centre, (size, size), interpolation=how)
