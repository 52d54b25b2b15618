"""Reports of made-up ledgers, read as a browser reads them."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote_to_bytes

import numpy as np
from PIL import Image

from colourise.archives import ledger, report
from colourise.files.stamp import Stamp

NOON = datetime(2025, 5, 3, 12).timestamp()


@dataclass
class Entry:
    """What a report asks of a photo in the ledger."""

    source: Path
    target: Path
    result: Any = "coloured"
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    seconds: float = 1.0
    model: str = "tiny"
    size: int = 1000
    when: float = NOON


class Page(HTMLParser):
    """A page as a browser parses it: tags, and texts with the tags they are in."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[tuple[str, str]] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and data.strip():
            self.text.append((self.tags[-1][0], data.strip()))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def within(self, tag: str) -> list[str]:
        return [text for name, text in self.text if name == tag]


def write_report(file: Path, entries: Iterable[Entry], *, title: str = "Title") -> Page:
    """Write the report of a ledger that holds these photos."""
    with TemporaryDirectory() as folder, ledger.Ledger(Path(folder)) as photos:
        photos.write(row(entry) for entry in entries)
        report.write(photos, file, title=title)
    return Page(file)


def row(entry: Entry) -> ledger.LedgerEntry:
    """An entry as the ledger has it, sorted by its whole path."""
    return ledger.LedgerEntry(
        key=os.fsencode(entry.source),
        photo=str(entry.source),
        output=str(entry.target),
        stamp=Stamp(entry.size, 1),
        settings_key="",
        model=entry.model,
        result=entry.result,
        reason=entry.reason,
        notes=entry.notes,
        seconds=entry.seconds,
        at=entry.when,
    )


@cache
def picture() -> bytes:
    """A small JPEG, left half red, right half blue."""
    blocks = np.zeros((40, 60, 3), np.uint8)
    blocks[:, :30, 0] = blocks[:, 30:, 2] = 200
    file = BytesIO()
    Image.fromarray(blocks).save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


def coloured_photo(root: Path, name: str, **values: Any) -> Entry:
    """An entry, with both its files, of a name below the folders `in` and `out`."""
    entry = Entry(root / "in" / name, root / "out" / name, **values)
    for file in (entry.source, entry.target):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(picture())
    return entry


def thumbnails(file: Path) -> dict[str, int]:
    """Names and times of the thumbnails of a page."""
    return {path.name: path.stat().st_mtime_ns for path in (file.parent / f"{file.stem}_files").iterdir()}


def opened(page: Page, file: Path) -> list[Path]:
    """The files that the page's links open."""
    urls = [str(each["href"]) for each in page.of("a") if not str(each["href"]).startswith("#")]
    assert not any(re.search(r"[^\w./%~-]", url) for url in urls)
    return [Path(os.path.normpath(file.parent / os.fsdecode(unquote_to_bytes(url)))) for url in urls]
