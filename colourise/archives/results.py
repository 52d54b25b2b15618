"""Write what became of every photo as CSV, for a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from colourise.archives.ledger import LedgerEntry
from colourise.errors import PhotoError
from colourise.files.atomic import atomic
from colourise.files.containment import is_link

COLUMNS = ("source", "target", "result", "reason", "notes", "seconds", "model", "ended")
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would compute, first in a cell


def check(file: Path) -> None:
    """Refuse a file that is there and is not one of our lists.

    Raises:
        PhotoError: it is a link or something else.
    """
    if is_link(file):
        raise PhotoError("is a link, through which no list is written", path=file, advice="name another file")
    if not file.exists():
        return
    try:
        with file.open("rb") as there:
            head = there.readline(1000)
    except OSError as err:
        raise PhotoError(f"cannot be read ({err.strerror})", path=file, advice="name another file") from err
    if head.decode("utf-8-sig", "replace").strip() != ",".join(COLUMNS):
        raise PhotoError("is there already, and is no list of ours", path=file, advice="name another file")


def write(entries: Iterable[LedgerEntry], file: Path) -> None:
    """Write a line for each photo: UTF-8 with a mark that spreadsheets know it by.

    Bytes of names that are no text become escapes, such as \\udcf6.

    Args:
        entries: the photos.
        file: the list, which appears, or replaces an earlier one, when it is complete.
    Raises:
        PhotoError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic(file) as part:
            text = io.TextIOWrapper(part, "utf-8-sig", errors="backslashreplace", newline="")
            table = csv.writer(text)
            table.writerow(COLUMNS)
            table.writerows(map(row, entries))
            text.flush()
            text.detach()
    except OSError as err:
        raise PhotoError(
            f"cannot be written ({err.strerror})", path=file, advice="name another file"
        ) from err


def row(entry: LedgerEntry) -> list[str]:
    """Return a photo's values, in the order of COLUMNS."""
    ended = "" if entry.result == "planned" else f"{datetime.fromtimestamp(entry.at):%Y-%m-%dT%H:%M:%S}"
    return [
        harmless(entry.photo),
        harmless(entry.output),
        "not done" if entry.result == "planned" else entry.result,
        harmless(entry.reason),
        harmless("; ".join(entry.notes)),
        f"{entry.seconds:.3f}",
        entry.model,
        ended,
    ]


def harmless(text: str) -> str:
    """Return what a spreadsheet takes for text; it begins with a path, and ./=a.jpg is the same as =a.jpg."""
    return os.path.join(os.curdir, text) if text.startswith(FORMULA) else text
