"""The list of `--csv`: a line for each photo, harmless to a spreadsheet."""

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.photos import PHOTOS
from typer.testing import Result

from colourise import colour_folder
from colourise.archives import results
from colourise.archives.ledger import LedgerEntry
from colourise.errors import OptionError
from colourise.files.stamp import Stamp

Colourise = Callable[..., Result]


def lines(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_photo_has_a_line(colourise: Colourise, album: Path, out: Path, tmp_path: Path) -> None:
    (album / "colour.jpg").write_bytes((PHOTOS / "coffee.jpg").read_bytes())
    (album / "empty.jpg").touch()
    table = tmp_path / "lists" / "results.csv"
    assert colourise(album, "-o", out, "--csv", table, "--limit", "5").exit_code == 1
    assert len(lines(table)) == 5
    assert colourise(album, "-o", out, "--csv", table).exit_code == 1
    found = {Path(line["source"]).relative_to(album).as_posix(): line for line in lines(table)}
    assert len(found) == 8
    assert found["colour.jpg"]["result"] == "left alone"
    assert found["colour.jpg"]["reason"] == "has colour already"
    assert found["empty.jpg"]["result"] == "failed"
    assert (
        found["empty.jpg"]["reason"]
        == f"{album / 'empty.jpg'}: empty (0 bytes); copy it again from its source"
    )
    line = found["deep/c.jpg"]
    assert (line["result"], line["target"]) == ("coloured", str(out / "deep" / "c.jpg"))
    assert line["model"].startswith("tiny") and float(line["seconds"]) > 0
    assert len(line["ended"]) == len("2026-01-31T18:00:00")


def test_names_do_no_harm(tmp_path: Path) -> None:
    names = [
        "=1+1.jpg",
        "+a.jpg",
        "-a.jpg",
        "@a.jpg",
        'a "b", c\n.jpg',
        os.fsdecode(b"k\xf6ln.jpg"),
        "Köln.jpg",
    ]
    entries = [
        LedgerEntry(name.encode(errors="surrogateescape"), name, f"out/{name}", Stamp(1, 1), "how", at=1.0)
        for name in names
    ]
    results.write(entries, tmp_path / "a.csv")
    assert [line["source"] for line in lines(tmp_path / "a.csv")] == [
        *(f"./{name}" for name in names[:4]),
        'a "b", c\n.jpg',
        "k\\udcf6ln.jpg",
        "Köln.jpg",
    ]
    assert {line["result"] for line in lines(tmp_path / "a.csv")} == {"not done"}


def test_other_files_are_not_replaced(colourise: Colourise, album: Path, out: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("source,target\n")
    result = colourise(album, "-o", out, "--csv", tmp_path / "mine.csv")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        f"error {tmp_path / 'mine.csv'}: is there already, and is no list of ours; "
    )
    assert (tmp_path / "mine.csv").read_text() == "source,target\n"
    (tmp_path / "link.csv").symlink_to(tmp_path / "elsewhere.csv")
    assert "is a link" in colourise(album, "-o", out, "--csv", tmp_path / "link.csv").stderr
    assert not (tmp_path / "elsewhere.csv").exists()
    assert not out.exists()


def test_it_is_for_folders_with_an_output(colourise: Colourise, album: Path, tiny_model: Path) -> None:
    result = colourise(album, "--csv", "a.csv")
    assert result.exit_code == 2
    assert "--csv is for folders that go to another one: add -o FOLDER" in " ".join(result.stderr.split())
    with pytest.raises(OptionError, match="--csv is for folders"):
        colour_folder(album, csv="a.csv", model=str(tiny_model))
