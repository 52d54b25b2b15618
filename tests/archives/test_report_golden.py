"""The page of `--report`, byte for byte. After an intended change, put the new page over the golden one."""

import os
import shutil
from datetime import datetime
from pathlib import Path

import pytest
from helpers.photos import GOLDEN, PHOTOS

from colourise.archives import report
from colourise.archives.ledger import Ledger, LedgerEntry
from colourise.files.stamp import Stamp

pytestmark = pytest.mark.skipif(
    os.sep != "/", reason="paths are on the page, and Windows writes them with \\"
)
NOON = datetime(2025, 5, 3, 12).timestamp()
HOSTILE = (
    "{{ tiles }} {% raw %} {# title.jpg",
    "\"><script>alert('1')<\\script><!--.jpg",
    "#a?b%41&amp;.jpg",
    "http:x.jpg",
    "line\nbreak\x1b[31m\x7f.jpg",
    "not text \udcff\udcfe.jpg",
    "\u202egpj.exe.jpg",
)


def entries(home: Path) -> list[LedgerEntry]:
    """A ledger: photos in several folders, coloured by several models, failed in several ways, not begun."""

    def row(name: str, **values: object) -> LedgerEntry:
        key, stamp = os.fsencode(name), Stamp(len(name) * 40_000, 1)
        photo, output = str(home / "in" / name), str(home / "out" / name)
        return LedgerEntry(key, photo, output, stamp, "how", **{"seconds": 1.25, "at": NOON, **values})

    def coloured(name: str, **values: object) -> LedgerEntry:
        return row(name, **{"result": "coloured", "model": "colourise-v4", **values})

    def failed(name: str, reason: str) -> LedgerEntry:
        places = {"source": home / "in" / name, "target": home / "out" / name, "out": home / "out"}
        return row(name, result="failed", reason=reason.format(**places))

    rows = [coloured(f"{number % 3}/photo {number}.jpg") for number in range(9)]
    for number, name in enumerate(HOSTILE):
        rows.append(coloured(f"Köln/{name}", model=f"<b>'m' {number // 2}", notes=[name, "& more"]))
    rows += [coloured("at the top.jpg", at=NOON + 86_400, notes=["16 bits became 8"], seconds=3700)]
    for number in range(3):
        rows.append(failed(f"1/{number}.jpg", "{source}: truncated; copy it again from its source"))
        rows.append(failed(f"0/{number}.png", f"{{source}}: {number}0000 x 30000 is large; scale it"))
    rows.append(failed("empty.jpg", "{source}: empty (0 bytes); copy it again from its source"))
    rows.append(failed("refused.jpg", "{target}: no permission to write here"))
    rows.append(failed("full.jpg", "{out}: the disk is full (12.5 MB missing); make room"))
    rows.append(failed("unknown.jpg", ""))
    rows.append(failed("other.jpg", "another text, without a name"))
    for name in HOSTILE:
        place = home / "in" / name
        rows.append(row(name, result="failed", reason=f"{place}: {name} ({name}); <b>{name}"))
    rows += [row(f"{number}/planned.jpg") for number in range(2)]
    return rows


def test_the_page_is_the_golden_one(tmp_path: Path) -> None:
    for name in ("0/photo 0.jpg", "1/photo 1.jpg"):
        for file in (tmp_path / "in" / name, tmp_path / "out" / name):
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PHOTOS / "coffee.jpg", file)
            os.utime(file, ns=(10**18, 10**18))
    with Ledger(tmp_path / "out") as ledger:
        ledger.write(entries(tmp_path))
        report.write(ledger, tmp_path / "report.html", title="Fotos & <früher>\n")
    page = (tmp_path / "report.html").read_bytes().replace(os.fsencode(tmp_path), b"/archive")
    assert page == (GOLDEN / "report.html").read_bytes()


def test_the_page_of_an_empty_ledger_is_the_golden_one(tmp_path: Path) -> None:
    with Ledger(tmp_path / "out") as ledger:
        report.write(ledger, tmp_path / "report.html", title="Nothing")
    assert (tmp_path / "report.html").read_bytes() == (GOLDEN / "report-of-nothing.html").read_bytes()
