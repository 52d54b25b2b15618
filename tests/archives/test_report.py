"""The page of `--report`: what is on it, its thumbnails, and that no file name can harm it."""

import os
import re
import shutil
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import imagecodecs
import numpy as np
import pytest
from helpers.photos import PHOTOS, pixels
from PIL import Image

from colourise import images
from colourise.archives import report
from colourise.archives import thumbnails as thumbnails_
from colourise.files.walk import walk

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
NOON = datetime(2025, 5, 3, 12).timestamp()


@dataclass
class Row:
    source: Path
    target: Path
    result: str = "coloured"
    reason: str = ""
    notes: list[str] = field(default_factory=list)
    seconds: float = 1.0
    model: str = "tiny"
    size: int = 1000
    when: float = NOON


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small JPEG, left half red, right half blue."""
    blocks = np.zeros((40, 60, 3), np.uint8)
    blocks[:, :30, 0] = blocks[:, 30:, 2] = 200
    file = tmp_path_factory.mktemp("picture") / "picture.jpg"
    Image.fromarray(blocks).save(file, quality=95, subsampling=0)
    return file


@pytest.fixture
def coloured(tmp_path: Path, picture: Path) -> Any:
    """Makes a row, with both its files, of a name below the folders `in` and `out`."""

    def coloured(name: str, **values: Any) -> Row:
        row = Row(tmp_path / "in" / name, tmp_path / "out" / name, **values)
        for file in (row.source, row.target):
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, file)
        return row

    return coloured


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


def write(file: Path, rows: Iterable[Row], **options: Any) -> Page:
    report.write(rows, file, title="Title", **options)
    return Page(file)


def thumbnails(file: Path) -> dict[str, int]:
    """Names and times of the thumbnails of a page."""
    return {path.name: path.stat().st_mtime_ns for path in (file.parent / f"{file.stem}_files").iterdir()}


def opened(page: Page, file: Path) -> list[Path]:
    """The files that the page's links open."""
    urls = [str(each["href"]) for each in page.of("a") if not str(each["href"]).startswith("#")]
    assert not any(re.search(r"[^\w./%~-]", url) for url in urls)
    return [Path(os.path.normpath(file.parent / os.fsdecode(unquote_to_bytes(url)))) for url in urls]


def test_a_thumbnail_is_grey_beside_colour(tmp_path: Path, coloured: Any) -> None:
    row, file = coloured("a.jpg"), tmp_path / "report.html"
    page = write(file, [row])
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
    seen = thumbnails_.small(file)
    assert seen.shape == np.asarray(expected).shape
    assert np.abs(seen.astype(int) - np.asarray(expected)).mean() < 2.5
    assert (thumbnails_.reduced(file) is not None) == kind.startswith("jpg")


def test_what_is_told(tmp_path: Path, coloured: Any) -> None:
    def failed(name: str, reason: str, result: str = "failed") -> Row:
        source = tmp_path / "in" / name
        return Row(
            source, tmp_path / "out" / name, result, reason.format(source=source, out=tmp_path / "out")
        )

    rows = [
        failed("1.jpg", "{source}: empty (0 bytes); copy it again from its source"),
        coloured("2.jpg", notes=["16 bits <became> 8"], when=NOON + 86400),
        failed("3.jpg", "{source}: truncated; copy it again from its source"),
        failed("4.jpg", "{source}: 20000 x 30000 is 600 megapixels; scale it"),
        failed("5.jpg", "{source}: truncated; copy it again from its source"),
        failed("6.jpg", "{source}: 90000 x 10000 is 900 megapixels; scale it"),
        failed("7.jpg", "{source}: truncated; copy it again from its source"),
        failed("8.jpg", "{out}/8.jpg: no permission to write here"),
        failed("9.jpg", "", result="planned"),
        coloured("sub/2.jpg", model="other", seconds=3722),
    ]
    advances: list[int] = []
    page = write(tmp_path / "report.html", rows, advance=lambda: advances.append(1))
    assert len(advances) == len(rows)
    terms = {text: page.text[at + 1][1] for at, (tag, text) in enumerate(page.text) if tag == "dt"}
    assert terms == {
        "Coloured": "2",
        "Failed": "7",
        "Not done": "1",
        "Time": "1 h 2 min",
        "Models": "tiny",
        "Date": "3 May 2025",
    }
    assert page.within("time") == ["3 May 2025", "to", "4 May 2025"]
    kinds = [page.text[i + 1][1] for i, (tag, _) in enumerate(page.text) if tag == "b"][:4]
    assert kinds == [
        "truncated; copy it again from its source",
        "… x … is … megapixels; scale it",
        "empty; copy it again from its source",
        "no permission to write here",
    ]
    assert [text for tag, text in page.text if tag == "b"] == ["3", "2", "1", "1", "2.jpg", "2.jpg"]
    links = [text for text in page.within("a") if text.endswith(".jpg")]
    assert links == ["3.jpg", "5.jpg", "7.jpg", "4.jpg", "6.jpg", "1.jpg", "8.jpg"]
    assert page.within("p")[1:] == [
        "20000 x 30000 is 600 megapixels",
        "90000 x 10000 is 900 megapixels",
        "empty (0 bytes)",
        f"{tmp_path}/out/8.jpg: no permission to write here",
        "16 bits <became> 8",
    ]
    assert page.within("i")[-4:] == [f"{tmp_path}/", "in", f"{tmp_path}/in/", "sub"]
    assert all("open" in each for each in page.of("details"))
    assert len(thumbnails(tmp_path / "report.html")) == 2

    many = [failed(f"{number}.jpg", "{source}: empty") for number in range(report.FEW + 1)]
    assert "open" not in write(tmp_path / "many.html", many).of("details")[0]


def test_nothing_at_all(tmp_path: Path) -> None:
    page = write(tmp_path / "new" / "report.html", [])
    assert "0" in page.within("dd")
    assert not page.of("section")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["report.html", "report_files"]


HOSTILE = [
    "{{tiles}} {{title}}.jpg",
    "\"><script>alert('1')<\\script><!--.jpg",
    "#a?b%41&amp;.jpg",
    "' onerror='alert(1).jpg",
    "http:x.jpg",
    "line\nbreak\x1b[31m.jpg",
    "not text \udcff\udcfe.jpg",
    "\u202egpj.exe.jpg",
]


def test_hostile_names(tmp_path: Path, coloured: Any) -> None:
    rows = [coloured(f"{name}/{name}", notes=[name], model=name) for name in HOSTILE]
    rows += [
        Row(tmp_path / name, tmp_path / "out" / name, "failed", f"{tmp_path / name}: {name}")
        for name in HOSTILE
    ]
    home = tmp_path / 'reports "<b>'
    home.mkdir()
    file = home / "a 'report'?.html"
    report.write(rows, file, title="</title><script>{{tiles}}")
    text = file.read_text(encoding="utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
    page = Page(file)
    assert len(page.of("script")) == 1
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert page.within("h1") == ["</title><script>{{tiles}}"]
    files = opened(page, file)
    assert sorted(files[: len(HOSTILE)]) == sorted(tmp_path / name for name in HOSTILE)
    assert files[len(HOSTILE) :] == [
        path for row in rows[: len(HOSTILE)] for path in (row.source, row.target)
    ]
    names = page.within("b")[-len(HOSTILE) :]
    assert names[:5] == HOSTILE[:5]
    assert names[5:] == ["line␊break␛[31m.jpg", "not text \ufffd\ufffd.jpg", "\ufffdgpj.exe.jpg"]
    for image in page.of("img"):
        assert (home / os.fsdecode(unquote_to_bytes(str(image["src"])))).is_file()


def test_a_second_report_makes_what_is_missing(
    tmp_path: Path, coloured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.html"
    rows = [coloured(f"{number}.jpg") for number in range(6)]
    write(file, rows)
    first, text = thumbnails(file), file.read_text()
    assert len(first) == 6

    read: list[Path] = []
    small = thumbnails_.small
    monkeypatch.setattr(thumbnails_, "small", lambda path: read.append(path) or small(path))
    write(file, rows)
    assert not read
    assert thumbnails(file) == first
    assert file.read_text() == text

    os.utime(rows[0].target, ns=(1, 1))  # coloured anew
    damaged = tmp_path / str(Page(file).of("img")[1]["src"])
    damaged.write_bytes(b"")
    gone = rows.pop()
    others = [tmp_path / "report_files" / name for name in ("mine.jpg", "0123456789abcdef.jpg")]
    for other in others:
        other.write_bytes(b"not ours")
    (tmp_path / "report_files" / "0123456789abcdef.compare.jpg.123.part").write_bytes(b"left by a kill")
    page = write(file, rows)
    assert sorted(read) == sorted([rows[0].source, rows[0].target, rows[1].source, rows[1].target])
    now = set(thumbnails(file)) - {other.name for other in others}
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
    page = write(tmp_path / "report.html", rows)
    assert len(page.of("img")) == 1
    assert page.within("em") == ["no preview"] * 4
    assert page.within("b") == [f"{number}.jpg" for number in range(5)]
    assert len(opened(page, tmp_path / "report.html")) == 10


def test_the_order_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(row: Row, *_: object) -> None:
        time.sleep(0.02 if row.size % 7 == 0 else 0)

    monkeypatch.setattr(thumbnails_, "thumbnail", slow)
    names = [f"{number // 10}/{number}.jpg" for number in range(60)]
    rows = [Row(tmp_path / name, tmp_path / name, size=number) for number, name in enumerate(names)]
    page = write(tmp_path / "report.html", rows)
    assert page.within("b") == [Path(name).name for name in names]
    assert len(page.of("h2")) == 6


def test_rows_are_taken_as_they_are_needed_and_not_kept(tmp_path: Path) -> None:
    taken = told = most = 0

    def rows() -> Iterator[Row]:
        nonlocal taken, most
        for number in range(3000):
            taken += 1
            most = max(most, taken - told)
            path = tmp_path / f"{number}.jpg"
            long = f"{'x' * 10_000}"
            if number % 2:
                yield Row(path, path, notes=[long])
            else:
                yield Row(path, path, "failed", f"{path}: damaged ({long}); copy it again")

    def advance() -> None:
        nonlocal told
        told += 1

    tracemalloc.start()
    try:
        report.write(rows(), tmp_path / "report.html", title="Title", advance=advance)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told == 3000
    assert most <= 4 * (os.cpu_count() or 1) + 2
    assert (tmp_path / "report.html").stat().st_size > 30e6
    assert peak < 5e6


def test_an_earlier_page_stays_until_the_new_one_is_whole(tmp_path: Path, coloured: Any) -> None:
    file = tmp_path / "report.html"
    row = coloured("a.jpg")
    write(file, [row])
    text, pictures = file.read_text(), thumbnails(file)

    def rows() -> Iterator[Row]:
        yield coloured("b.jpg")
        raise OSError("the ledger is gone")

    with pytest.raises(OSError, match="the ledger is gone"):
        write(file, rows())
    assert file.read_text() == text
    assert pictures.items() <= thumbnails(file).items()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out", "report.html", "report_files"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.97, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599.7, "1 h 0 min"),
        (4e6, "1,111 h 6 min"),
    ],
)
def test_durations(seconds: float, told: str) -> None:
    assert report.duration(seconds) == told


@pytest.mark.parametrize(
    ("size", "told"), [(999, "999 B"), (1000, "1 kB"), (999_600, "1.0 MB"), (1_250_000, "1.2 MB")]
)
def test_sizes(size: int, told: str) -> None:
    assert report.bytes_of(size) == told


@pytest.mark.skipif(not (BROWSER and DRIVER), reason="there is no Chromium, or no chromedriver, on the PATH")
def test_in_a_browser(tmp_path: Path, coloured: Any) -> None:
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    rows = [
        coloured(name, notes=["long " * 30]) for name in (*HOSTILE, "Köln/Straße am Dom.jpg", "Köln/b.jpg")
    ]
    rows.append(Row(tmp_path / "Köln.jpg", tmp_path / "Köln.jpg", "failed", f"{tmp_path}/Köln.jpg: empty"))
    file = tmp_path / "report.html"
    write(file, rows)
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER)) as page:
        metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        page.get(file.as_uri())

        def run(script: str, *arguments: object) -> Any:
            return page.execute_script(f"return {script}", *arguments)

        def until(script: str) -> None:
            end = time.monotonic() + 10
            while not run(script):
                assert time.monotonic() < end, (
                    script,
                    run("byId('shown').textContent"),
                    page.get_log("browser"),
                )
                time.sleep(0.01)

        def shown() -> list[str]:
            script = "[...document.querySelectorAll('.item')].filter((each) => each.offsetHeight)"
            return run(f"{script}.map((each) => each.querySelector('b, td a').textContent)")

        assert run("document.documentElement.scrollWidth") == 390
        assert len(shown()) == len(rows)
        until("(scrollBy(0, 200), [...document.images].every((image) => image.naturalWidth === 120))")
        box = page.find_element("css selector", "#filter")
        everything, backspace = "\ue009a\ue000", "\ue003"
        for words, names in {
            "koln": ["Köln.jpg", "Straße am Dom.jpg", "b.jpg"],
            "dom KÖLN/": ["Straße am Dom.jpg"],
            "nothing": [],
            "<script>": [HOSTILE[1]],
        }.items():
            box.send_keys(everything, words)
            until(f"document.querySelectorAll('.item:not([hidden])').length === {len(names)}")
            assert run("byId('shown').textContent") == f"{len(names)} of {len(rows)}"
            assert shown() == names
        box.send_keys(everything, backspace)
        until("byId('shown').textContent === ''")
        assert len(shown()) == len(rows)
        assert page.get_log("browser") == []

        run("document.body.insertAdjacentHTML('beforeend', '<img src=x: onerror=\"window.harmed = true\">')")
        until("document.images[document.images.length - 1].complete")
        assert run("window.harmed") is None
        assert "Content Security Policy" in str(page.get_log("browser"))
