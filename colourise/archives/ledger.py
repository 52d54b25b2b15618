"""A record of what runs have done, so that the next one does only the rest: SQLite in the output folder.

What to notice: every photo is recorded as planned before the first one is coloured, and its outcome within a
second of its end. A killed run leaves photos that are planned although their coloured versions exist: those
versions come from that run, because files appear under their names only when they are complete
(files/atomic.py). Paths are stored as bytes, because file names need not be valid text.
"""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Literal, Self, get_args

from filelock import FileLock, Timeout

from colourise.errors import LedgerError
from colourise.files import storage
from colourise.files.containment import is_link
from colourise.files.stamp import Stamp

if TYPE_CHECKING:
    from colourise.files.storage import Location

SAVE_EVERY = 1.0  # seconds
Result = Literal["planned", "coloured", "failed", "left alone"]
RESULTS = get_args(Result)
KINDS: dict[str, tuple[type, ...]] = {  # of each column, which has no type of its own in SQLite
    "key": (bytes,),
    "source": (bytes,),
    "target": (bytes,),
    "size": (int,),
    "changed": (int,),
    "hash": (bytes,),
    "how": (str,),
    "model": (str,),
    "result": (str,),
    "reason": (bytes,),
    "notes": (str,),
    "seconds": (float, int),
    "made_size": (int, NoneType),
    "made_changed": (int, NoneType),
    "at": (float, int),
}
ROWS = frozenset(itertools.product(*KINDS.values()))  # types of whole rows: a check of a row is one look
COLUMNS = ", ".join(KINDS)
VERSION = 2  # 1 had no photos that were left alone
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS photos ({COLUMNS.replace("key,", "key BLOB PRIMARY KEY,")});
PRAGMA user_version = {VERSION};
"""
LONGEST = 1e11  # seconds; 3,000 years from 1970
INSERT = (
    f"INSERT OR REPLACE INTO photos ({COLUMNS}) "  # noqa: S608  # names of our own
    f"VALUES ({', '.join(f':{column}' for column in KINDS)})"
)


@dataclass
class LedgerEntry:
    """What is recorded of a photo."""

    key: bytes
    """`PhotoJob.key`: the photo's path below the output folder."""
    photo: str
    """Path of the photo, as text: path objects take a second for a hundred thousand rows."""
    output: str
    """Path of its coloured version."""
    stamp: Stamp
    """The photo's size and time when it was read."""
    settings_key: str
    """Model and options as one text."""
    model: str = ""
    """Name of the model."""
    result: Result = "planned"
    """"planned": not begun, or ended by a kill; "left alone": it has colour already."""
    hash: bytes = b""
    """SHA-256 of the photo's bytes."""
    reason: str = ""
    """Why it failed or was left alone."""
    notes: list[str] = field(default_factory=list)
    """What the user should know about a coloured photo."""
    seconds: float = 0.0
    """Time taken."""
    written_stamp: Stamp | None = None
    """Stamp of the coloured version when it was written; if planned, of the file that was there before."""
    at: float = 0.0
    """When it was recorded, in seconds since 1970."""

    @property
    def source(self) -> Location:
        """The photo."""
        return storage.located(self.photo)

    @property
    def target(self) -> Location:
        """Its coloured version."""
        return storage.located(self.output)

    @property
    def size(self) -> int:
        """Bytes of the photo."""
        return self.stamp.size

    @property
    def when(self) -> float:
        """When it ended, in seconds since 1970."""
        return self.at

    def as_row(self) -> dict[str, object]:
        """Return a value for each column of the table."""
        written = self.written_stamp
        return {
            "key": self.key,
            "source": os.fsencode(self.photo),
            "target": os.fsencode(self.output),
            "size": self.stamp.size,
            "changed": self.stamp.changed,
            "hash": self.hash,
            "how": self.settings_key,
            "model": self.model,
            "result": self.result,
            "reason": self.reason.encode(errors="surrogateescape"),
            "notes": json.dumps(self.notes),
            "seconds": self.seconds,
            "made_size": None if written is None else written.size,
            "made_changed": None if written is None else written.changed,
            "at": self.at or time.time(),
        }

    @classmethod
    def of(cls, row: sqlite3.Row) -> Self:
        """Make an entry from a row of the table.

        Raises:
            ValueError: the row is damaged.
        """
        if not is_sound(row):
            raise ValueError("a row in it is damaged")
        return cls(
            key=row["key"],
            photo=os.fsdecode(row["source"]),
            output=os.fsdecode(row["target"]),
            stamp=Stamp(row["size"], row["changed"]),
            settings_key=row["how"],
            model=row["model"],
            result=row["result"],
            hash=row["hash"],
            reason=row["reason"].decode(errors="surrogateescape"),
            notes=notes_of(row["notes"]),
            seconds=row["seconds"],
            written_stamp=(
                None if row["made_size"] is None else Stamp(row["made_size"], row["made_changed"])
            ),
            at=row["at"],
        )


def is_sound(row: sqlite3.Row) -> bool:
    """Tell whether each value of a row is of its column's type, and one that a run may have written."""
    return (
        tuple(map(type, row)) in ROWS
        and row["result"] in RESULTS
        and (row["made_size"] is None) == (row["made_changed"] is None)
        and b"\0" not in row["source"]
        and b"\0" not in row["target"]
        and 0 <= row["seconds"] < LONGEST
        and 0 <= row["at"] < LONGEST
    )


def notes_of(text: str) -> list[str]:
    """Return the notes that a row has as JSON.

    Raises:
        ValueError: it is no list of texts.
    """
    if text == "[]":
        return []
    try:
        notes = json.loads(text)
    except RecursionError as err:
        raise ValueError("a row in it is damaged") from err
    if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
        raise ValueError("a row in it is damaged")
    return notes


def check_file(file: Path) -> None:
    """Refuse to open what cannot be a ledger of ours; nothing is changed.

    Others may write to the output folder too: a link would lead us to their files.

    Raises:
        LedgerError: it is a link or no file, or is another program's.
        OSError: it cannot be read.
    """
    for name in (file, file.with_suffix(".lock")):
        if is_link(name):
            raise LedgerError("is a link, which is not followed", path=name, advice="remove it to begin anew")
        if os.path.lexists(name) and not name.is_file():
            raise LedgerError("is not a file", path=name, advice="move it away to begin anew")
    if not os.path.lexists(file):
        return
    with file.open("rb") as database:
        head = database.read(20)
    if head[18:20] == b"\2\2" or os.path.lexists(f"{file}-wal"):  # SQLite would write before we can look
        raise foreign(file)


def is_prepared(table: sqlite3.Connection, file: Path) -> bool:
    """Look whether a database has our table and nothing else; return False if it is empty.

    Raises:
        LedgerError: it is another program's, or of a later version.
        sqlite3.Error: it is damaged, or its table has not our columns.
    """
    sizes = [file.stat().st_size]
    (version,) = table.execute("PRAGMA user_version").fetchone()
    names = [name for (name,) in table.execute("SELECT name FROM sqlite_master") if name[:7] != "sqlite_"]
    sizes.append(file.stat().st_size)  # another run may make the table now; one that was killed has made half
    if not names and version == 0 and 0 in sizes:
        return False
    if names != ["photos"] or version not in range(VERSION + 1):
        raise foreign(file)
    found = table.execute(f"SELECT {COLUMNS}, * FROM photos LIMIT 0").description  # noqa: S608
    if len(found) != 2 * len(KINDS):
        raise foreign(file)
    return bool(version == VERSION)


def foreign(file: Path) -> LedgerError:
    """Return the error of a file in our place that is not ours."""
    return LedgerError(
        "is a database of another program or of a later version, and is left alone",
        path=file,
        advice="move it away, or choose another output folder",
    )


def ledger_name(shard: str = "") -> str:
    """Return a ledger's file name; each shard has a ledger of its own, such as .colourise-2of8.sqlite."""
    return f".colourise{shard and f'-{shard}'}.sqlite"


class Ledger:
    """The rows of one output folder.

    Args:
        folder: the output folder; made if need be.
        shard: the part of the photos that this run colours, such as "2of8".
    Raises:
        LedgerError: the file is damaged, or cannot be written.
    """

    def __init__(self, folder: Path, shard: str = "") -> None:
        self.home = self.file = folder / ledger_name(shard)
        self.saved, self.ours = time.monotonic(), not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as err:
            reason = f"the output folder cannot be made ({err.strerror})"
            raise LedgerError(reason, path=folder, advice="choose another") from err
        with self._told():
            self.lock = FileLock(self.file.with_suffix(".lock"))
            self._connect()

    def _connect(self) -> None:
        check_file(self.file)
        self.table = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
        self.table.row_factory = sqlite3.Row

    @classmethod
    def peek(cls, folder: Path, shard: str = "") -> dict[bytes, LedgerEntry]:
        """Return the rows of a folder without changing it: none where no run has been."""
        if not (folder / ledger_name(shard)).exists():
            return {}
        with cls(folder, shard) as ledger:
            return ledger.rows()

    def __enter__(self) -> Self:
        """Open the table.

        Raises:
            LedgerError: the file is damaged.
        """
        try:
            self._prepare()
        except LedgerError:
            self.table.close()
            raise
        return self

    def _prepare(self) -> None:
        with self._told():
            self.table.execute("PRAGMA synchronous = FULL")
            if not is_prepared(self.table, self.file):
                self.table.executescript(SCHEMA)

    def __exit__(self, *error: object) -> None:
        """Save everything, and let other runs in."""
        try:
            self.save()
            empty = not self.table.execute("SELECT 1 FROM photos LIMIT 1").fetchone()
        finally:
            self.table.close()
        if empty:  # a run without photos leaves nothing behind
            self.file.unlink(missing_ok=True)
            Path(self.lock.lock_file).unlink(missing_ok=True)
            if self.ours:
                with suppress(OSError):  # something else is in it by now
                    self.file.parent.rmdir()
        self.lock.release()

    def hold(self, seconds: float) -> bool:
        """Keep other runs away until the end; return False if another run does not end within `seconds`."""
        try:
            self.lock.acquire(timeout=seconds)
        except Timeout:
            return False
        except OSError as err:
            raise LedgerError(
                f"cannot be locked ({err.strerror})", path=self.file.parent, advice="choose another folder"
            ) from err
        if not self.file.exists():  # the other run had no photos, and has removed it
            self.table.close()
            with self._told():
                self._connect()
            self._prepare()
        return True

    def rows(self) -> dict[bytes, LedgerEntry]:
        """Return every row by its key."""
        return {row.key: row for row in self.among("1")}

    def __iter__(self) -> Iterator[LedgerEntry]:
        """Yield every row, folder by folder."""
        self.table.create_function("folder", 1, os.path.dirname, deterministic=True)
        yield from self.among("1", "folder(key), key")

    def among(self, condition: str, order: str = "key") -> Iterator[LedgerEntry]:
        """Yield the rows for which a condition in SQL holds, sorted."""
        with self._told():
            query = f"SELECT {COLUMNS} FROM photos WHERE {condition} ORDER BY {order}"  # noqa: S608
            for row in self.table.execute(query):
                try:
                    entry = LedgerEntry.of(row)
                except ValueError as err:
                    raise sqlite3.DatabaseError(str(err)) from err
                yield entry

    def ask(self, query: str) -> Iterator[sqlite3.Row]:
        """Yield what a query of the table gives, with its columns by name."""
        with self._told():
            yield from self.table.execute(query)

    def write(self, rows: Iterable[LedgerEntry]) -> None:
        """Write rows, replacing those with the same keys; `save` makes them permanent."""
        with self._told():
            if not self.table.in_transaction:
                self.table.execute("BEGIN IMMEDIATE")
            self.table.executemany(INSERT, (row.as_row() for row in rows))
        if time.monotonic() - self.saved > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Make written rows permanent, whatever happens to the machine."""
        with self._told():
            if self.table.in_transaction:
                self.table.execute("COMMIT")
        self.saved = time.monotonic()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn errors of the file into one line."""
        try:
            yield
        except (sqlite3.Error, OSError) as err:
            raise LedgerError(
                f"the list of what is done cannot be read or written ({err})",
                path=self.file,
                advice="free some space, or move the file away to begin anew (no photo is lost)",
            ) from err
