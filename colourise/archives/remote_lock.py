"""A lock in a store, which one run at a time holds, and which outlives no run for long.

A store has no locks of its own; all that is asked of it is that what was written is what is read. The lock is
a small file with the id of the run that holds it and a number, which a thread counts up while the run lives.
Who waits looks at it, and takes a run for dead when its file has not changed for `STALE` seconds by the
waiter's own clock; clocks of two machines are never compared.

What to notice: a dead run's lock is neither removed nor written over by those who wait, because between
looking and removing, another one may have done the same and be at work. Instead there is one file that can
succeed it, whose name comes from the dead run's id: one waiter creates it, and then looks whether the dead
run has moved after all. A run that was only asleep counts its own file up, and then looks whether it has a
successor. Each writes first and looks afterwards, so at least one of the two sees the other, and gives up.
The holder removes all these files at the end. Where a store cannot create a file only if there is none, two
may both seem to have created it; so each looks a while later whose it is.
"""

from __future__ import annotations

import secrets
import threading
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from colourise.errors import LedgerError
from colourise.files.storage import OBJECT_STORES, reach

STALE = 300.0  # seconds without a change after which a run is taken for dead
RENEW_EVERY = 30.0  # seconds
SETTLE = 1.0  # seconds after which it is seen who has created a file
POLL = 1.0  # seconds between two looks at another run's lock


class RemoteLock:
    """A lock that is a file in a store.

    Args:
        file: the file, in a folder that the lock is about.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.id = secrets.token_hex(8).encode()
        self.count = 0
        self.own: Path | None = None  # the file that we hold
        self.before: list[tuple[Path, bytes]] = []  # those of dead runs that it succeeds
        self.lost: LedgerError | None = None
        self.renewed = 0.0  # when we were last known to hold it, by time.monotonic
        self.seen, self.since = b"", 0.0  # another run's lock, and since when it has not changed
        self.one_at_a_time = threading.Lock()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._keep, name="lock", daemon=True)

    def take(self, seconds: float) -> bool:
        """Take the lock; return False if another run holds it for so long."""
        end = time.monotonic() + seconds
        while not self._try():
            if time.monotonic() >= end:
                return False
            time.sleep(POLL)
        self.thread.start()
        return True

    def check(self) -> None:
        """Make sure that no other run can have the lock.

        Raises:
            LedgerError: another run has taken it over, or the store has not answered for nearly as long as
                another run would wait.
        """
        if self.own is not None and time.monotonic() - self.renewed > STALE * 0.8:
            self.renew()
        if self.lost is not None:
            raise self.lost

    def renew(self) -> None:
        """Show that this run lives, and look whether another one has given it up.

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
                ours = self._ours()  # once more: who has looked before that has seen no change
            if not ours:
                self.lost = LedgerError(
                    "another run has begun here, because this one had stopped answering",
                    path=self.file.parent,
                    advice="run the same command again to go on",
                )
                raise self.lost
            self.renewed = begun

    def release(self) -> None:
        """Let other runs in; what cannot be removed no longer counts after `STALE` seconds."""
        self.ended.set()
        if self.own is None:
            return
        self.thread.join(RENEW_EVERY)
        with self.one_at_a_time, suppress(Exception):
            if self.lost is None and self._ours():
                for file in [*(file for file, _ in self.before), self.own]:  # the first one lets others in
                    _remove(file)
        self.own = None

    @property
    def _content(self) -> bytes:
        return b"%s %d" % (self.id, self.count)

    def _keep(self) -> None:
        """Renew the lock now and then, until it is released or lost."""
        while not self.ended.wait(RENEW_EVERY):
            with suppress(Exception):  # `check` tells, once it has lasted too long
                self.renew()
            if self.lost is not None:
                return

    def _try(self) -> bool:
        """Take the lock if nobody has it, or if who has it is dead."""
        chain = self._chain()
        if not chain:
            return self._enter(self.file, chain)
        _, content = chain[-1]
        now = time.monotonic()
        if content != self.seen:
            self.seen, self.since = content, now
        return now - self.since >= STALE and self._enter(self._successor(content), chain)

    def _enter(self, file: Path, before: list[tuple[Path, bytes]]) -> bool:
        """Create our file after those of dead runs; withdraw it if that was in vain."""
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

    def _chain(self) -> list[tuple[Path, bytes]]:
        """Return the lock, and the files that succeed it, each with its content; the last one counts."""
        chain: list[tuple[Path, bytes]] = []
        file = self.file
        while (content := self._read(file)) is not None:
            chain.append((file, content))
            file = self._successor(content)
        return chain

    def _ours(self) -> bool:
        """Look whether every file from the lock to ours is still its run's, and none comes after ours."""
        files = [*self.before, *([] if self.own is None else [(self.own, self._content)])]
        return [(file, _owner(content)) for file, content in self._chain()] == [
            (file, _owner(content)) for file, content in files
        ]

    def _successor(self, content: bytes) -> Path:
        """Return the one file that may succeed a lock."""
        return self.file.with_name(f"{self.file.stem}.{sha256(_owner(content)).hexdigest()[:16]}.lock")

    def _read(self, file: Path) -> bytes | None:
        """Return what a file has in it; None if it is not there."""
        try:
            fs, path = reach(file)
            return bytes(fs.cat_file(path))  # which, unlike a listing, is never remembered
        except FileNotFoundError:
            return None

    def _put(self, file: Path) -> None:
        fs, path = reach(file)
        fs.pipe_file(path, self._content)

    def _create(self, file: Path) -> bool:
        """Create our file, if there is none."""
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


def _remove(file: Path) -> None:
    fs, path = reach(file)
    fs.rm_file(path)


def _owner(content: bytes) -> bytes:
    """Return the id in a lock; locks of old versions, which have the time in them, are one whole."""
    return content.partition(b" ")[0]
