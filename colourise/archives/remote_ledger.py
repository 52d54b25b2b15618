"""The ledger of an output folder that is on no disk."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from colourise.archives.ledger import Ledger
from colourise.errors import LedgerError, PhotoError
from colourise.files import storage

COPY_EVERY = 60.0  # seconds between copies to a folder that is on no disk
STALE = 300.0  # seconds after which a run there that no longer tells of itself is dead


class RemoteLedger(Ledger):
    """The rows of an output folder that is on no disk: a copy, put there at the start and every minute.

    What a killed run coloured in its last minute is planned there, and found (see above).

    Args:
        folder: the output folder.
        shard: which part of the photos, as above.
    Raises:
        LedgerError: the folder cannot be reached, or the file is damaged.
    """

    def __init__(self, folder: Path, shard: str = "") -> None:
        self.scratch = TemporaryDirectory(prefix="colourise-")
        super().__init__(Path(self.scratch.name), shard)
        self.home = folder / self.file.name
        self.held, self.copied = False, -math.inf

    def __enter__(self) -> Self:
        """Fetch the table, if there is one, and open it."""
        try:
            with self._answers():
                if storage.status(self.home) is not None:
                    self.table.close()
                    storage.fetch(self.home, self.file)
                    self.table = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
            return super().__enter__()
        except LedgerError:
            self.table.close()
            self.scratch.cleanup()
            raise

    def __exit__(self, *error: object) -> None:
        """Make everything last, and let other runs in."""
        self.copied = math.inf
        try:
            super().__exit__(*error)
            with self._answers():
                if self.held and self.file.exists():
                    storage.put(self.file, self.home, overwrite=True)
        finally:
            if self.held:
                with suppress(Exception):  # after five minutes it no longer counts
                    self._lock.unlink()
            self.scratch.cleanup()

    def hold(self, seconds: float) -> bool:
        """Keep other runs away: by a file beside the table, which tells every minute that it is meant."""
        end = time.monotonic() + seconds
        with self._answers():
            while not self._create_lock():
                if time.monotonic() >= end:
                    return False
                time.sleep(1)
        self.held = True
        return True

    def save(self) -> None:
        """Make what was written last on this machine, and every minute in the folder."""
        super().save()
        if self.held and time.monotonic() - self.copied > COPY_EVERY:
            with self._answers():
                storage.put(self.file, self.home, overwrite=True)
                self._lock.write_text(str(time.time()))
            self.copied = time.monotonic()

    @property
    def _lock(self) -> Path:
        return self.home.with_suffix(".lock")

    def _create_lock(self) -> bool:
        """Make the lock if there is none, or one whose run is long dead."""
        fs: Any = self.home.fs  # type: ignore[attr-defined]
        path: str = self._lock.path  # type: ignore[attr-defined]
        with suppress(FileNotFoundError, ValueError):
            if time.time() - float(fs.cat_file(path)) > STALE:
                fs.rm_file(path)
        try:
            fs.pipe_file(path, str(time.time()).encode(), mode="create")
        except FileExistsError:
            return False
        return True

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Turn what goes wrong with the store into one line."""
        try:
            yield
        except PhotoError as err:
            raise LedgerError(str(err)) from err
        except Exception as err:
            raise LedgerError(str(storage.unreachable(self.home, err))) from err
