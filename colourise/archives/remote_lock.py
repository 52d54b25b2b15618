"""A lock in a store, which one run at a time can hold, and which a dead run does not hold for long.

A store has no locks of its own; all that is needed is that a read returns what was last written. The lock is
a small file with the id of the run that holds it and a number that a thread counts up while the run lives. A
run that waits considers the holder dead when the file has not changed for `STALE` seconds on the waiter's
own clock; clocks of two machines are never compared.

What to notice: waiting runs neither remove nor overwrite a dead run's file, because between looking and
removing, another run may have done so and be at work. Instead, each file has one possible successor, whose
name is derived from the dead run's id: one waiting run creates it, and then looks whether the dead run has
moved after all. A run that was merely asleep counts up its own file, and then looks whether it has a
successor. Both write first and look afterwards, so at least one of the two notices the other and gives up.
The holder removes all these files at the end. Some stores cannot create a file only if there is none; two
runs may both seem to have created it there, so each looks a while later whose it is.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING

from colourise.errors import LedgerError
from colourise.files.storage import OBJECT_STORES, reach

if TYPE_CHECKING:
    from upath import UPath

STALE = 300.0  # seconds without a change after which a run is considered dead
RENEW_EVERY = 30.0  # seconds
SETTLE = 1.0  # seconds from creating a file to looking whose it is
POLL = 1.0  # seconds between looks at another run's lock


class RemoteLock:
    """A lock that is a file in a store.

    Args:
        file: the file, in the folder that it protects.
    """

    def __init__(self, file: UPath) -> None:
        self.file = file
        self.id = secrets.token_hex(8).encode()
        self.count = 0
        self.own: UPath | None = None  # the file that we hold
        self.before: list[tuple[UPath, bytes]] = []  # the files of dead runs that ours succeeds
        self.lost: LedgerError | None = None
        self.renewed = 0.0  # when we were last sure to hold it, by time.monotonic
        self.seen, self.since = b"", 0.0  # another run's lock, and since when it is unchanged
        self.one_at_a_time = threading.Lock()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._keep, name="lock", daemon=True)

    def take(self, seconds: float) -> bool:
        """Take the lock; return False if another run does not release it within `seconds`."""
        end = time.monotonic() + seconds
        while not self._try():
            if time.monotonic() >= end:
                return False
            time.sleep(POLL)
        self.thread.start()
        return True

    def check(self) -> None:
        """Make sure that no other run can hold the lock.

        Raises:
            LedgerError: another run has taken it over.
            Exception: the store has not answered for nearly as long as another run would wait.
        """
        if self.own is not None and time.monotonic() - self.renewed > STALE * 0.8:
            self.renew()
        if self.lost is not None:
            raise self.lost

    def renew(self) -> None:
        """Show that this run lives, and look whether another one considers it dead.

        Raises:
            LedgerError: another run has taken the lock over.
        """
        with self.one_at_a_time:
            if self.own is None:
                return
            if self.lost is not None:
                raise self.lost
            begun = time.monotonic()
            ours = self._ours()
            if ours:
                self.count += 1
                self._put(self.own)
                ours = self._ours()  # again: a run that looked before the change may have taken over
            if not ours:
                self.lost = LedgerError(
                    "another run has begun here, because this one had stopped answering",
                    path=self.file.parent,
                    advice="run the same command again to go on",
                )
                raise self.lost
            self.renewed = begun

    def release(self) -> None:
        """Let other runs in; files that cannot be removed count for `STALE` seconds more."""
        self.ended.set()
        if self.own is None:
            return
        self.thread.join(RENEW_EVERY)
        with self.one_at_a_time, suppress(Exception):
            if self.lost is None and self._ours():
                for file in [
                    *(file for file, _ in self.before),
                    self.own,
                ]:  # removing the first lets others in
                    _remove(file)
        self.own = None

    @property
    def _content(self) -> bytes:
        return b"%s %d" % (self.id, self.count)

    def _keep(self) -> None:
        """Renew the lock at intervals, until it is released or lost."""
        while not self.ended.wait(RENEW_EVERY):
            with suppress(Exception):  # `check` raises if it lasts too long
                self.renew()
            if self.lost is not None:
                return

    def _try(self) -> bool:
        """Take the lock if it is free, or if its holder is dead."""
        chain = self._chain()
        if not chain:
            return self._enter(self.file, chain)
        _, content = chain[-1]
        now = time.monotonic()
        if content != self.seen:
            self.seen, self.since = content, now
        return now - self.since >= STALE and self._enter(self._successor(content), chain)

    def _enter(self, file: UPath, before: list[tuple[UPath, bytes]]) -> bool:
        """Create our file as the successor of dead runs' files; remove it again if one of them is alive."""
        begun = time.monotonic()
        if not self._create(file):
            return False
        time.sleep(SETTLE)
        if self._chain() == [*before, (file, self._content)]:
            self.own, self.before, self.renewed = file, before, begun
            return True
        if self._read(file) == self._content:
            with suppress(FileNotFoundError):
                _remove(file)
        return False

    def _chain(self) -> list[tuple[UPath, bytes]]:
        """Return the lock and its successors, each with its content; the last one counts."""
        chain: list[tuple[UPath, bytes]] = []
        file = self.file
        while (content := self._read(file)) is not None:
            chain.append((file, content))
            file = self._successor(content)
        return chain

    def _ours(self) -> bool:
        """Tell whether the files up to ours still belong to the same runs, and ours has no successor."""
        files = [*self.before, *([] if self.own is None else [(self.own, self._content)])]
        return [(file, _owner(content)) for file, content in self._chain()] == [
            (file, _owner(content)) for file, content in files
        ]

    def _successor(self, content: bytes) -> UPath:
        """Return the one possible successor of a file."""
        return self.file.with_name(f"{self.file.stem}.{sha256(_owner(content)).hexdigest()[:16]}.lock")

    def _read(self, file: UPath) -> bytes | None:
        """Return the content of a file; None if it does not exist."""
        try:
            fs, path = reach(file)
            return bytes(fs.cat_file(path))  # never cached, unlike listings
        except FileNotFoundError:
            return None

    def _put(self, file: UPath) -> None:
        fs, path = reach(file)
        fs.pipe_file(path, self._content)

    def _create(self, file: UPath) -> bool:
        """Create our file; return False if it exists."""
        fs, path = reach(file)
        try:
            if str(file).partition("://")[0] in OBJECT_STORES:
                fs.pipe_file(path, self._content, mode="create")
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                with fs.open(path, "xb") as new:
                    new.write(self._content)
        except FileExistsError:
            return False
        return True


def _remove(file: UPath) -> None:
    fs, path = reach(file)
    fs.rm_file(path)


def _owner(content: bytes) -> bytes:
    """Return the id in a lock; locks of old versions consist of a time, which serves as the id."""
    return content.partition(b" ")[0]
