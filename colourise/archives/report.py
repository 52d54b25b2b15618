"""Write the page of `--report`: failures first, then each photo before | after.

`write` makes `report.html` and beside it the folder `report_files`, with a small JPEG for each photo. The
page needs nothing else: no server, no network, and JavaScript only for its filter.

What to notice:
- SQLite counts, groups and sorts. Photos go from the ledger to the page one by one, so that memory does not
  grow with their number.
- File names are hostile: they contain quotes, tags, line breaks, and bytes that are not text. Everything
  that the template prints goes through `printed`, and the page's policy allows no script but its own.
"""

from __future__ import annotations

import html
import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from sqlite3 import Row
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from colourise.archives.thumbnails import link, remove_others, with_thumbnails
from colourise.files.atomic import atomic
from colourise.words import duration

if TYPE_CHECKING:
    from colourise.archives.ledger import Ledger

TEMPLATE = Path(__file__).with_name("report.html")
FEW = 20  # up to this number of failures, all of them are unfolded

TOTALS = """
SELECT
    count(*) FILTER (WHERE result = 'coloured') AS coloured,
    count(*) FILTER (WHERE result = 'failed') AS failed,
    count(*) FILTER (WHERE result NOT IN ('coloured', 'failed')) AS others,
    total(seconds) AS seconds,
    min(at) FILTER (WHERE result IN ('coloured', 'failed')) AS first,
    max(at) FILTER (WHERE result IN ('coloured', 'failed')) AS last
FROM photos
"""
MODELS = """
SELECT model, count(*) AS count
FROM (SELECT model, row_number() OVER (ORDER BY folder(key), key) AS place
      FROM photos WHERE result = 'coloured')
GROUP BY model ORDER BY count DESC, min(place)
"""
FAILURES = """
SELECT source, target, size, reason, count(*) OVER (PARTITION BY kind) AS count
FROM (SELECT *, kind(source, target, reason) AS kind, row_number() OVER (ORDER BY folder(key), key) AS place
      FROM photos WHERE result = 'failed')
ORDER BY count DESC, min(place) OVER (PARTITION BY kind), place
"""


@dataclass(frozen=True)
class Failure:
    """A photo that failed, as the page shows it."""

    kind: str
    """The reason without names of files, brackets and numbers."""
    count: int
    """Number of failures of this kind."""
    detail: str
    """The part of the reason that `kind` leaves out."""
    source: Path
    """The photo."""
    size: int
    """Size of the photo in bytes."""


def write(ledger: Ledger, file: Path, *, title: str, left_alone: Mapping[str, int] | None = None) -> None:
    """Write the page, make missing thumbnails, and remove those that are no longer used.

    If a thumbnail cannot be made, because its files are gone, the photo gets a plain tile.

    Args:
        ledger: the photos, which the page shows folder by folder.
        file: path of the page; the thumbnails of "report.html" go into "report_files". The page appears, or
            replaces an earlier one, when it is complete.
        title: heading of the page.
        left_alone: number of files by suffix that were found and are not photos to colour.
    Raises:
        OSError: the page, or its folder, cannot be written.
        LedgerError: the ledger cannot be read.
    """
    home = Path(os.path.abspath(file.parent))  # Path.absolute keeps "..", which links then repeat
    folder = home / f"{file.stem}_files"
    folder.mkdir(parents=True, exist_ok=True)
    ledger.table.create_function("folder", 1, os.path.dirname, deterministic=True)
    ledger.table.create_function("kind", 3, kind_as_bytes, deterministic=True)
    used: set[str] = set()

    def photos() -> Iterator[object]:
        coloured = ledger.among("result = 'coloured'", "folder(key), key")
        for row, thumbnail in with_thumbnails(coloured, home, folder):
            if thumbnail:
                used.add(thumbnail.name)
            yield row, thumbnail

    (totals,) = ledger.ask(TOTALS)
    failures = map(failure, ledger.ask(FAILURES))
    page = template().stream(
        title=title,
        totals=totals,
        models=list(ledger.ask(MODELS)),
        days=days(totals["first"], totals["last"]),
        left_alone=left_alone or {},
        few=FEW,
        kinds=groupby(failures, lambda one: (one.kind, one.count)),
        folders=groupby(photos(), lambda one: one[0].source.parent),
        thumbnails=link(folder, home),
        link=partial(link, home=home),
    )
    with atomic(home / file.name) as part:
        page.dump(part, encoding="utf-8")
    remove_others(folder, used)


def template() -> Template:
    """Return the template of the page."""
    text = TEMPLATE.read_text(encoding="utf-8")
    script = text.partition("<script>")[2].partition("</script>")[0]
    environment = Environment(
        autoescape=True,
        finalize=printed,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"number": "{:,}".format, "duration": duration, "bytes": bytes_of}
    environment.globals |= {
        "above_and_name": above_and_name,
        "script_hash": "sha256-" + b64encode(sha256(script.encode()).digest()).decode(),
    }
    return environment.from_string(text)


# Failures


def failure(row: Row) -> Failure:
    """Return a row of FAILURES as the page shows it."""
    source, target, reason = (os.fsdecode(row[name]) for name in ("source", "target", "reason"))
    kind, detail = kind_and_detail(source, target, reason)
    return Failure(kind, row["count"], detail, Path(source), row["size"])


def kind_as_bytes(*values: bytes) -> bytes:
    """Return the kind of a failure as bytes, because SQLite accepts no text that is not valid Unicode."""
    return os.fsencode(kind_and_detail(*map(os.fsdecode, values))[0])


def kind_and_detail(source: str, target: str, reason: str) -> tuple[str, str]:
    """Return the kind of a failure, which others share, and the detail that it leaves out.

    Reasons in the ledger are texts, mostly "FILE: REASON; ADVICE". The kind is the text without the name of
    the file, parts in brackets, and numbers.
    """
    text = reason.removeprefix(f"{source}: ")
    words = text.removeprefix(f"{target}: ").removeprefix(f"{Path(target).parent}: ")
    other_file = text.removesuffix(words)
    kind = re.sub(r"\d+(\.\d+)?", "…", re.sub(r" \([^()]*\)", "", words)) or "no reason is known"
    return kind, other_file + words.partition("; ")[0] if kind != text else ""


# Text


def printed(value: object) -> Markup:
    """Return a value as HTML on one line: control characters as symbols, what is no text as U+FFFD."""
    if isinstance(value, Markup):
        return value
    text = re.sub("[\x00-\x1f]", lambda control: chr(0x2400 + ord(control[0])), str(value))
    text = re.sub("[\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]", "\ufffd", text)
    return Markup(html.escape(text))  # noqa: S704  # escaped here


def above_and_name(path: Path) -> tuple[str, str]:
    """Return the path above a file or folder, and its own name."""
    above, separator, name = str(path).rpartition(os.sep)
    return above + separator, name


def days(*moments: float | None) -> list[date]:
    """Return the days of some moments, in local time, each day once."""
    return list(dict.fromkeys(date.fromtimestamp(moment) for moment in moments if moment is not None))


def bytes_of(size: int) -> str:
    """Return a size for people to read: 13 kB; Jinja's and Rich's own would be 13.0 kB."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1e3:.0f} kB" if size < 999_500 else f"{size / 1e6:.1f} MB"
