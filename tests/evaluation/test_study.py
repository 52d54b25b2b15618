"""The naturalness study: what is drawn, what the page must not tell, and which answers count."""

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.commands import shell
from helpers.photos import PHOTOS, pixels
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binomtest
from typer.testing import CliRunner, Result

from colourise.cli.commands import app
from colourise.colouriser import load_model
from colourise.errors import StudyError
from colourise.evaluation import study
from colourise.evaluation.study import KEY, PAGE, Protocol, Study
from colourise.evaluation.study.answers import checksum, wilson
from colourise.evaluation.study.building import deal

PICTURE = re.compile(r'<script type="text/plain" id="p([0-9a-f]{16})">([A-Za-z0-9+/=]+)</script>\n?')
SMALL = ("--truths", 24, "--each", 24, "--per-participant", 20, "--size", 48)


def run(*arguments: Any) -> Result:
    result = CliRunner().invoke(app, ["study", *map(str, arguments)], env={"COLUMNS": "200"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def make_photos(folder: Path, count: int) -> Path:
    """Photos of a few colours each, some smooth and some busy, so that their JPEGs differ in size."""
    chance = np.random.default_rng(0)
    folder.mkdir()
    for number in range(count):
        blocks = chance.integers(0, 256, (3 + number % 7, 5, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize((72, 56), Image.Resampling.BICUBIC).save(
            folder / f"holiday {number:02}.png"
        )
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_photos(tmp_path_factory.mktemp("study") / "photos", 30)


@pytest.fixture(scope="module")
def models(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two names of one network, which makes the hardest case: two sources with equal pictures."""
    other = tmp_path_factory.mktemp("models") / "other"
    for file in tiny_model.parent.iterdir():
        shutil.copy(file, other.with_suffix(file.suffix))
    return tiny_model, other


@pytest.fixture(scope="module")
def built(photos: Path, models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of two models."""
    folder = tmp_path_factory.mktemp("built") / "study"
    result = run("build", "--data", photos, "--model", models[0], "--model", models[1], "-o", folder, *SMALL)
    assert result.exit_code == 0
    assert f"{folder / PAGE}: 72 pictures, 20 a participant" in result.stderr
    assert str(folder / KEY) in result.stderr
    return folder


def answer(key: Study, participant: str, judge: Callable[[str], bool], folder: Path, **changes: Any) -> Path:
    """What the page saves for a participant who judges sources so; with changes made before the checksum."""
    rows = [
        {"id": picture, "real": judge(key.pictures[picture].source), "ms": 900}
        for picture in key.draw(participant)
    ]
    values: dict[str, Any] = {"study": key.id, "participant": participant, "answers": rows} | changes
    told = [values["study"], values["participant"], [[row["id"], row["real"], row["ms"]] for row in rows]]
    text = json.dumps(told, separators=(",", ":"))
    values.setdefault("checksum", hashlib.sha256(text.encode()).hexdigest())
    file = folder / f"study-{participant}.json"
    file.write_text(json.dumps(values, indent=1))
    return file


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


def test_sets_mix_the_sources() -> None:
    dealt = deal(Protocol(150, 150), 3)
    count = Counter(pair for versions in dealt for pair in versions)
    assert all(30 < count[source, set_] < 70 for source in range(3) for set_ in range(3))  # 50 on average


def test_participants_draw_without_meeting_a_photo_twice(built: Path) -> None:
    key = Study.read(built)
    draws = [key.draw(f"someone-{number}") for number in range(300)]
    assert all(len({key.pictures[id_].photo for id_ in drawn}) == 20 for drawn in draws)
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
        assert facts == {"id": key.id, "size": 48, "perParticipant": 20, "sets": key.sets}
        assert all(ids == sorted(ids) for ids in facts["sets"])


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


def test_a_study_is_never_overwritten(built: Path, photos: Path) -> None:
    before = (built / KEY).read_bytes()
    result = run("build", "--data", photos, "--model", "nosuch", "-o", built, *SMALL)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{built / PAGE}: exists already; choose another folder with -o" in result.stderr
    assert (built / KEY).read_bytes() == before


def test_no_model_is_called_truth(
    photos: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_model.parent, tmp_path / "truth")
    monkeypatch.chdir(tmp_path)
    result = run("build", "--data", photos, "--model", "truth", *SMALL)
    assert result.exit_code == 1
    assert 'a model cannot be called "truth"' in result.stderr
    assert run("build", "--data", photos, "--model", "./truth", *SMALL).exit_code == 0


# Scores


def test_scores(built: Path, models: tuple[Path, Path], tmp_path: Path) -> None:
    key = Study.read(built)
    judges = {
        "anna": lambda source: source == "truth",
        "ben": lambda source: source != str(models[1]),
        "k7m2qx": lambda source: True,
    }
    files = [answer(key, name, judge, tmp_path) for name, judge in judges.items()]
    shown, real = Counter[str](), Counter[str]()
    for file in files:
        for row in json.loads(file.read_text())["answers"]:
            source = key.pictures[row["id"]].source
            shown[source] += 1
            real[source] += row["real"]
    assert real["truth"] == shown["truth"] > 0
    assert 0 < real[str(models[1])] < shown[str(models[1])]

    result = run("score", *files, "--study", built, "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert (told["study"], told["participants"]) == (key.id, 3)
    assert list(told["sources"]) == ["truth", *map(str, models)]
    for source, row in told["sources"].items():
        assert (row["shown"], row["judged_real"]) == (shown[source], real[source])
        assert row["naturalness"] == pytest.approx(real[source] / shown[source])
        expected = binomtest(real[source], shown[source]).proportion_ci(method="wilson")
        assert row["interval"] == pytest.approx([expected.low, expected.high])

    table = run("score", *files, "--study", built).stdout
    assert "3 participants, 60 judgements" in table
    assert re.search(rf"truth +{shown['truth']} +{shown['truth']} +1\.00 +0\.\d\d to 1\.00", table)


def test_the_command_of_the_study_folder(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(built, tmp_path / "study")
    answer(Study.read(built), "anna", lambda source: False, tmp_path)
    monkeypatch.chdir(tmp_path)
    result = run("score", "study-anna.json")
    assert result.exit_code == 0
    assert "1 participant, 20 judgements" in result.stdout


def test_a_source_that_nobody_saw_has_no_share() -> None:
    pictures = {"a": study.StudyPicture("truth", "x.jpg", 0), "b": study.StudyPicture("model", "x.jpg", 1)}
    key = Study(Protocol(1, 1, 1), ["model"], pictures)
    scores = study.score([study.Answers("anna", {"b": True})], key)
    assert (scores["model"].share, scores["truth"].shown) == (1, 0)
    assert np.isnan(scores["truth"].share)
    assert np.isnan(scores["truth"].interval).all()


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (1, 3), (8, 10), (435, 500)])
def test_intervals(successes: int, trials: int) -> None:
    expected = binomtest(successes, trials).proportion_ci(method="wilson")
    assert wilson(successes, trials) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_scoring_loads_nothing_heavy(built: Path, tmp_path: Path) -> None:
    file = answer(Study.read(built), "anna", lambda source: True, tmp_path)
    code, out, err = shell("study", "score", file, "--study", built, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["participants"] == 1
    heavy = "{'torch', 'numpy', 'cv2', 'scipy', 'onnxruntime'}"
    program = f"import sys, colourise.evaluation.study; sys.exit(len({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0


# Answers that do not count


def change(**changes: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda values: values | changes


def flip(values: dict[str, Any]) -> dict[str, Any]:
    values["answers"][7]["real"] ^= True
    return values


def swap(values: dict[str, Any]) -> dict[str, Any]:
    """Another order of the same pictures, with a checksum that fits."""
    rows = values["answers"]
    rows[0], rows[1] = rows[1], rows[0]
    return values | {"checksum": checksum(values["study"], values["participant"], rows)}


def rename(values: dict[str, Any]) -> dict[str, Any]:
    """The answers of one participant under another code, with a checksum that fits."""
    rows = values["answers"]
    return values | {"participant": "eve", "checksum": checksum(values["study"], "eve", rows)}


def pad(values: dict[str, Any]) -> dict[str, Any]:
    """One answer more than were asked, with a checksum that fits."""
    rows = [*values["answers"], values["answers"][0]]
    return values | {
        "answers": rows,
        "checksum": checksum(values["study"], values["participant"], rows),
    }


@pytest.mark.parametrize(
    ("tamper", "told"),
    [
        (flip, "changed after it was saved"),
        (change(participant="eve"), "changed after it was saved"),
        (change(checksum="0" * 64), "changed after it was saved"),
        (swap, "tampered with, these are not the pictures of participant anna"),
        (rename, "tampered with, these are not the pictures of participant eve"),
        (pad, "tampered with, these are not the pictures of participant anna"),
        (lambda values: values | {"answers": values["answers"][:-1]}, "incomplete, 19 of 20 answers"),
        (change(study="0123456789abcdef"), "belongs to another study (0123456789abcdef, this is"),
        (change(participant="../anna"), "not an answer file"),
        (change(participant="\ud800"), "not an answer file"),
        (change(answers=[{"id": 1, "real": "yes", "ms": 5}]), "not an answer file"),
        (change(answers={}), "not an answer file"),
        (change(more=1), "not an answer file"),
        (lambda values: [values], "not an answer file"),
        (lambda values: None, "not an answer file"),
    ],
)
def test_a_tampered_file_is_refused(
    built: Path, tmp_path: Path, tamper: Callable[[dict[str, Any]], Any], told: str
) -> None:
    key = Study.read(built)
    file = answer(key, "anna", lambda source: True, tmp_path)
    good = answer(key, "ben", lambda source: True, tmp_path)
    assert run("score", file, good, "--study", built).exit_code == 0
    file.write_text(json.dumps(tamper(json.loads(file.read_text()))))
    result = run("score", file, good, "--study", built)
    assert (result.exit_code, result.stdout) == (1, "")  # and no score of the good one
    assert result.stderr.startswith(f"refused {file}: {told}")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("data", [b"", b'{"study": ', b"\xff\xfe\x00", b"[" * 100_000])
def test_a_broken_file_is_refused(built: Path, tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "study-anna.json"
    file.write_bytes(data)
    result = run("score", file, "--study", built)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"refused {file}: damaged, it is not JSON; ask for the file again\n"


def test_every_bad_file_is_named(built: Path, tmp_path: Path) -> None:
    key = Study.read(built)
    anna = answer(key, "anna", lambda source: True, tmp_path)
    copy = Path(shutil.copy(anna, tmp_path / "copy.json"))
    missing = tmp_path / "none.json"
    result = run("score", anna, copy, built / KEY, missing, tmp_path, "--study", built)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines() == [
        f"refused {copy}: participant anna is in {anna} too; leave one out",
        f"refused {built / KEY}: not an answer file; name the files that participants saved",
        f"refused {missing}: No such file or directory; name the files that participants saved",
        f"refused {tmp_path}: Is a directory; name the files that participants saved",
    ]


def test_the_key_must_be_there_and_whole(built: Path, tmp_path: Path) -> None:
    file = answer(Study.read(built), "anna", lambda source: True, tmp_path)
    result = run("score", file, "--study", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path / KEY}: No such file or directory; score where the study was built" in result.stderr

    text = (built / KEY).read_text()
    assert text.count('"source": "truth"') == 24
    for broken in (text.replace('"source": "truth"', '"source": "tiny"', 1), text[:-9], "[]", "{}", "null"):
        (tmp_path / KEY).write_text(broken)
        with pytest.raises(StudyError, match="not the key of a study as it was built; take it from a backup"):
            Study.read(tmp_path)
