"""Write the page of `--report`: failures first, then other photos without colours, films, and each coloured
photo before | after.

`write` makes `report.html` and beside it the folder `report_files`, with a small JPEG for each photo. The
page needs nothing else: no server, no network, and JavaScript only to filter and to enlarge. A photo is
enlarged from its own two files, where the browser can show them, and from its small JPEG otherwise.

What to notice:
- SQLite counts, groups and sorts. Photos go from the ledger to the page one by one, so that memory does not
  grow with their number.
- File names are hostile: they contain quotes, tags, line breaks, and bytes that are not text. Everything
  that the template prints goes through `printed`, and the page's policy allows no script but its own.
- The page knows states by name alone, and shows any that the ledger has.
"""

from __future__ import annotations

import html
import os
import re
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from sqlite3 import Row
from typing import TYPE_CHECKING, Protocol

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from colourise.archives.thumbnails import link, remove_others, with_thumbnails
from colourise.files.atomic import atomic
from colourise.words import duration

if TYPE_CHECKING:
    from colourise.archives.ledger import Ledger

TEMPLATE = Path(__file__).with_name("report.html")
FEW = 20  # up to this number of failures, all of them are unfolded
STATES = {"planned": "not done", "left": "not done", "skipped": "there already"}  # others are words already

TOTALS = """
SELECT
    total(seconds) AS seconds,
    min(at) FILTER (WHERE result IN ('coloured', 'failed')) AS first,
    max(at) FILTER (WHERE result IN ('coloured', 'failed')) AS last
FROM photos
"""
COUNTS = "SELECT result, count(*) AS count FROM photos GROUP BY result ORDER BY result = 'planned', result"
MODELS = """
SELECT model, count(*) AS count
FROM (SELECT model, row_number() OVER (ORDER BY folder(key), key) AS place
      FROM photos WHERE result = 'coloured')
GROUP BY model ORDER BY count DESC, min(place)
"""
UNCOLOURED = """
SELECT source, target, size, result, reason, count(*) OVER (PARTITION BY result, kind) AS count
FROM (SELECT *, kind(source, target, reason) AS kind, row_number() OVER (ORDER BY folder(key), key) AS place
      FROM photos WHERE result <> 'coloured')
ORDER BY result <> 'failed', result = 'planned', result,
         count DESC, min(place) OVER (PARTITION BY result, kind), place
"""


class ReportedFilm(Protocol):
    """A film, as the page shows it."""

    @property
    def source(self) -> Path:
        """The film."""

    @property
    def target(self) -> Path:
        """Its coloured version."""

    @property
    def result(self) -> str:
        """What became of it, such as "coloured"."""

    @property
    def reason(self) -> str:
        """Why it failed, or nothing."""


@dataclass(frozen=True)
class Uncoloured:
    """A photo that was not coloured, as the page shows it."""

    state: str
    """What became of it, such as "failed"."""
    kind: str
    """The reason without names of files, brackets and numbers."""
    count: int
    """Number of photos of this state and kind."""
    detail: str
    """The part of the reason that `kind` leaves out."""
    source: Path
    """The photo."""
    size: int
    """Size of the photo in bytes."""


def write(
    ledger: Ledger,
    file: Path,
    *,
    title: str,
    films: Sequence[ReportedFilm] = (),
    left_alone: Iterable[str] = (),
) -> None:
    """Write the page, make missing thumbnails, and remove those that are no longer used.

    If a thumbnail cannot be made, because its files are gone, the photo gets a plain tile.

    Args:
        ledger: the photos, which the page shows folder by folder.
        file: path of the page; the thumbnails of "report.html" go into "report_files". The page appears, or
            replaces an earlier one, when it is complete.
        title: heading of the page.
        films: films among the photos, coloured or not.
        left_alone: paths of files that were found and are not photos to colour.
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
    counts = {"coloured": 0, "failed": 0} | {row["result"]: row["count"] for row in ledger.ask(COUNTS)}
    uncoloured = map(without_colours, ledger.ask(UNCOLOURED))
    page = template().stream(
        title=title,
        totals=totals,
        models=list(ledger.ask(MODELS)),
        days=days(totals["first"], totals["last"]),
        counts={in_words(result): count for result, count in counts.items()},
        films=sorted(films, key=lambda film: (film.result != "failed", film.source)),
        film_counts=Counter(in_words(film.result) for film in films),
        left_alone=by_suffix(left_alone),
        few=FEW,
        states=groupby(uncoloured, lambda one: one.state),
        kinds=partial(groupby, key=lambda one: (one.kind, one.count)),
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
        "in_words": in_words,
        "script_hash": "sha256-" + b64encode(sha256(script.encode()).digest()).decode(),
    }
    return environment.from_string(text)


# Photos without colours


def without_colours(row: Row) -> Uncoloured:
    """Return a row of UNCOLOURED as the page shows it."""
    source, target, reason = (os.fsdecode(row[name]) for name in ("source", "target", "reason"))
    kind, detail = kind_and_detail(source, target, reason)
    if not kind:
        kind = "no reason is known" if row["result"] == "failed" else "not begun, or stopped before its end"
    return Uncoloured(in_words(row["result"]), kind, row["count"], detail, Path(source), row["size"])


def in_words(result: str) -> str:
    """Return a state in words, as the page shows it."""
    return STATES.get(result, result)


def by_suffix(files: Iterable[str]) -> list[tuple[str, list[Path]]]:
    """Return files by their suffix in lower case, sorted, the most frequent suffix first."""
    groups: dict[str, list[Path]] = {}
    for file in sorted(files):
        groups.setdefault(os.path.splitext(file)[1].lower(), []).append(Path(file))
    return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))


def kind_as_bytes(*values: bytes) -> bytes:
    """Return the kind of a reason as bytes, because SQLite accepts no text that is not valid Unicode."""
    return os.fsencode(kind_and_detail(*map(os.fsdecode, values))[0])


def kind_and_detail(source: str, target: str, reason: str) -> tuple[str, str]:
    """Return the kind of a reason, which others share, and the detail that it leaves out.

    Reasons in the ledger are texts, mostly "FILE: REASON; ADVICE". The kind is the text without the name of
    the file, parts in brackets, and numbers.
    """
    text = reason.removeprefix(f"{source}: ")
    words = text.removeprefix(f"{target}: ").removeprefix(f"{Path(target).parent}: ")
    other_file = text.removesuffix(words)
    kind = re.sub(r"\d+(\.\d+)?", "…", re.sub(r" \([^()]*\)", "", words))
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
