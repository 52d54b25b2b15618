"""The page of `--report`: what became of each photo, before | after, failures first, for a person to skim.

`write` makes `report.html` and, beside it, the folder `report_files` with one small JPEG a photo. The page
needs nothing else: no server, no network, and JavaScript only to filter.

What to notice:
- Rows pass through once and are not kept. Tiles and failures go to temporary files, because what comes first
  on the page, the totals, is known last.
- File names are hostile: they hold quotes, tags, line breaks, and bytes that are no text. Whatever comes from
  a row goes through `escaped` or `link`, and the page's policy runs no script but its own.
"""

from __future__ import annotations

import html
import os
import re
import shutil
from array import array
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from threading import get_ident
from typing import BinaryIO
from urllib.parse import quote_from_bytes

from colourise.archives.thumbnails import THUMBNAIL, Row, Thumbnail, link, with_thumbnails

FEW = 20  # failures up to which they all lie open


@dataclass
class Totals:
    """What the top of the page tells of all rows."""

    results: Counter[str] = field(default_factory=Counter)
    """How many were coloured, failed, and anything else."""
    seconds: float = 0.0
    """Time that all took together."""
    models: Counter[str] = field(default_factory=Counter)
    """What coloured how many."""
    first: float = float("inf")
    """When the first was done."""
    last: float = float("-inf")
    """When the last was done."""

    def add(self, row: Row) -> None:
        """Count a row."""
        self.results[row.result] += 1
        self.seconds += row.seconds
        if row.result == "coloured":
            self.models[row.model] += 1
        if row.result in ("coloured", "failed"):
            self.first, self.last = min(self.first, row.when), max(self.last, row.when)


def write(rows: Iterable[Row], file: Path, *, title: str, advance: Callable[[], None] = lambda: None) -> None:
    """Write the page, and the thumbnails that are missing; remove those that it no longer shows.

    A thumbnail that cannot be made, because its files are gone, leaves a plain tile.

    Args:
        rows: in the order of the page; a heading is written wherever the folder changes. They are taken as
            they are needed, a few ahead of the page, and not kept.
        file: the page; "report.html" has its thumbnails in "report_files". It appears, or takes the place of
            an earlier one, when it is whole.
        title: the page's heading.
        advance: called after every row.
    Raises:
        OSError: the page, or its folder, cannot be written.
    """
    home = Path(os.path.abspath(file.parent))  # Path.absolute keeps "..", which links then repeat
    folder = home / f"{file.stem}_files"
    folder.mkdir(parents=True, exist_ok=True)
    totals, used = Totals(), set[str]()
    with TemporaryFile() as tiles, TemporaryFile() as table:
        failures: dict[str, array[int]] = {}  # kind of reason -> where its rows begin in the table
        above = None
        for row, thumbnail in with_thumbnails(rows, home, folder):
            totals.add(row)
            if row.result == "failed":
                kind, line = failure(row, home)
                failures.setdefault(kind, array("Q")).append(table.tell())
                table.write(line.encode())
            elif row.result == "coloured":
                if row.source.parent != above:
                    tiles.write(heading(row.source.parent, first=above is None).encode())
                    above = row.source.parent
                tiles.write(tile(row, thumbnail, home, folder.name).encode())
                if thumbnail:
                    used.add(thumbnail.name)
            advance()
        tiles.write(b"" if above is None else b"</ul></section>\n")

        def put(name: str, page: BinaryIO) -> None:
            if name == "failures":
                put_failures(failures, table, page)
            elif name == "tiles":
                tiles.seek(0)
                shutil.copyfileobj(tiles, page)
            elif name == "title":
                page.write(escaped(title).encode())
            elif name == "summary":
                page.write(summary(totals).encode())

        put_page(put, home / file.name)
    for path in folder.iterdir():
        if path.name not in used and THUMBNAIL.fullmatch(path.name):
            path.unlink(missing_ok=True)


def put_page(put: Callable[[str, BinaryIO], None], file: Path) -> None:
    """Fill the template: `put` is called for each {{name}} in it, and what it writes is not looked at."""
    template = Path(__file__).with_name("report.html").read_text(encoding="utf-8")
    script = template.partition("<script>")[2].partition("</script>")[0]
    part = file.with_name(f".{file.name}.{get_ident()}.part")
    try:
        with part.open("wb") as page:
            for number, piece in enumerate(re.split(r"\{\{([a-z-]+)\}\}", template)):
                if number % 2 == 0:
                    page.write(piece.encode())
                elif piece == "script-hash":
                    page.write(b"sha256-" + b64encode(sha256(script.encode()).digest()))
                else:
                    put(piece, page)
            page.flush()
            os.fsync(page.fileno())
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


# Text


def summary(totals: Totals) -> str:
    """The figures on top, as the inside of a description list."""
    coloured, failed = totals.results["coloured"], totals.results["failed"]
    left = totals.results.total() - coloured - failed
    models = ", ".join(
        escaped(name) + (f" <small>({count:,})</small>" if len(totals.models) > 1 else "")
        for name, count in totals.models.most_common()
    )
    facts = {
        "Coloured": f"{coloured:,}",
        "Failed": f'<a href="#failures">{failed:,}</a>' if failed else "0",
        **({"Not done": f"{left:,}"} if left else {}),
        "Time": duration(totals.seconds),
        "Model" if len(totals.models) < 2 else "Models": models or "none",
        "Date": days(totals.first, totals.last) if coloured or failed else "none",
    }
    return "\n".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())


def put_failures(failures: dict[str, array[int]], table: BinaryIO, page: BinaryIO) -> None:
    """Write the failures, the commonest kind first; `failures` says where in `table` the rows of each are."""
    count = sum(map(len, failures.values()))
    if not count:
        return
    page.write(f'<section id="failures" class="bay">\n<h2 data-count="{count:,}">Failed</h2>\n'.encode())
    for kind, places in sorted(failures.items(), key=lambda item: -len(item[1])):
        page.write(
            f"<details{' open' if count <= FEW else ''}><summary><b>{len(places):,}</b> "
            f"<span>{escaped(kind)}</span></summary>\n"
            '<table><thead><tr><th scope="col">Photo</th><th scope="col">Size</th></tr></thead>\n'
            "<tbody>\n".encode()
        )
        for place in places:
            table.seek(place)
            page.write(table.readline())
        page.write(b"</tbody></table></details>\n")
    page.write(b"</section>\n")


def failure(row: Row, home: Path) -> tuple[str, str]:
    """The kind of a failure, and its line of the table.

    The kind is the reason without the name of the file, what stands in brackets, and numbers; where that
    leaves something out, the line tells it.
    """
    text = row.reason.removeprefix(f"{row.source}: ")
    words = text.removeprefix(f"{row.target}: ").removeprefix(f"{row.target.parent}: ")
    other_file = text.removesuffix(words)
    kind = re.sub(r"\d+(\.\d+)?", "…", re.sub(r" \([^()]*\)", "", words)) or "no reason is known"
    detail = other_file + words.partition("; ")[0] if kind != text else ""
    above = escaped(str(row.source).removesuffix(row.source.name))
    return kind, (
        f'<tr class="item"><td><i>{above}</i>'
        f'<a href="{link(row.source, home)}">{escaped(row.source.name)}</a>'
        f"{detail and f'<p>{escaped(detail)}</p>'}</td><td>{bytes_of(row.size)}</td></tr>\n"
    )


def heading(parent: Path, *, first: bool) -> str:
    """What begins the photos of a folder, and ends those of the one before it."""
    end = "" if first else "</ul></section>\n"
    return f'{end}<section class="bay folder">\n<h2>{folder_of(parent)}</h2>\n<ul>\n'


def tile(row: Row, thumbnail: Thumbnail | None, home: Path, folder: str) -> str:
    """A coloured photo: its thumbnail, of which each half opens its file, its name, and its notes."""
    name = escaped(row.source.name)
    if thumbnail:
        picture = (
            f'<img src="{quote_from_bytes(os.fsencode(folder))}/{thumbnail.name}" width="{thumbnail.width}" '
            f'height="{thumbnail.height}" loading="lazy" decoding="async" alt="{name}, before and after">'
        )
    else:
        picture = "<em>no preview</em>"
    notes = "".join(f"<p>{escaped(note)}</p>" for note in row.notes)
    return (
        f'<li class="item"><div class="pair">{picture}'
        f'<a href="{link(row.source, home)}"><span>before</span></a>'
        f'<a href="{link(row.target, home)}"><span>after</span></a></div><b>{name}</b>{notes}</li>\n'
    )


def folder_of(folder: Path) -> str:
    """A folder as HTML, what is above it in a quiet voice."""
    above, separator, name = str(folder).rpartition(os.sep)
    return f"<i>{escaped(above + separator)}</i>{escaped(name)}"


def escaped(text: str) -> str:
    """A text as HTML on one line: control characters as their pictures, what is no character as U+FFFD."""
    text = re.sub("[\x00-\x1f]", lambda control: chr(0x2400 + ord(control[0])), text)
    text = re.sub("[\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]", "\ufffd", text)
    return html.escape(text)


def duration(seconds: float) -> str:
    """A time for a person: 8.4 s, 2 min 5 s, 3 h 12 min."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def days(first: float, last: float) -> str:
    """The day, or the first and the last day, in local time."""
    told = []
    for moment in (first, last):
        day = datetime.fromtimestamp(moment)
        told.append(f'<time datetime="{day:%Y-%m-%d}">{day.day} {day:%B %Y}</time>')
    return " to ".join(dict.fromkeys(told))


def bytes_of(size: int) -> str:
    """A size for a person."""
    if size < 1000:
        return f"{size} B"
    return f"{size / 1e3:.0f} kB" if size < 999_500 else f"{size / 1e6:.1f} MB"
