"""What a batch has done, so that the next run does only the rest: a SQLite file in the output folder.

What to notice: every photo is written down as planned before the first one is coloured, and its outcome
within a second of its end. A run that is killed in between leaves photos that are planned and whole files
that are there: such a file was made by that run, for files appear under their names only when they are
complete (images.py). Paths are kept as bytes, for file systems know names that are no text.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

from filelock import FileLock, Timeout

from colourise.errors import LedgerError
from colourise.files import storage
from colourise.files.stamp import Stamp

NAME = ".colourise{}.sqlite"  # in the output folder; a shard has its own: .colourise-2of8.sqlite
SAVE_EVERY = 1.0  # seconds
COLUMNS = (
    "key, source, target, size, changed, hash, how, model, result, reason, notes, seconds, "
    "made_size, made_changed, at"
)
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS photos ({COLUMNS.replace("key,", "key BLOB PRIMARY KEY,")});
PRAGMA user_version = 1;
"""

Result = Literal["planned", "coloured", "failed"]


@dataclass
class LedgerEntry:
    """What became of a photo."""

    key: bytes
    """What the photo is known by: its place in the tree, as it is below the output folder."""
    photo: str
    """Path of the photo, as text: objects would take a second for a hundred thousand rows."""
    output: str
    """Path of its coloured version."""
    stamp: Stamp
    """Of the photo when it was read."""
    settings_key: str
    """Model and options, as one text that is equal for equal ones."""
    model: str = ""
    """Name of the model."""
    result: Result = "planned"
    """"planned": not begun, or ended by a kill."""
    hash: bytes = b""
    """SHA-256 of the photo's bytes."""
    reason: str = ""
    """Why it failed."""
    notes: list[str] = field(default_factory=list)
    """What the user must hear of a coloured photo."""
    seconds: float = 0.0
    """What it took."""
    written_stamp: Stamp | None = None
    """Of the coloured version when it was written; of a planned row, what was there before."""
    at: float = 0.0
    """When, in seconds since 1970."""

    @property
    def source(self) -> Path:
        """The photo."""
        return storage.located(self.photo)

    @property
    def target(self) -> Path:
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

    def values(self) -> tuple[object, ...]:
        """As the table has it."""
        made = (self.written_stamp.size, self.written_stamp.changed) if self.written_stamp else (None, None)
        return (
            self.key,
            os.fsencode(self.photo),
            os.fsencode(self.output),
            self.stamp.size,
            self.stamp.changed,
            self.hash,
            self.settings_key,
            self.model,
            self.result,
            self.reason.encode(errors="surrogateescape"),
            json.dumps(self.notes),
            self.seconds,
            *made,
            self.at or time.time(),
        )

    @classmethod
    def of(cls, values: tuple[object, ...]) -> Self:
        """From what the table has."""
        (
            key,
            source,
            target,
            size,
            changed,
            hash_,
            settings_key,
            model,
            result,
            reason,
            notes,
            seconds,
            *rest,
        ) = values
        made_size, made_changed, at = rest
        return cls(
            key,  # type: ignore[arg-type]
            os.fsdecode(source),  # type: ignore[arg-type]
            os.fsdecode(target),  # type: ignore[arg-type]
            Stamp(size, changed),  # type: ignore[arg-type]
            settings_key,  # type: ignore[arg-type]
            model,  # type: ignore[arg-type]
            result,  # type: ignore[arg-type]
            hash_,  # type: ignore[arg-type]
            reason.decode(errors="surrogateescape"),  # type: ignore[attr-defined]
            json.loads(notes) if notes != "[]" else [],  # type: ignore[arg-type]
            seconds,  # type: ignore[arg-type]
            None if made_size is None else Stamp(made_size, made_changed),  # type: ignore[arg-type]
            at,  # type: ignore[arg-type]
        )


class Ledger:
    """The rows of one output folder.

    Args:
        folder: the output folder; made if need be.
        shard: which part of the photos, such as "2of8"; several machines then work side by side.
    Raises:
        LedgerError: the file is damaged, or cannot be written.
    """

    def __init__(self, folder: Path, shard: str = "") -> None:
        self.home = self.file = folder / NAME.format(f"-{shard}" if shard else "")
        self.saved, self.ours = time.monotonic(), not folder.exists()
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self.lock = FileLock(self.file.with_suffix(".lock"))
            self.table = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)

    @classmethod
    def peek(cls, folder: Path, shard: str = "") -> dict[bytes, LedgerEntry]:
        """The rows of a folder, of which nothing is changed: none where no run has been."""
        file = folder / NAME.format(f"-{shard}" if shard else "")
        if not file.exists():
            return {}
        with cls(folder, shard) as ledger:
            return ledger.rows()

    def __enter__(self) -> Self:
        """Open the table."""
        with self._told():
            self.table.execute("PRAGMA synchronous = FULL")
            self.table.executescript(SCHEMA)
        return self

    def __exit__(self, *error: object) -> None:
        """Make everything last, and let other runs in."""
        try:
            self.save()
            empty = not self.table.execute("SELECT 1 FROM photos LIMIT 1").fetchone()
        finally:
            self.table.close()
        if empty:  # a run that came to nothing leaves nothing
            self.file.unlink(missing_ok=True)
            Path(self.lock.lock_file).unlink(missing_ok=True)
            if self.ours:
                with suppress(OSError):  # somebody has put something in
                    self.file.parent.rmdir()
        self.lock.release()

    def hold(self, seconds: float) -> bool:
        """Keep other runs away from the folder until the end; False if another one keeps us away so long."""
        try:
            self.lock.acquire(timeout=seconds)
        except Timeout:
            return False
        except OSError as err:
            raise LedgerError(
                f"{self.file.parent}: cannot be locked ({err.strerror}); choose another folder"
            ) from err
        return True

    def rows(self) -> dict[bytes, LedgerEntry]:
        """Every row by its key."""
        return {row.key: row for row in self.among("1")}

    def __iter__(self) -> Iterator[LedgerEntry]:
        """Every row, folder by folder."""
        self.table.create_function("folder", 1, os.path.dirname, deterministic=True)
        yield from self.among("1", "folder(key), key")

    def among(self, condition: str, order: str = "key") -> Iterator[LedgerEntry]:
        """The rows of which a condition in SQL holds, sorted."""
        with self._told():
            query = f"SELECT {COLUMNS} FROM photos WHERE {condition} ORDER BY {order}"  # noqa: S608
            for values in self.table.execute(query):
                yield LedgerEntry.of(values)

    def ask(self, query: str) -> Iterator[sqlite3.Row]:
        """Yield what a query of the table gives, with its columns by name."""
        with self._told():
            cursor = self.table.cursor()
            cursor.row_factory = sqlite3.Row
            yield from cursor.execute(query)

    def write(self, rows: Iterable[LedgerEntry]) -> None:
        """Write rows, over those of the same keys; `save` makes them last."""
        with self._told():
            if not self.table.in_transaction:
                self.table.execute("BEGIN IMMEDIATE")
            places = ", ".join("?" * (COLUMNS.count(",") + 1))
            self.table.executemany(
                f"INSERT OR REPLACE INTO photos ({COLUMNS}) VALUES ({places})",  # noqa: S608
                (row.values() for row in rows),
            )
        if time.monotonic() - self.saved > SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Make what was written last, whatever happens to the machine."""
        with self._told():
            if self.table.in_transaction:
                self.table.execute("COMMIT")
        self.saved = time.monotonic()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn what goes wrong with the file into one line."""
        try:
            yield
        except (sqlite3.Error, OSError) as err:
            raise LedgerError(
                f"{self.file}: the list of what is done cannot be read or written ({err}); "
                "free some space, or move the file away to begin anew (no photo is lost)"
            ) from err
