"""What a second run does, and what it leaves alone."""

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from helpers.archives import made, placed, rows, summary
from PIL import Image
from typer.testing import Result

from colourise.archives.ledger import Ledger, LedgerEntry
from colourise.files.stamp import Stamp

Colourise = Callable[..., Result]


def test_the_ledger_tells_what_became_of_each_photo(colourise: Colourise, album: Path, out: Path) -> None:
    (album / "bad.jpg").write_text("no photo")
    began = time.time()
    assert colourise(album, "-o", out).exit_code == 1
    found = rows(out)
    assert sorted(found) == ["a.jpg", "b.jpg", "bad.jpg", *(f"deep/{name}.jpg" for name in "cdef")]
    a, bad = found["a.jpg"], found["bad.jpg"]
    assert (a.result, a.source, a.target) == ("coloured", album / "a.jpg", out / "a.jpg")
    assert (a.stamp, a.written_stamp) == (Stamp.of(album / "a.jpg"), Stamp.of(out / "a.jpg"))
    assert re.fullmatch(r"tiny [0-9a-f]{12}", a.model) and json.loads(a.settings_key)["saturation"] == 1.0
    assert began <= a.at <= time.time() and 0 < a.seconds < 60 and len(a.hash) == 32
    assert bad.result == "failed" and "not an image" in bad.reason


def test_a_second_run_does_what_is_missing_or_failed(colourise: Colourise, album: Path, out: Path) -> None:
    (album / "bad.jpg").write_text("no photo")
    colourise(album, "-o", out)
    before = made(out)
    (out / "deep" / "c.jpg").unlink()
    shutil.copy(album / "a.jpg", album / "bad.jpg")
    result = colourise(album, "-o", out, "--no-history")
    assert result.exit_code == 0
    assert summary(result).startswith("7 coloured")  # other options: all of them
    result = colourise(album, "-o", out, "--no-history")
    assert summary(result).startswith("0 coloured, 7 there already")
    (out / "deep" / "c.jpg").unlink()
    result = colourise(album, "-o", out, "--no-history")
    assert summary(result).startswith("1 coloured, 6 there already")
    assert made(out).keys() == before.keys() | {"bad.jpg"}


def test_a_photo_that_was_changed_is_coloured_anew(colourise: Colourise, album: Path, out: Path) -> None:
    colourise(album, "-o", out)
    before = made(out)
    Image.new("L", (20, 20), 99).save(album / "a.jpg")
    os.utime(album / "b.jpg", (1, 1))  # touched, but the same
    result = colourise(album, "-o", out)
    assert summary(result).startswith("1 coloured, 5 there already")
    after = made(out)
    assert {name for name in before if before[name] != after[name]} == {"a.jpg"}
    assert summary(colourise(album, "-o", out)).startswith("0 coloured, 6 there already")
    assert rows(out)["b.jpg"].stamp == Stamp.of(album / "b.jpg")


def test_another_model_or_option_colours_all_anew(colourise: Colourise, album: Path, out: Path) -> None:
    colourise(album, "-o", out)
    assert summary(colourise(album, "-o", out, "--saturation", "2")).startswith("6 coloured")
    assert summary(colourise(album, "-o", out, "--saturation", "2")).startswith("0 coloured, 6 there already")
    assert summary(colourise(album, "-o", out, model=False)).startswith("6 coloured")


def test_what_somebody_else_put_there_stays(colourise: Colourise, album: Path, out: Path) -> None:
    out.mkdir()
    (out / "a.jpg").write_text("mine")
    assert summary(colourise(album, "-o", out)).startswith("5 coloured, 1 there already")
    (out / "b.jpg").write_text("retouched")
    result = colourise(album, "-o", out, "--saturation", "2")
    assert f"{out / 'b.jpg'} was changed by somebody else" in result.stderr
    assert ((out / "a.jpg").read_text(), (out / "b.jpg").read_text()) == ("mine", "retouched")
    colourise(album, "-o", out, "--overwrite")
    assert all(data[:2] == b"\xff\xd8" for data in made(out).values())


def test_retry_failed_does_nothing_else(colourise: Colourise, album: Path, out: Path) -> None:
    (album / "bad.jpg").write_text("no photo")
    colourise(album, "-o", out)
    (out / "a.jpg").unlink()
    shutil.copy(album / "b.jpg", album / "bad.jpg")
    assert summary(colourise(album, "-o", out, "--retry-failed")).startswith("1 coloured")
    assert "a.jpg" not in made(out) and "bad.jpg" in made(out)


def test_what_somebody_put_in_the_place_of_a_failure_stays(
    colourise: Colourise, album: Path, out: Path
) -> None:
    (album / "bad.jpg").write_text("no photo")
    colourise(album, "-o", out)
    (out / "bad.jpg").write_text("mine")
    shutil.copy(album / "a.jpg", album / "bad.jpg")
    result = colourise(album, "-o", out)
    assert f"{out / 'bad.jpg'} was changed by somebody else" in result.stderr
    assert (out / "bad.jpg").read_text() == "mine"


def test_names_that_were_given_stay(colourise: Colourise, tmp_path: Path, album: Path, out: Path) -> None:
    """A newcomer takes another name; the photo that had it first keeps it."""
    colourise(album, "-o", out, "--format", "png")
    Image.new("L", (20, 20), 99).save(album / "a.bmp")
    colourise(album, "-o", out, "--format", "png")
    assert {"a.png", "a.bmp.png"} <= made(out).keys()
    assert summary(colourise(album, "-o", out, "--format", "png")).startswith("0 coloured, 7 there already")


def test_limit_leaves_the_rest_for_later(colourise: Colourise, album: Path, out: Path) -> None:
    result = colourise(album, "-o", out, "--limit", "4")
    assert result.exit_code == 0
    assert summary(result).startswith("4 coloured, 2 left for later")
    assert summary(colourise(album, "-o", out, "--limit", "4")).startswith("2 coloured, 4 there already")


def test_a_second_run_waits_for_the_first(colourise: Colourise, album: Path, out: Path) -> None:
    with Ledger(out) as ledger:
        assert ledger.hold(0)
        results: list[Result] = []
        other = threading.Thread(target=lambda: results.append(colourise(album, "-o", out)))
        other.start()
        time.sleep(0.5)
        assert not results and not placed(out)
        ledger.write([LedgerEntry(b"none", "none", "none", Stamp(0, 0), "", result="failed")])
    other.join(60)
    assert results[0].exit_code == 0
    assert results[0].stderr.startswith(f"waiting another run is at work in {out}\n")
    assert len(made(out)) == 6
