"""An archive from the first photo to the last: held by one run, and gone on with by the next."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from colourise.archives.job import Outcome
from colourise.archives.ledger import Ledger, LedgerEntry
from colourise.archives.remote_ledger import AnyLedger, RemoteLedger
from colourise.archives.run import remove_parts
from colourise.files.storage import is_remote, stamp_of


@contextmanager
def collector_paused() -> Iterator[None]:
    """Make hundreds of thousands of objects that stay, without the collector walking over them meanwhile."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def open_ledger(
    output: Path | None, shard: tuple[int, int] | None, waits: Callable[[], None]
) -> Iterator[AnyLedger | None]:
    """The ledger of an output folder, which no other run uses meanwhile; None where there is no such folder.

    Args:
        output: the folder.
        shard: which part of the photos is meant; each has its own ledger.
        waits: called once if another run is at work there, whose end is waited for.
    """
    if output is None:
        yield None
        return
    part = "{}of{}".format(*shard) if shard else ""
    with RemoteLedger(output, part) if is_remote(output) else Ledger(output, part) as ledger:
        if not ledger.hold(0):
            waits()
            while not ledger.hold(3600):
                pass
        remove_parts(ledger.among("result = 'planned'"))
        yield ledger


def record_finished(ledger: AnyLedger, rows: Mapping[bytes, LedgerEntry], done: Iterable[Outcome]) -> None:
    """Write down as coloured what a killed run had finished without having written it down."""
    found = (rows.get(outcome.job.key) for outcome in done)
    ledger.write(
        replace(row, result="coloured", written_stamp=stamp_of(row.output), at=time.time())
        for row in found
        if row is not None and row.result == "planned"
    )
