"""The ledger: what it keeps, what of old versions it understands, and how it says that it is damaged."""

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.photos import black_and_white
from typer.testing import Result

from colourise.archives.job import PhotoOptions
from colourise.archives.ledger import Ledger, LedgerEntry
from colourise.archives.pending import settings_key_of
from colourise.colouriser import Colouriser, ModelId
from colourise.errors import LedgerError
from colourise.files.stamp import Stamp

Colourise = Callable[..., Result]
OLD = Path(__file__).with_name("old-version.sqlite")  # as colourise made it before it had wings


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two photos."""
    (tmp_path / "album").mkdir()
    for name in ("chelsea.jpg", "camera.png"):
        (tmp_path / "album" / name).write_bytes(black_and_white(name))
    return tmp_path / "album"


def test_a_ledger_goes_folder_by_folder(out: Path) -> None:
    """A report has a heading for each: photos beside a folder do not come before and after it."""
    keys = [b"a.jpg", b"b/a.jpg", b"b/c/d.jpg", b"b/z.jpg", b"c.jpg"]
    with Ledger(out) as ledger:
        ledger.write(LedgerEntry(key, "photo", "output", Stamp(0, 0), "how") for key in reversed(keys))
        assert [row.key for row in ledger] == [b"a.jpg", b"c.jpg", b"b/a.jpg", b"b/z.jpg", b"b/c/d.jpg"]


def test_a_damaged_ledger_is_one_clear_line(colourise: Colourise, album: Path, out: Path) -> None:
    colourise(album, "-o", out)
    (out / ".colourise.sqlite").write_bytes(b"not a database" * 100)
    result = colourise(album, "-o", out)
    assert result.exit_code == 1
    assert re.search(
        r"\.colourise\.sqlite: the list of what is done cannot be read.*move the file away", result.stderr
    )
    (out / ".colourise.sqlite").unlink()
    assert colourise(album, "-o", out).stderr.splitlines()[-1].startswith("0 coloured, 2 there already")


def test_the_ledger_keeps_names_that_are_no_text(tmp_path: Path) -> None:
    odd = os.fsdecode(b"/x/\xff\n.jpg")
    row = LedgerEntry(
        b"\xff", odd, odd, Stamp(1, 2), "how", "m", "failed", b"h", "why \udcff", ["é"], 1.5, Stamp(3, 4), 5.0
    )
    with Ledger(tmp_path) as ledger:
        ledger.write([row])
    assert Ledger.peek(tmp_path) == {b"\xff": row}
    with sqlite3.connect(tmp_path / ".colourise.sqlite") as table:
        assert table.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    table.close()


def test_a_ledger_of_the_old_version_is_understood(tmp_path: Path) -> None:
    shutil.copy(OLD, tmp_path / ".colourise.sqlite")
    found = {os.fsdecode(key): row for key, row in Ledger.peek(tmp_path).items()}
    assert found.keys() == {"bad.jpg", "chelsea.jpg", "box/camera.png", "box/Straße.jpg"}
    assert found["chelsea.jpg"] == LedgerEntry(
        key=b"chelsea.jpg",
        photo="archive/chelsea.jpg",
        output="out/chelsea.jpg",
        stamp=Stamp(35042, 1795803786287902913),
        settings_key=found["bad.jpg"].settings_key,
        model="colourise-v4 cb6735c17121",
        result="coloured",
        hash=bytes.fromhex("2c0357a57121a80b7145db42b093f743c9a0405e33f9e48fd102319a6ce3af89"),
        seconds=0.5864360779996787,
        written_stamp=Stamp(27545, 1795803787342602488),
        at=1795803787.3507195,
    )
    assert found["bad.jpg"].result == "failed"
    assert found["bad.jpg"].reason.startswith("archive/bad.jpg: not an image; ")
    planned = found["box/Straße.jpg"]
    assert (planned.result, planned.hash, planned.written_stamp) == ("planned", b"", None)


def test_the_same_settings_are_the_same_text_as_in_the_old_version(tmp_path: Path) -> None:
    """Else an archive would be coloured anew after every update."""
    shutil.copy(OLD, tmp_path / ".colourise.sqlite")
    texts = {row.settings_key for row in Ledger.peek(tmp_path).values()}

    class Backend:
        name, stride = "none", 1

        def predict_ab(self, L: object) -> object:
            raise NotImplementedError

    model = Colouriser(Backend(), input_size=224, model=ModelId("colourise-v4", "cb6735c17121"))  # type: ignore[arg-type]
    assert texts == {settings_key_of(model, PhotoOptions(quality=80))}


def test_what_is_written_is_what_the_old_version_wrote(tmp_path: Path) -> None:
    shutil.copy(OLD, tmp_path / ".colourise.sqlite")
    rows = list(Ledger.peek(tmp_path).values())
    (tmp_path / "new").mkdir()
    with Ledger(tmp_path / "new") as ledger:
        ledger.write(rows)

    def dump(file: Path) -> tuple[int, list[str]]:
        with sqlite3.connect(file) as table:
            lines = list(table.iterdump())
            (version,) = table.execute("PRAGMA user_version").fetchone()
        table.close()
        return version, sorted(lines)

    (new, lines), (old, old_lines) = dump(tmp_path / "new" / ".colourise.sqlite"), dump(OLD)
    assert lines == old_lines
    assert (new, old) == (2, 1)


@pytest.mark.parametrize(
    "column", ["source", "size", "hash", "how", "result", "reason", "notes", "seconds", "at"]
)
@pytest.mark.parametrize("value", [None, "what is no value of any column", 5, b"x"])
def test_a_damaged_row_is_one_clear_line(tmp_path: Path, column: str, value: object) -> None:
    shutil.copy(OLD, tmp_path / ".colourise.sqlite")
    with sqlite3.connect(tmp_path / ".colourise.sqlite") as table:
        was = type(table.execute(f"SELECT {column} FROM photos").fetchone()[0])  # noqa: S608
        table.execute(f"UPDATE photos SET {column} = ? WHERE key = ?", (value, b"chelsea.jpg"))  # noqa: S608
    table.close()
    if (type(value) is was or (was is float and value == 5)) and column not in ("result", "notes"):
        Ledger.peek(tmp_path)
        return
    with pytest.raises(LedgerError, match=r"cannot be read or written .*move the file away") as told:
        Ledger.peek(tmp_path)
    assert "\n" not in str(told.value)


def test_a_table_of_other_columns_is_one_clear_line(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / ".colourise.sqlite") as table:
        table.execute("CREATE TABLE photos (key, name)")
    table.close()
    with pytest.raises(LedgerError, match=r"cannot be read or written .*no such column"):
        Ledger.peek(tmp_path)


def test_who_waits_for_a_run_that_comes_to_nothing_has_a_ledger(out: Path) -> None:
    row = LedgerEntry(b"a", "a", "b", Stamp(1, 2), "how")
    with Ledger(out) as first:
        assert first.hold(0)
        second = Ledger(out).__enter__()
        assert not second.hold(0)
    assert second.hold(1)
    second.write([row])
    second.__exit__()
    assert Ledger.peek(out).keys() == {b"a"}
