"""Building a naturalness study: what is drawn, what the page must not tell, and what cannot be built."""

import base64
import io
import itertools
import json
import re
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from helpers.photos import PHOTOS, pixels
from helpers.studies import SMALL, make_photos, run
from hypothesis import given, strategies as st
from PIL import Image

from colourise.colouriser import load_model
from colourise.evaluation.study import KEY, PAGE, Protocol, Study
from colourise.evaluation.study.building import deal, deal_hands
from colourise.evaluation.study.protocol import StudyPicture, digest

PICTURE = re.compile(r'<script type="text/plain" id="p([0-9a-f]{16})">([A-Za-z0-9+/=]+)</script>\n?')


# What is drawn


def test_every_source_shows_the_same_photos_once(
    built: Path, photos: Path, models: tuple[Path, Path]
) -> None:
    key = Study.read(built)
    by_source = {source: [] for source in ("truth", *map(str, models))}
    for picture in key.pictures.values():
        by_source[picture.source].append(picture.photo)
    first, *others = (sorted(names) for names in by_source.values())
    assert len(set(first)) == 24
    assert set(first) < {file.name for file in photos.iterdir()}
    assert others == [first, first]


def test_the_pictures_are_what_the_key_says(built: Path, photos: Path, tiny_model: Path) -> None:
    key = Study.read(built)
    colouriser = load_model(str(tiny_model))
    differences = {True: [], False: []}
    for id_, text in PICTURE.findall((built / PAGE).read_text()):
        picture = key.pictures[id_]
        truth = pixels(photos / picture.photo)[:, 8:-8]  # the centre square of 72 x 56 pixels
        truth = np.asarray(Image.fromarray(truth).resize((48, 48), Image.Resampling.BOX))
        expected = truth if picture.source == "truth" else colouriser([truth])[0]
        shown = pixels(base64.b64decode(text))
        assert shown.shape == (48, 48, 3)
        difference = np.abs(shown.astype(float) - expected).mean()
        differences[picture.source == "truth"].append(difference)
    assert len(differences[True]) == 24
    assert max(map(max, differences.values())) < 6  # JPEG, and another resizing; a wrong version is off by 40


@given(truths=st.integers(1, 40), each=st.integers(1, 40), sources=st.integers(2, 5), seed=st.integers(0, 99))
def test_a_set_never_holds_a_photo_twice(truths: int, each: int, sources: int, seed: int) -> None:
    dealt = deal(Protocol(truths, each, 0, seed=seed), sources)
    assert [len({set_ for _, set_ in versions}) for versions in dealt] == [len(v) for v in dealt]
    count = Counter(source for versions in dealt for source, _ in versions)
    assert count == {0: truths} | dict.fromkeys(range(1, sources), each)
    sizes = Counter(set_ for versions in dealt for _, set_ in versions)
    assert max(sizes.values()) - min(sizes[set_] for set_ in range(sources)) <= 1


@given(truths=st.integers(1, 40), each=st.integers(1, 40), sources=st.integers(2, 5), seed=st.integers(0, 99))
def test_sets_hold_as_many_of_each_source(truths: int, each: int, sources: int, seed: int) -> None:
    dealt = deal(Protocol(truths, each, 0, seed=seed), sources)
    count = Counter(pair for versions in dealt for pair in versions)
    for source in range(sources):
        among = [count[source, set_] for set_ in range(sources)]
        assert max(among) - min(among) <= 2
    assert {
        tuple(versions) for versions in deal(Protocol(150, 150), 3)
    } == {  # a photo's versions, everywhere
        tuple(enumerate(sets)) for sets in itertools.permutations(range(3))
    }


@given(
    truths=st.integers(1, 40),
    each=st.integers(1, 40),
    sources=st.integers(2, 5),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_any_number_of_pictures_is_balanced_over_sources(
    truths: int, each: int, sources: int, seed: int, data: st.DataObject
) -> None:
    dealt = deal(Protocol(truths, each, 0, seed=seed), sources)
    pictures = {
        digest(f"{photo} {source}")[:16]: StudyPicture(str(source), str(photo), set_)
        for photo, versions in enumerate(dealt)
        for source, set_ in versions
    }
    smallest = min(Counter(picture.set for picture in pictures.values()).values())
    each_sees = data.draw(st.integers(1, max(1, smallest)))
    hands = deal_hands(pictures, Protocol(truths, each, each_sees))
    held = Counter((picture.set, picture.source) for picture in pictures.values())
    shown = Counter(id_ for hand in hands for id_ in hand)
    assert shown.keys() == pictures.keys()
    for hand in hands:
        assert len({pictures[id_].photo for id_ in hand}) == len(hand) == each_sees
        assert hand == sorted(hand)
        sees = Counter(pictures[id_].source for id_ in hand)
        (set_,) = {pictures[id_].set for id_ in hand}
        total = sum(held[set_, str(source)] for source in range(sources))
        for source in range(sources):
            assert abs(sees[str(source)] - each_sees * held[set_, str(source)] / total) < 1
    for set_ in range(sources):
        own = [shown[id_] for id_, picture in pictures.items() if picture.set == set_]
        assert max(own) - min(own) <= 1


def test_participants_draw_without_meeting_a_photo_twice(built: Path) -> None:
    key = Study.read(built)
    draws = [key.draw(f"someone-{number}") for number in range(300)]
    assert all(len({key.pictures[id_].photo for id_ in drawn}) == 20 for drawn in draws)
    for drawn in draws:  # of three sources
        assert sorted(Counter(key.pictures[id_].source for id_ in drawn).values()) == [6, 7, 7]
    assert len(set(map(tuple, draws))) == 300
    shown = Counter(id_ for drawn in draws for id_ in drawn)
    assert shown.keys() == key.pictures.keys()
    assert min(shown.values()) > 300 * 20 / 72 * 0.6
    first = Counter(key.pictures[drawn[0]].source for drawn in draws)
    assert min(first.values()) > 70  # of 100 on average: no source comes first


def test_the_seed_fixes_everything(
    built: Path, photos: Path, models: tuple[Path, Path], tmp_path: Path
) -> None:
    def again(name: str, seed: int) -> str:
        folder = tmp_path / name
        run("build", "--data", photos, "-m", models[0], "-m", models[1], "-o", folder, *SMALL, "--seed", seed)
        return (folder / PAGE).read_text()

    page = (built / PAGE).read_text()
    assert again("same", 0) == page
    other = again("other", 1)
    assert Study.read(tmp_path / "other").id not in page
    assert not set(PICTURE.findall(other)) & set(PICTURE.findall(page))


# What the page must not tell


def test_without_its_pictures_the_page_is_the_same_for_every_study(
    built: Path, photos: Path, tiny_model: Path, tmp_path: Path
) -> None:
    """All that a label could hide in is the pictures and their hashes, and those are in their own order."""
    renamed = tmp_path / "renamed"
    renamed.mkdir()
    for number, file in enumerate(sorted(photos.iterdir())):
        shutil.copy(file, renamed / f"{-number % 30}.png")
    folder = tmp_path / "study"
    third = shutil.copytree(tiny_model.parent, tmp_path / "third")
    assert run("build", "--data", renamed, "-m", tiny_model, "-m", third, "-o", folder, *SMALL).exit_code == 0

    def bare(page: str) -> str:
        return re.sub(r"\b[0-9a-f]{16}\b", "ID", PICTURE.sub("PICTURE", page))

    pages = [(path / PAGE).read_text() for path in (built, folder)]
    assert bare(pages[0]) == bare(pages[1])
    for page, path in zip(pages, (built, folder), strict=True):
        key = Study.read(path)
        ids = [id_ for id_, _ in PICTURE.findall(page)]
        assert ids == sorted(key.pictures)
        facts = json.loads(re.search(r'id="study">(.*?)</script>', page)[1])
        assert facts == {"id": key.id, "size": 48, "perParticipant": 20, "hands": key.hands}
        assert all(ids == sorted(ids) for ids in facts["hands"])


def test_no_name_is_in_the_page(built: Path, models: tuple[Path, Path]) -> None:
    page = PICTURE.sub("", (built / PAGE).read_text())
    words = ["truth", "holiday", ".png", *(str(model) for model in models), "tiny", str(built.parent)]
    assert [word for word in words if word in page] == []
    assert "holiday" in (built / KEY).read_text()


def test_files_look_alike(built: Path) -> None:
    jpegs = [base64.b64decode(text) for _, text in PICTURE.findall((built / PAGE).read_text())]
    assert len({len(jpeg) for jpeg in jpegs}) == 1
    assert len({jpeg[: jpeg.index(b"\xff\xda")] for jpeg in jpegs}) == 1  # tables and headers, up to the scan
    assert len({jpeg.index(b"\xff\xd9") for jpeg in jpegs}) > 10  # while they end at many lengths
    for jpeg in jpegs:
        with Image.open(io.BytesIO(jpeg)) as image:
            image.load()
            assert image.info.keys() == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_the_page_needs_nothing_else(built: Path) -> None:
    page = PICTURE.sub("", (built / PAGE).read_text())
    assert re.findall(r"""(?:src|href)=["'](?!data:)|https?:|url\(|@import|//\w""", page) == []
    assert "default-src 'none'; img-src data:;" in page
    assert sorted(file.name for file in built.iterdir()) == [PAGE, KEY]


# What cannot be built


def test_too_few_photos(photos: Path, tmp_path: Path) -> None:
    """Told before the models are loaded, here before one is found to be missing."""
    build = ("build", "--data", photos, "--model", "nosuch", "-o", tmp_path / "study")
    result = run(*build)
    assert result.exit_code == 1
    told = "30 photos, too few for --truths 150 and --each 150; lower that to 30 or add photos"
    assert result.stderr == f"error {photos}: {told}\n"
    result = run(*build, "--truths", 20, "--each", 31, "--per-participant", 10)
    assert "30 photos, too few for --each 31; lower that to 30" in result.stderr
    result = run(*build, "--truths", 30, "--each", 20)
    assert "--per-participant 50: no participant sees a photo twice, which leaves 25" in result.stderr
    assert "lower it to 25" in result.stderr
    assert not (tmp_path / "study").exists()


def test_photos_that_are_broken_grey_or_there_twice_are_passed_over(tiny_model: Path, tmp_path: Path) -> None:
    folder = make_photos(tmp_path / "photos", 8)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    shutil.copy(PHOTOS / "camera.png", folder / "grey.png")
    shutil.copy(folder / "holiday 00.png", folder / "copy.png")
    build = ("build", "--data", folder, "--model", tiny_model, "--size", 32, "--per-participant", 5)
    result = run(*build, "-o", tmp_path / "study", "--truths", 8, "--each", 8)
    assert result.exit_code == 0
    assert len(re.findall("^passed over .*broken.jpg", result.stderr, re.MULTILINE)) <= 1
    names = {picture.photo for picture in Study.read(tmp_path / "study").pictures.values()}
    assert len(names) == 8
    assert not names & {"broken.jpg", "grey.png"}
    assert len(names & {"holiday 00.png", "copy.png"}) == 1
    result = run(*build, "-o", tmp_path / "more", "--truths", 9, "--each", 8)
    assert result.exit_code == 1
    assert "8 different photos in colour that can be read, too few for --truths 9; lower" in result.stderr


def test_members_of_a_shard_may_have_any_name(tiny_model: Path, tmp_path: Path) -> None:
    """A member called /tmp/x.jpg has no path below the shard, and was a traceback."""
    photos = sorted(make_photos(tmp_path / "photos", 8).iterdir())
    (tmp_path / "data").mkdir()
    names = [
        f"{folder}{number}.png"
        for folder in ("/srv/abs", "../../up", "<img src=x>", "a/b")
        for number in (0, 1)
    ]
    with tarfile.open(tmp_path / "data" / "a.tar", "w") as tar:
        for photo, name in zip(photos, names, strict=True):
            info = tar.gettarinfo(photo)
            info.name = name
            with photo.open("rb") as file:
                tar.addfile(info, file)
    build = ("build", "--model", tiny_model, "--size", 32, "--per-participant", 5, "--truths", 8, "--each", 8)
    for data in (tmp_path / "data", tmp_path / "data" / "a.tar"):
        study = tmp_path / f"study of {data.name}"
        result = run(*build, "--data", data, "-o", study)
        assert result.exit_code == 0, result.stderr
        shown = {picture.photo.removeprefix("a.tar/") for picture in Study.read(study).pictures.values()}
        assert shown == {name.removeprefix("/") for name in names}


def test_a_study_is_never_overwritten(built: Path, photos: Path) -> None:
    before = (built / KEY).read_bytes()
    result = run("build", "--data", photos, "--model", "nosuch", "-o", built, *SMALL)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{built / PAGE}: exists already; choose another folder with -o" in result.stderr
    assert (built / KEY).read_bytes() == before


@pytest.mark.parametrize("name", [PAGE, KEY])
def test_a_study_is_written_through_no_link(photos: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "study").mkdir()
    link = tmp_path / "study" / name
    link.symlink_to(tmp_path / "victim")
    result = run("build", "--data", photos, "--model", "nosuch", "-o", link.parent, *SMALL)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{link}: is a link, through which nothing is written" in result.stderr.replace("\n", "")
    assert not (tmp_path / "victim").exists()


def test_no_model_is_called_truth(
    photos: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_model.parent, tmp_path / "truth")
    monkeypatch.chdir(tmp_path)
    result = run("build", "--data", photos, "--model", "truth", *SMALL)
    assert result.exit_code == 1
    assert 'a model cannot be called "truth"' in result.stderr
    assert run("build", "--data", photos, "--model", "./truth", *SMALL).exit_code == 0
