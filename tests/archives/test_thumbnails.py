"""Thumbnails of the report: what is on them, and which are made."""

import os
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from helpers.photos import PHOTOS, pixels
from helpers.reports import Entry, Page, coloured_photo, opened, row, thumbnails as made, write_report
from PIL import Image

from colourise import images
from colourise.archives import thumbnails
from colourise.files.walk import walk


@pytest.fixture
def coloured(tmp_path: Path) -> Callable[..., Entry]:
    """Makes an entry, with both its files, of a name below the folders `in` and `out`."""
    return partial(coloured_photo, tmp_path)


def test_a_thumbnail_is_grey_beside_colour(tmp_path: Path, coloured: Any) -> None:
    row, file = coloured("a.jpg"), tmp_path / "report.html"
    page = write_report(file, [row])
    (image,) = page.of("img")
    assert (image["width"], image["height"], image["loading"]) == ("120", "40", "lazy")
    both = pixels(tmp_path / str(image["src"])).astype(int)
    assert both.shape == (40, 120, 3)
    before, after = both[5:35, 5:45], both[5:35, 65:115]
    assert np.ptp(before, axis=2).max() <= 4
    for column, colour in ((10, (200, 0, 0)), (50, (0, 0, 200))):
        assert np.abs(both[20, 60 + column] - colour).max() <= 30
    # sRGB (200, 0, 0) has L 41.0, and (0, 0, 200) has 23.2, by colour tables; as greys, 97 and 56
    assert before[15, 5] == pytest.approx(97, abs=4)
    assert before[15, 35] == pytest.approx(56, abs=4)
    assert after.std() > before.std()
    assert opened(page, file) == [row.source, row.target]
    assert (tmp_path / str(image["src"])).stat().st_size < 6000


@pytest.mark.parametrize(
    "kind", ["jpg", "jpg on its side", "jpg in Adobe RGB", "CMYK", "16-bit", "see-through"]
)
def test_every_kind_of_photo_is_seen_as_it_is_read(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "photo"
    image = Image.open(PHOTOS / "coffee.jpg").convert("RGB").resize((1200, 900))
    if kind == "16-bit":
        file.write_bytes(imagecodecs.png_encode(np.asarray(image).astype(np.uint16) * 257))
    elif kind == "see-through":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
        image.save(file, "PNG")
    elif kind == "CMYK":
        image.convert("CMYK").save(file, "JPEG")
    else:
        tags = Image.Exif()
        tags[274] = 6 if "side" in kind else 1
        icc = imagecodecs.cms_profile("adobergb") if "Adobe" in kind else None
        image.save(file, "JPEG", exif=tags, icc_profile=icc)
    photo = images.read(file)
    whole = photo.pixels / np.iinfo(photo.pixels.dtype).max * 255
    if photo.alpha is not None:
        whole = whole * (photo.alpha / 255)[..., None] + 255 - photo.alpha[..., None]
    expected = Image.fromarray(whole.round().astype(np.uint8))
    expected.thumbnail((240, 160), Image.Resampling.BOX)
    seen = thumbnails.small(file)
    assert seen.shape == np.asarray(expected).shape
    assert np.abs(seen.astype(int) - np.asarray(expected)).mean() < 2.5
    assert (thumbnails.reduced(file) is not None) == kind.startswith("jpg")


def test_a_second_report_makes_what_is_missing(
    tmp_path: Path, coloured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.html"
    rows = [coloured(f"{number}.jpg") for number in range(6)]
    write_report(file, rows)
    first, text = made(file), file.read_text()
    assert len(first) == 6

    read: list[Path] = []
    small = thumbnails.small
    monkeypatch.setattr(thumbnails, "small", lambda path: read.append(path) or small(path))
    write_report(file, rows)
    assert not read
    assert made(file) == first
    assert file.read_text() == text

    os.utime(rows[0].target, ns=(1, 1))  # coloured anew
    damaged = tmp_path / str(Page(file).of("img")[1]["src"])
    damaged.write_bytes(b"")
    gone = rows.pop()
    others = [tmp_path / "report_files" / name for name in ("mine.jpg", "0123456789abcdef.jpg")]
    for other in others:
        other.write_bytes(b"not ours")
    for left in ("0123456789abcdef.compare.jpg.123.part", ".colourise-0123456789abcdef-01234567.part"):
        (tmp_path / "report_files" / left).write_bytes(b"left by a kill")
    page = write_report(file, rows)
    assert sorted(read) == sorted([rows[0].source, rows[0].target, rows[1].source, rows[1].target])
    now = set(made(file)) - {other.name for other in others}
    assert len(now) == 5
    assert len(now & set(first)) == 4
    assert {Path(str(image["src"])).name for image in page.of("img")} == now
    assert all(other.exists() for other in others)
    assert gone.source.exists()
    assert list(walk(tmp_path / "report_files", [])) == others[::-1]  # a walk colours no thumbnail


def test_files_that_are_gone_or_damaged_leave_a_plain_tile(tmp_path: Path, coloured: Any) -> None:
    rows = [coloured(f"{number}.jpg") for number in range(5)]
    rows[0].source.unlink()
    rows[1].target.unlink()
    rows[2].target.write_bytes(rows[2].target.read_bytes()[:300])
    rows[3].source.write_bytes(b"")
    page = write_report(tmp_path / "report.html", rows)
    assert len(page.of("img")) == 1
    assert page.within("em") == ["no preview"] * 4
    assert page.within("b") == [f"{number}.jpg" for number in range(5)]
    assert len(opened(page, tmp_path / "report.html")) == 10


def test_the_order_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(row: Entry, *_: object) -> None:
        time.sleep(0.02 if row.size % 7 == 0 else 0)

    monkeypatch.setattr(thumbnails, "thumbnail", slow)
    names = [f"{number // 10}/{number}.jpg" for number in range(60)]
    rows = [Entry(tmp_path / name, tmp_path / name, size=number) for number, name in enumerate(names)]
    page = write_report(tmp_path / "report.html", rows)
    assert page.within("b") == [Path(name).name for name in names]
    assert len(page.of("h2")) == 6


def test_rows_are_taken_as_they_are_needed(tmp_path: Path) -> None:
    taken = given = most = 0

    def rows() -> Iterator[Any]:
        nonlocal taken, most
        for number in range(3000):
            taken += 1
            most = max(most, taken - given)
            yield row(Entry(tmp_path / f"{number}.jpg", tmp_path / f"{number}.jpg"))

    for _ in thumbnails.with_thumbnails(rows(), tmp_path, tmp_path):
        given += 1
    assert given == 3000
    assert most <= 4 * (os.cpu_count() or 1) + 2
