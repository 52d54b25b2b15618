"""Which photos are learnt from, and which are held out."""

from collections import Counter

import pytest

from colourise.data.photos import class_of, place_of
from colourise.data.split import hold_out, shuffle, split_photos
from colourise.errors import TrainingError


def test_a_split_takes_so_many_of_each_class(classes, tmp_path):
    folder, shards = classes
    for data in (folder, shards):
        record = tmp_path / data.name / "split.csv"
        ask = {"held_out": None, "split": None, "record": record, "goes_on": False, "seed": 0}
        learn, test = split_photos(data, per_class=(5, 2), **ask)
        assert [len(learn), len(test)] == [15, 6]
        assert not {place_of(photo) for photo in learn} & {place_of(photo) for photo in test}
        counts = Counter(class_of(photo) for photo in learn)
        assert set(counts.values()) == {5}
        again = split_photos(data, per_class=(5, 2), **ask | {"record": tmp_path / "other.csv"})
        assert again == (learn, test)  # by the seed
        assert split_photos(data, per_class=None, **ask | {"split": record, "seed": 9}) == (learn, test)
        other = {"record": tmp_path / "other.csv", "seed": 1}
        assert split_photos(data, per_class=(5, 2), **ask | other) != (learn, test)


def test_a_record_holds_for_the_run_that_goes_on_alone(classes, tmp_path):
    folder, _ = classes
    record, mine = tmp_path / "run" / "split.csv", tmp_path / "mine.csv"
    ask = {"held_out": None, "split": None, "per_class": None, "record": record, "goes_on": False, "seed": 0}
    first = split_photos(folder, **ask | {"per_class": (5, 2)})
    again = ask | {"goes_on": True}
    assert split_photos(folder, **again | {"per_class": (5, 2)}) == first
    assert split_photos(folder, **again | {"split": record}) == first
    for other in ({"per_class": (1, 1)}, {"per_class": (5, 2), "seed": 1}, {}):
        with pytest.raises(TrainingError, match=r"split\.csv: the run that goes on has another split"):
            split_photos(folder, **again | other)
    mine.write_text("part,photo\ntrain,n0/00.jpg\ntest,n0/03.jpg\n")
    asked = split_photos(folder, **ask | {"split": mine})  # anew, in the same folder
    assert [[photo.name for photo in part] for part in asked] == [["00.jpg"], ["03.jpg"]]
    assert record.read_text() == mine.read_text()
    split_photos(folder, **ask | {"held_out": folder / "n0"})
    assert not record.exists()


def test_a_folder_that_is_held_out_is_not_learnt_from(classes, tmp_path):
    folder, _ = classes
    ask = {"split": None, "per_class": None, "record": tmp_path / "split.csv", "goes_on": False, "seed": 0}
    (tmp_path / "link").symlink_to(folder / "n0")
    for held_out in (folder / "n0", tmp_path / "link"):
        learn, test = split_photos(folder, held_out=held_out, **ask)
        assert learn == sorted([*(folder / "n1").iterdir(), *(folder / "n2").iterdir()])
        assert [photo.name for photo in test] == sorted(photo.name for photo in (folder / "n0").iterdir())
    with pytest.raises(TrainingError, match=r"classes: --held-out .*classes leaves no photo to learn from"):
        split_photos(folder, held_out=folder, **ask)


def test_photos_of_one_name_are_shuffled_apart(tmp_path):
    photos = [tmp_path / f"{number:02}" / f"{name}.jpg" for number in range(40) for name in "abcde"]
    held = hold_out(photos, tmp_path, 20, 0)[1]
    assert len({photo.name for photo in held}) == 5
    assert len({photo.parent for photo in held}) > 10
    flat = [tmp_path / f"{number}.jpg" for number in range(9)]
    assert [photo.name for photo in shuffle(flat, tmp_path, 0)] == [
        photo.name for photo in shuffle([tmp_path / "moved" / p.name for p in flat], tmp_path / "moved", 0)
    ]


def test_splits_that_cannot_be_are_named(classes, tmp_path):
    folder, _ = classes
    ask = {"held_out": None, "record": tmp_path / "split.csv", "goes_on": False, "seed": 0}
    with pytest.raises(TrainingError, match="n0: 8 photos, where 7 to learn from and 2 to test on are asked"):
        split_photos(folder, per_class=(7, 2), split=None, **ask)
    file = tmp_path / "mine.csv"
    for text, message in (
        ("part,photo\ntrain,n0/00.jpg\ntest,n0/99.jpg\n", r"mine\.csv: 'n0/99.jpg' is not in"),
        ("part,photo\ntrain,n0/00.jpg\ntest,n0/00.jpg\n", r"mine\.csv: n0/00.jpg is in train and in test"),
        ("part,photo\ntrain,n0/00.jpg\n", r"mine\.csv: it has no test photos"),
        ("name\nn0/00.jpg\n", r"mine\.csv: 'photo' is not in"),
    ):
        file.write_text(text)
        with pytest.raises(TrainingError, match=message):
            split_photos(folder, per_class=None, split=file, **ask)


def test_held_out_photos_are_never_learnt_from(photos):
    many = [photos[0].with_name(f"{number}.jpg") for number in range(240)]
    folder = photos[0].parent
    learn, test = hold_out(many, folder, 10, 0)
    assert len(test) == 10
    assert sorted(learn + test) == sorted(many)
    assert hold_out(many[::-1], folder, 10, 0)[1] == test
    assert (
        len(set(test) & set(hold_out([*many, photos[0]], folder, 10, 0)[1])) >= 9
    )  # one photo more moves one at most
    with pytest.raises(TrainingError, match="9 photos are too few to hold some out"):
        hold_out(many[:9], folder, 10, 0)
