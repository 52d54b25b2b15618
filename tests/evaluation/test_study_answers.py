"""Scoring a naturalness study: shares and intervals, and which answers do not count."""

import hashlib
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
from helpers.studies import run
from scipy.stats import binomtest

from colourise.errors import StudyError
from colourise.evaluation import study
from colourise.evaluation.study import KEY, Protocol, Study
from colourise.evaluation.study.answers import checksum, wilson


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
    key = Study(Protocol(1, 1, 1), ["model"], pictures, [["a"], ["b"]])
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
    old = json.loads(text)
    del old["hands"]
    (tmp_path / KEY).write_text(json.dumps(old))
    with pytest.raises(StudyError, match=r"built by version 0\.1\.0, .*; score it with that version: pip "):
        Study.read(tmp_path)
