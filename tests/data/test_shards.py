"""Webdataset shards."""

import os
import tarfile
from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest

from colourise.data.crops import Crops
from colourise.data.photos import class_of, find_photos, place_of, read_rgb, real_places
from colourise.data.split import split_photos
from colourise.errors import PhotoError, TrainingError


def test_shards_hold_the_same_photos_as_folders(classes):
    folder, shards = classes
    loose, packed = find_photos(folder), find_photos(shards)
    assert len(loose) == len(packed) == 24
    by_name = {place_of(photo).name: photo for photo in packed}
    assert all(np.array_equal(read_rgb(photo), read_rgb(by_name[photo.name])) for photo in loose)
    assert {class_of(photo) for photo in packed} == {"0", "1", "2"}
    assert len(find_photos(shards / "a.tar")) == 12
    assert Crops(packed, sizes=(32,), length=4, batch=4, seed=0)[3][0].shape == (1, 32, 32)


def test_broken_shards_are_named(classes):
    _, shards = classes
    (shards / "broken.tar").write_bytes((shards / "a.tar").read_bytes()[:700])
    with pytest.raises(TrainingError, match=r"broken\.tar: no photos here, and no whole tar file"):
        find_photos(shards)
    photo = find_photos(shards / "a.tar")[0]
    with pytest.raises(PhotoError, match=r"a\.tar/00\.jpg: "):
        read_rgb(replace(photo, size=200))


def test_keys_of_a_shard_end_at_the_first_dot(classes, tmp_path):
    folder, _ = classes
    photo = folder / "n0" / "00.jpg"
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, text in (("v1.0/one.cls", "7"), ("v1.0/one.seg.cls", "no"), ("v1.0/two.cls", "8")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, BytesIO(text.encode()))
        tar.add(photo, "v1.0/one.left.jpg")
        tar.add(photo, "v1.0/two.jpg")
        tar.add(photo, "v1.0/three.jpg")
    assert [class_of(photo) for photo in find_photos(tmp_path / "a.tar")] == ["7", "8", "v1.0"]


def test_shards_that_cannot_be_read_or_split_are_named(classes, tmp_path):
    folder, _ = classes
    with tarfile.open(tmp_path / "flat.tar", "w") as tar:
        tar.add(folder / "n0" / "00.jpg", "00.jpg")
    ask = {"held_out": None, "split": None, "record": tmp_path / "split.csv", "goes_on": False, "seed": 0}
    with pytest.raises(
        TrainingError, match=r"flat\.tar/00\.jpg: of no class; a shard tells it in \.cls files"
    ):
        split_photos(tmp_path / "flat.tar", per_class=(1, 1), **ask)
    os.link(folder / "n0" / "00.jpg", folder / "n0" / "again.jpg")
    with tarfile.open(tmp_path / "hard.tar", "w") as tar:
        tar.add(folder / "n0", "n0")
    with pytest.raises(TrainingError, match=r"hard\.tar/n0/\w+\.jpg: a link or a sparse file"):
        find_photos(tmp_path / "hard.tar")
    with tarfile.open(tmp_path / "sparse.tar", "w") as tar:
        info = tarfile.TarInfo("hole.jpg")
        info.type = tarfile.GNUTYPE_SPARSE
        tar.addfile(info)
    with pytest.raises(TrainingError, match=r"sparse\.tar/hole\.jpg: a link or a sparse file"):
        find_photos(tmp_path / "sparse.tar")


def test_members_of_any_name_have_a_place_in_their_shard(classes, tmp_path):
    folder, _ = classes
    names = ["/srv/abs.jpg", "../../up.jpg", "a/b.jpg", "./c.jpg", "//d.jpg", "\x1b[31me.jpg"]
    (tmp_path / "data").mkdir()
    (tmp_path / "up.jpg").write_bytes(b"another one")
    with tarfile.open(tmp_path / "data" / "a.tar", "w") as tar:
        for name in names * 4:
            info = tar.gettarinfo(folder / "n0" / "00.jpg")
            info.name = name
            with (folder / "n0" / "00.jpg").open("rb") as file:
                tar.addfile(info, file)
    photos = find_photos(tmp_path / "data")
    shard = tmp_path / "data" / "a.tar"
    assert {str(place_of(photo).relative_to(shard)) for photo in photos} == {
        "srv/abs.jpg",
        "../../up.jpg",
        "a/b.jpg",
        "c.jpg",
        "d.jpg",
        "\x1b[31me.jpg",
    }
    assert all(place.is_relative_to(shard.resolve()) for place in real_places(photos))
    ask = {"held_out": None, "split": None, "record": tmp_path / "split.csv", "goes_on": False, "seed": 0}
    train, test = split_photos(tmp_path / "data", per_class=None, **ask)
    assert len(train) + len(test) == len(photos) == 24
