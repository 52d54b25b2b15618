"""The ledger of a remote output folder: a local copy, which is uploaded every minute.

Photos that a killed run coloured in its last minute are planned in it; the next run finds them (ledger.py).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

from colourise.archives.ledger import Ledger, LedgerEntry, ledger_name
from colourise.archives.remote_lock import RemoteLock
from colourise.errors import LedgerError, PhotoError
from colourise.files import storage

if TYPE_CHECKING:
    from upath import UPath

COPY_EVERY = 60.0  # seconds


class RemoteLedger:
    """A ledger whose file and lock are in a store, with the methods of `Ledger`.

    Args:
        folder: the output folder.
        shard: the part of the photos that this run colours, such as "2of8".
    """

    local: Ledger
    """The copy on this machine, once the folder is held."""

    def __init__(self, folder: UPath, shard: str = "") -> None:
        self.shard, self.home = shard, folder / ledger_name(shard)
        self.lock = RemoteLock(self.home.with_suffix(".lock"))
        self.copied = -math.inf
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        """Make a folder for the copy; `hold` fetches it."""
        self.scratch = Path(self.stack.enter_context(TemporaryDirectory(prefix="colourise-")))
        self.stack.callback(self.lock.release)
        return self

    def __exit__(self, *error: object) -> None:
        """Save everything, and let other runs in."""
        self.stack.close()

    def hold(self, seconds: float) -> bool:
        """Keep other runs away until the end; return False if another run does not end within `seconds`.

        The table is fetched only then, because another run changes it until it ends.

        Raises:
            LedgerError: the folder cannot be reached, or the table is damaged.
        """
        with self._answers():
            if not self.lock.take(seconds):
                return False
            if storage.status(self.home) is not None:
                storage.fetch(self.home, self.scratch / self.home.name)
        try:
            self.local = Ledger(self.scratch, self.shard).__enter__()
        except LedgerError as err:
            raise err.about(self.home) from err
        self.stack.callback(self._copy_last)
        self.stack.push(self.local)
        return True

    def rows(self) -> dict[bytes, LedgerEntry]:
        """Return every row by its key."""
        return self.local.rows()

    def __iter__(self) -> Iterator[LedgerEntry]:
        """Yield every row, folder by folder."""
        return iter(self.local)

    def among(self, condition: str) -> Iterator[LedgerEntry]:
        """Yield the rows for which a condition in SQL holds, sorted."""
        return self.local.among(condition)

    def write(self, rows: Iterable[LedgerEntry]) -> None:
        """Write rows, replacing those with the same keys; `save` makes them permanent.

        Raises:
            LedgerError: another run may have taken over the folder.
        """
        with self._answers():
            self.lock.check()
        self.local.write(rows)
        self._copy_in_time()

    def save(self) -> None:
        """Make written rows permanent on this machine, and every minute in the store."""
        self.local.save()
        self._copy_in_time()

    def _copy_in_time(self) -> None:
        if time.monotonic() - self.copied > COPY_EVERY:
            self.local.save()
            self._copy()

    def _copy(self) -> None:
        """Upload the table, if the folder is still ours."""
        with self._answers():
            self.lock.renew()
            storage.put(self.local.file, self.home, overwrite=True)
        self.copied = time.monotonic()

    def _copy_last(self) -> None:
        if self.lock.lost is not None:
            return
        if self.local.file.exists():
            self._copy()
        elif self.copied > -math.inf:  # a run without photos leaves nothing behind
            with self._answers(), suppress(FileNotFoundError):
                self.home.unlink()

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Turn errors of the store into one line."""
        try:
            yield
        except LedgerError:
            raise
        except PhotoError as err:
            raise LedgerError(err.reason, path=err.path, advice=err.advice) from err
        except Exception as err:
            told = storage.unreachable(self.home, err)
            raise LedgerError(told.reason, path=told.path, advice=told.advice) from err


AnyLedger = Ledger | RemoteLedger
