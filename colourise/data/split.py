"""Split photos into those to train on and those to test on: by seed, class, folder or a split.csv."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from hashlib import sha256
from io import TextIOWrapper
from pathlib import Path

from colourise.data.photos import Source, class_of, find_photos, place_of, real_places
from colourise.errors import TrainingError
from colourise.files.atomic import atomic


def split_photos(
    folder: Path,
    *,
    held_out: Path | None,
    per_class: tuple[int, int] | None,
    split: Path | None,
    record: Path,
    goes_on: bool,
    seed: int,
) -> tuple[list[Source], list[Source]]:
    """Split the photos below a folder into (train, test); no photo is in both.

    Args:
        folder: of colour photos.
        held_out: a folder to test on, inside or outside this one.
        per_class: numbers of photos of each class to train on and to test on.
        split: a file written by `write_split`.
        record: the file that the split of this run is written to.
        goes_on: whether a stopped run resumes, so that its record holds; otherwise an old record is replaced.
        seed: of the random choice.
    Raises:
        TrainingError: there are no photos or too few, or the resumed run had another split.
    """
    found = find_photos(folder)
    if held_out is not None:
        test = find_photos(held_out)
        held = set(real_places(test))
        learn = [photo for photo, place in zip(found, real_places(found), strict=True) if place not in held]
        if not learn:
            raise TrainingError(f"{folder}: --held-out {held_out} leaves no photo to learn from")
        if not goes_on:
            record.unlink(missing_ok=True)
        return learn, test
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
    """Split as the paper does: `train` photos of every class to train on and `test` others to test on.

    Raises:
        TrainingError: a class has too few photos, or a photo has no class.
    """
    classes: dict[str, list[Source]] = {}
    for photo in photos:
        classes.setdefault(class_of(photo), []).append(photo)
    if "" in classes:
        raise TrainingError(
            f"{place_of(classes[''][0])}: of no class; a shard tells it in .cls files or has folders"
        )
    learn: list[Source] = []
    held_out: list[Source] = []
    for name, members in sorted(classes.items()):
        if len(members) < train + test:
            raise TrainingError(
                f"{name}: {len(members)} photos, where {train} to learn from and {test} to test on are asked"
            )
        shuffled = shuffle(members, folder, seed)
        held_out += shuffled[:test]
        learn += shuffled[test : test + train]
    return learn, shuffle(held_out, folder, seed)


def shuffle(photos: Sequence[Source], folder: Path, seed: int) -> list[Source]:
    """Return photos in an order that depends only on the seed and on their paths below a folder."""

    def chance(photo: Source) -> bytes:
        return sha256(os.fsencode(f"{seed} {place_of(photo).relative_to(folder).as_posix()}")).digest()

    return sorted(photos, key=chance)


def write_split(file: Path, folder: Path, learn: Sequence[Source], test: Sequence[Source]) -> None:
    """Write a split as CSV with the columns part (train or test) and photo (a path below the folder)."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with (
        atomic(file) as binary,  # several processes may write the same
        TextIOWrapper(binary, encoding="utf-8", errors="surrogateescape", newline="") as stream,
    ):
        writer = csv.writer(stream)
        writer.writerow(("part", "photo"))
        for name, photos in (("train", learn), ("test", test)):
            writer.writerows((name, place_of(photo).relative_to(folder).as_posix()) for photo in photos)


def read_split(file: Path, folder: Path, photos: Sequence[Source]) -> tuple[list[Source], list[Source]]:
    """Read the (train, test) photos from a file written by `write_split`.

    Raises:
        TrainingError: it is not such a file, names a missing photo, or puts a photo in both parts.
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
