"""Watched folders: tells when photos have arrived that are no longer being written to."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import watchfiles

from colourise.files.names import EXTENSIONS, READ_ONLY, is_ours
from colourise.files.stamp import Stamp

QUIET = 2.0  # seconds in which a file must not change to count as finished


def arrivals(folders: Sequence[Path], output: Path | None) -> Iterator[set[Path]]:
    """Wait for photos to arrive, until Ctrl-C.

    Args:
        folders: folders to watch, with everything below.
        output: a folder inside of them that is not watched.
    Yields:
        Whenever photos have been written completely: the set of those that are still being written.
    """
    writing: dict[Path, tuple[Stamp | None, float]] = {}  # its last stamp, and since when
    changes = watchfiles.watch(
        *folders, watch_filter=Photos(output), rust_timeout=500, yield_on_timeout=True, raise_interrupt=True
    )
    for changed in changes:
        now = time.monotonic()
        for path in {Path(name) for _, name in changed} | writing.keys():
            stamp, before = Stamp.of(path), writing.get(path)
            if before is None or before[0] != stamp:
                writing[path] = stamp, now
        finished = {path for path, (_, since) in writing.items() if now - since > QUIET}
        for path in finished:
            del writing[path]
        if finished:
            yield set(writing)


class Photos(watchfiles.DefaultFilter):
    """Lets changes of photos through, except our own outputs.

    Args:
        output: a folder whose changes do not count.
    """

    def __init__(self, output: Path | None) -> None:
        super().__init__()
        self.output = output.resolve() if output else None

    def __call__(self, change: watchfiles.Change, path: str) -> bool:
        """Whether this change counts."""
        file = Path(path)
        if change == watchfiles.Change.deleted or file.name.startswith(".") or is_ours(file):
            return False
        if self.output is not None and self.output in file.parents:
            return False
        return file.suffix.lower() in EXTENSIONS | READ_ONLY and super().__call__(change, path)
