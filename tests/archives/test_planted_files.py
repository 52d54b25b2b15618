"""Files and links that others have put where a run keeps its own: it follows no link, and changes nothing."""

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import Result

from colourise.archives.ledger import Ledger
from colourise.errors import LedgerError
from colourise.files.atomic import part_prefix

Colourise = Callable[..., Result]
OLD = Path(__file__).with_name("old-version.sqlite")
LEDGER = ".colourise.sqlite"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of somebody else's, with another program's database."""
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "letter.txt").write_text("mine")
    with closing(sqlite3.connect(folder / "music.sqlite", isolation_level=None)) as table:
        table.executescript("CREATE TABLE songs (name); PRAGMA user_version = 7")
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def one_line(result: Result) -> str:
    """The one line of a run that was refused."""
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error ")
    return line


@pytest.mark.parametrize("name", [LEDGER, ".colourise.lock"])
@pytest.mark.parametrize("end", ["music.sqlite", "letter.txt", "new", "."])
def test_a_ledger_or_a_lock_that_is_a_link(
    colourise: Colourise, album: Path, out: Path, victim: Path, name: str, end: str
) -> None:
    out.mkdir()
    (out / name).symlink_to(victim / end)
    before = contents(victim)
    line = one_line(colourise(album, "-o", out))
    assert line == f"error {out / name}: is a link, which is not followed; remove it to begin anew"
    assert contents(victim) == before
    assert [path.name for path in out.iterdir()] == [name]


def test_the_ledger_of_a_shard_is_looked_at_too(
    colourise: Colourise, album: Path, out: Path, victim: Path
) -> None:
    out.mkdir()
    (out / ".colourise-1of2.sqlite").symlink_to(victim / "music.sqlite")
    assert "is a link" in one_line(colourise(album, "-o", out, "--shard", "1/2"))


FOREIGN = {
    "of another program": "CREATE TABLE songs (name); PRAGMA user_version = 7",
    "with another table beside ours": "{ours}; CREATE TABLE songs (name)",
    "with a trigger": "{ours}; CREATE TRIGGER t AFTER INSERT ON photos BEGIN DELETE FROM photos; END",
    "with a column more": "{ours}; ALTER TABLE photos ADD COLUMN rating",
    "of a later version": "{ours}; PRAGMA user_version = 99",
    "without a table": "PRAGMA user_version = 1",
    "without anything": "CREATE TABLE a (b); DROP TABLE a",
    "with our table as a view": "CREATE TABLE a (b); CREATE VIEW photos AS SELECT * FROM a",
    "in SQLite's other mode": "PRAGMA journal_mode = WAL; CREATE TABLE songs (name)",
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a_database_of_somebody_else_is_left_alone(
    colourise: Colourise, album: Path, out: Path, kind: str
) -> None:
    out.mkdir()
    ours = ""
    if "{ours}" in FOREIGN[kind]:
        with closing(sqlite3.connect(OLD)) as table:
            ours = table.execute("SELECT sql FROM sqlite_master WHERE name = 'photos'").fetchone()[0]
    with closing(sqlite3.connect(out / LEDGER, isolation_level=None)) as table:
        table.executescript(FOREIGN[kind].format(ours=f"{ours}; PRAGMA user_version = 1"))
    before = contents(out)
    line = one_line(colourise(album, "-o", out))
    assert (
        f"{out / LEDGER}: is a database of another program or of a later version, and is left alone" in line
    )
    assert contents(out) == before


def test_a_foreign_database_that_is_in_use_is_left_alone(
    colourise: Colourise, album: Path, out: Path
) -> None:
    """What is in its write-ahead log would be moved into it by the first who opens it."""
    out.mkdir()
    with closing(sqlite3.connect(out / LEDGER, isolation_level=None)) as table:
        table.executescript("PRAGMA journal_mode = WAL; CREATE TABLE songs (name)")
        before = contents(out)
        assert f"{LEDGER}-wal" in before
        assert "is a database of another program" in one_line(colourise(album, "-o", out))
        assert contents(out) == before


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
@pytest.mark.parametrize("name", [LEDGER, ".colourise.lock"])
def test_what_is_no_file_is_not_opened(
    colourise: Colourise, album: Path, out: Path, make: Callable[[Path], None], name: str
) -> None:
    out.mkdir()
    make(out / name)
    assert f"{out / name}: is not a file; move it away" in one_line(colourise(album, "-o", out))


def test_a_run_that_was_killed_while_it_made_its_table_is_gone_on_with(
    colourise: Colourise, album: Path, out: Path
) -> None:
    out.mkdir()
    (out / LEDGER).touch()
    assert colourise(album, "-o", out).exit_code == 0
    with closing(sqlite3.connect(out / LEDGER, isolation_level=None)) as table:
        table.execute("PRAGMA user_version = 0")  # killed between the two steps
    assert colourise(album, "-o", out).stderr.splitlines()[-1].startswith("0 coloured, 6 there already")


HOSTILE = {
    "key": ["text", None, 5],
    "source": [b"/a\0b.jpg"],
    "target": [b"/a\0b.jpg", "text"],
    "notes": ["{", "[1]", "{}", "null", '"a"', "[" * 200_000],
    "seconds": [float("inf"), -1.0],
    "at": [1e300, float("inf"), -5.0, 2**62],
    "made_size": [None],
    "made_changed": [None, "x"],
    "result": ["done"],
    "model": [b"\xff", None],
}


@pytest.mark.parametrize(("column", "value"), [(name, value) for name in HOSTILE for value in HOSTILE[name]])
def test_a_hostile_row_is_one_line(tmp_path: Path, column: str, value: object) -> None:
    shutil.copy(OLD, tmp_path / LEDGER)
    with closing(sqlite3.connect(tmp_path / LEDGER, isolation_level=None)) as table:
        table.execute(f"UPDATE photos SET {column} = ? WHERE key = ?", (value, b"chelsea.jpg"))  # noqa: S608
    with pytest.raises(LedgerError, match=r"cannot be read or written .*move the file away") as told:
        Ledger.peek(tmp_path)
    assert "\n" not in str(told.value)


def test_text_that_is_no_unicode_is_one_line(tmp_path: Path) -> None:
    shutil.copy(OLD, tmp_path / LEDGER)
    with closing(sqlite3.connect(tmp_path / LEDGER, isolation_level=None)) as table:
        table.execute("UPDATE photos SET model = CAST(x'ff' AS TEXT)")
    with pytest.raises(LedgerError, match=r"cannot be read or written"):
        Ledger.peek(tmp_path)


def test_a_hostile_ledger_removes_nothing_outside(
    colourise: Colourise, album: Path, out: Path, victim: Path
) -> None:
    """A killed run's parts are removed, but only where they can be ours."""
    colourise(album, "-o", out)
    (out / "linked").symlink_to(victim)
    part = f"{part_prefix('a.jpg')}0.part"
    for place in (victim, out, out / "deep"):
        (place / part).write_text("half")
    (out / f"{part_prefix('a.jpg')}1.part").mkdir()
    with closing(sqlite3.connect(out / LEDGER, isolation_level=None)) as table:
        for number, target in enumerate(
            [victim / "a.jpg", out / "linked" / "a.jpg", out / ".." / "victim" / "a.jpg", out / "a.jpg",
             out / "deep" / "a.jpg"]
        ):  # fmt: skip
            table.execute(
                "INSERT INTO photos SELECT ?, source, ?, size, changed, hash, how, model, 'planned', reason, "
                "notes, seconds, NULL, NULL, at FROM photos WHERE key = ?",
                (b"x%d" % number, os.fsencode(target), b"a.jpg"),
            )
    assert colourise(album, "-o", out).exit_code == 0
    assert (victim / part).exists()
    assert not (out / part).exists() and not (out / "deep" / part).exists()


def test_a_report_is_written_through_no_link(
    colourise: Colourise, album: Path, out: Path, victim: Path, tmp_path: Path
) -> None:
    before = contents(victim)
    page = tmp_path / "report.html"
    for name in ("report.html", "report_files"):
        (tmp_path / name).symlink_to(victim / "letter.txt" if name == "report.html" else victim)
        line = one_line(colourise(album, "-o", out, "--report", page))
        assert line.startswith(f"error {tmp_path / name}: is a link, through which no report is written")
        (tmp_path / name).unlink()
    assert not out.exists()  # nothing has begun
    assert colourise(album, "-o", out, "--report", page).exit_code == 0
    thumbnails = tmp_path / "report_files"
    first = sorted(thumbnails.iterdir())[0]
    first.unlink()
    first.symlink_to(victim / "new.jpg")
    (thumbnails / "mine.txt").write_text("mine")
    (thumbnails / f"{'0' * 16}.compare.jpg").mkdir()
    assert colourise(album, "-o", out, "--report", page).exit_code == 0
    assert (thumbnails / "mine.txt").exists()
    assert contents(victim) == before


def test_a_photo_beside_planted_parts(colourise: Colourise, photo: Path, victim: Path) -> None:
    """The name of an unfinished file cannot be foreseen, and is never one that exists."""
    part = f"{part_prefix('photo.colourised.jpg')}00000000.part"
    (photo.parent / part).symlink_to(victim / "letter.txt")
    assert colourise(photo).exit_code == 0
    assert (victim / "letter.txt").read_text() == "mine"
    assert (photo.parent / part).is_symlink()
