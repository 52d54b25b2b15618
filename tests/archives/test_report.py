"""The page of `--report`: what is on it, and that no file name can harm it."""

import os
import re
import shutil
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from helpers.reports import NOON, Entry, Page, coloured_photo, opened, row, thumbnails, write_report

from colourise.archives import report
from colourise.archives.ledger import Ledger
from colourise.errors import LedgerError

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")


@pytest.fixture
def coloured(tmp_path: Path) -> Callable[..., Entry]:
    """Makes an entry, with both its files, of a name below the folders `in` and `out`."""
    return partial(coloured_photo, tmp_path)


def test_what_is_told(tmp_path: Path, coloured: Any) -> None:
    def failed(name: str, reason: str, result: str = "failed") -> Entry:
        source = tmp_path / "in" / name
        return Entry(
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
    page = write_report(tmp_path / "report.html", rows)
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
    assert [text for tag, text in page.text if tag == "b"] == ["3", "2", "1", "1", "1", "2.jpg", "2.jpg"]
    links = [text for text in page.within("a") if text.endswith(".jpg")]
    assert links == ["3.jpg", "5.jpg", "7.jpg", "4.jpg", "6.jpg", "1.jpg", "8.jpg", "9.jpg"]
    assert page.within("p")[1:] == [
        "20000 x 30000 is 600 megapixels",
        "90000 x 10000 is 900 megapixels",
        "empty (0 bytes)",
        f"{tmp_path}/out/8.jpg: no permission to write here",
        "16 bits <became> 8",
    ]
    assert page.within("i")[-4:] == [f"{tmp_path}/", "in", f"{tmp_path}/in/", "sub"]
    assert ["open" in each for each in page.of("details")] == [True] * 4 + [False]  # the failures alone
    assert len(thumbnails(tmp_path / "report.html")) == 2

    many = [failed(f"{number}.jpg", "{source}: empty") for number in range(report.FEW + 1)]
    assert "open" not in write_report(tmp_path / "many.html", many).of("details")[0]


@dataclass
class Film:
    """What a report asks of a film."""

    source: Path
    target: Path
    result: str
    reason: str = ""


def test_films_and_files_left_alone_are_named(tmp_path: Path) -> None:
    file, home = tmp_path / "report.html", tmp_path / "in"
    films = [
        Film(home / "a.mp4", tmp_path / "out" / "a.mp4", "coloured"),
        Film(
            home / "b.mov",
            tmp_path / "out" / "b.mov",
            "failed",
            f"{home / 'b.mov'}: damaged; <copy> it again",
        ),
        Film(home / "c.avi", tmp_path / "out" / "c.mp4", "left"),
    ]
    others = [f"{home}/scan.psd", f"{home}/x.DNG", f"{home}/y.dng"]
    with Ledger(tmp_path / "out") as ledger:
        report.write(ledger, file, title="Title", films=films, left_alone=iter(others))
    page = Page(file)
    assert {"1 coloured, 1 failed, 1 not done", "2 .dng, 1 .psd"} <= set(page.within("a"))
    assert "damaged; <copy> it again" in page.within("p")
    names = [home / name for name in ("b.mov", "a.mp4", "c.avi", "x.DNG", "y.dng", "scan.psd")]
    assert opened(page, file) == [*names[:2], tmp_path / "out" / "a.mp4", *names[2:]]


def test_any_state_is_shown_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("colourise.archives.ledger.RESULTS", ("coloured", "failed", "planned", "blank page"))
    rows = [
        Entry(tmp_path / f"{number}.jpg", tmp_path / "out", result, "" if result == "planned" else "a reason")
        for number, result in enumerate(["planned", "blank page", "failed", "blank page", "coloured"])
    ]
    page = write_report(tmp_path / "report.html", rows)
    counts = [
        (page.text[at][1], page.text[at + 1][1]) for at, (tag, _) in enumerate(page.text) if tag == "dt"
    ]
    assert counts[:4] == [("Coloured", "1"), ("Failed", "1"), ("Blank page", "2"), ("Not done", "1")]
    sections = [(each.get("id"), each.get("data-state")) for each in page.of("section")]
    assert sections == [
        ("failed", "failed"),
        ("blank-page", "blank page"),
        ("not-done", "not done"),
        (None, "coloured"),
    ]
    assert {"#failed", "#blank-page", "#not-done"} <= {each["href"] for each in page.of("a")}


def test_nothing_at_all(tmp_path: Path) -> None:
    page = write_report(tmp_path / "new" / "report.html", [])
    assert "0" in page.within("dd")
    assert not page.of("section")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["report.html", "report_files"]


HOSTILE = [  # sorted, as the ledger's photos are
    "\"><script>alert('1')<\\script><!--.jpg",
    "#a?b%41&amp;.jpg",
    "' onerror='alert(1).jpg",
    "http:x.jpg",
    "line\nbreak\x1b[31m.jpg",
    "not text \udcff\udcfe.jpg",
    "{{ tiles }} {% raw %} {{ title }}.jpg",
    "\u202egpj.exe.jpg",
]


def test_hostile_names(tmp_path: Path, coloured: Any) -> None:
    rows = [coloured(f"{name}/{name}", notes=[name], model=ascii(name)) for name in HOSTILE]
    rows += [
        Entry(tmp_path / name, tmp_path / "out" / name, "failed", f"{tmp_path / name}: {name}")
        for name in HOSTILE
    ]
    home = tmp_path / 'reports "<b>'
    home.mkdir()
    file = home / "a 'report'?.html"
    write_report(file, rows, title="</title><script>{{ tiles }}")
    text = file.read_text(encoding="utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", text)
    page = Page(file)
    assert len(page.of("script")) == 1
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert page.within("h1") == ["</title><script>{{ tiles }}"]
    files = opened(page, file)
    assert sorted(files[: len(HOSTILE)]) == sorted(tmp_path / name for name in HOSTILE)
    assert files[len(HOSTILE) :] == [
        path for row in rows[: len(HOSTILE)] for path in (row.source, row.target)
    ]
    names = page.within("b")[-len(HOSTILE) :]
    assert names[:4] == HOSTILE[:4]
    assert names[4:6] == ["line␊break␛[31m.jpg", "not text \ufffd\ufffd.jpg"]
    assert names[6:] == [HOSTILE[6], "\ufffdgpj.exe.jpg"]
    for image in page.of("img"):
        assert (home / os.fsdecode(unquote_to_bytes(str(image["src"])))).is_file()


def test_memory_does_not_grow_with_the_ledger(tmp_path: Path) -> None:
    def rows() -> Iterator[Entry]:
        for number in range(3000):
            path = tmp_path / f"{number}.jpg"
            long = f"{'x' * 10_000}"
            if number % 2:
                yield Entry(path, path, notes=[long])
            else:
                yield Entry(path, path, "failed", f"{path}: damaged ({long}); copy it again")

    with Ledger(tmp_path / "out") as ledger:
        ledger.write(map(row, rows()))
        tracemalloc.start()
        try:
            report.write(ledger, tmp_path / "report.html", title="Title")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (tmp_path / "report.html").stat().st_size > 30e6
    assert peak < 5e6


def test_an_earlier_page_stays_until_the_new_one_is_whole(
    tmp_path: Path, coloured: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "report.html"
    write_report(file, [coloured("a.jpg")])
    text, pictures = file.read_text(), thumbnails(file)
    among = Ledger.among

    def breaks(self: Ledger, *question: str) -> Iterator[Any]:
        yield next(among(self, *question))
        raise LedgerError("the ledger is gone")

    monkeypatch.setattr(Ledger, "among", breaks)
    with pytest.raises(LedgerError, match="the ledger is gone"):
        write_report(file, [coloured("b.jpg"), coloured("c.jpg")])
    assert file.read_text() == text
    assert pictures.items() <= thumbnails(file).items()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out", "report.html", "report_files"]


def test_what_is_no_file_stays(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match="is not a regular file"):
        write_report(tmp_path / "report.html", [])


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
    rows.append(Entry(tmp_path / "Köln.jpg", tmp_path / "Köln.jpg", "failed", f"{tmp_path}/Köln.jpg: empty"))
    file = tmp_path / "report.html"
    write_report(file, rows)
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
        thumbnails = "[...document.querySelectorAll('.pair img')]"
        until(f"(scrollBy(0, 200), {thumbnails}.every((image) => image.naturalWidth === 120))")
        box = page.find_element("css selector", "#filter")
        everything, backspace = "\ue009a\ue000", "\ue003"
        for words, names in {
            "koln": ["Köln.jpg", "Straße am Dom.jpg", "b.jpg"],
            "dom KÖLN/": ["Straße am Dom.jpg"],
            "nothing": [],
            "<script>": [HOSTILE[0]],
        }.items():
            box.send_keys(everything, words)
            until(f"document.querySelectorAll('.item:not([hidden])').length === {len(names)}")
            assert run("byId('shown').textContent") == f"{len(names)} of {len(rows)}"
            assert shown() == names
        box.send_keys(everything, backspace)
        until("byId('shown').textContent === ''")
        assert len(shown()) == len(rows)

        states = page.find_element("css selector", "#state")
        assert states.text.split() == ["All", "Failed", "Coloured"]
        states.find_element("css selector", "[value=failed]").click()
        until(f"byId('shown').textContent === '1 of {len(rows)}'")
        assert shown() == ["Köln.jpg"]
        states.find_element("css selector", "[value='']").click()
        until("byId('shown').textContent === ''")

        page.find_element("css selector", ".pair a + a").click()
        whole = "[...document.querySelectorAll('.stage img')].map((image) => image.naturalWidth)"
        until(
            f"byId('large').open && {whole}.every((width) => width === 60)"
        )  # both files, not the thumbnail
        assert run("byId('large-name').textContent") == shown()[1]
        assert run("document.documentElement.scrollWidth") == 390
        slider = page.find_element("css selector", "#slider")
        assert page.switch_to.active_element == slider
        assert run("byId('stage').style.getPropertyValue('--at')") == "50%"
        slider.send_keys("\ue010")  # End
        assert run("byId('stage').style.getPropertyValue('--at')") == "100%"
        rows[-2].target.write_bytes(b"no picture")  # as a TIFF is to a browser: its thumbnail will do
        rows[-2].source.unlink()
        for _ in range(len(rows) - 2):
            assert page.find_element("css selector", "#next").is_enabled()
            slider.send_keys("\ue00f")  # page down
        assert not page.find_element("css selector", "#next").is_enabled()
        until("byId('stage').classList.contains('small')")
        halves = "[...document.querySelectorAll('canvas')].map((half) => [half.width, half.height])"
        assert run(halves) == [[60, 40], [60, 40]]
        slider.send_keys("\ue00c")  # escape
        until("!byId('large').open")
        assert run("document.activeElement.closest('.item').querySelector('b').textContent") == shown()[-1]
        assert [entry for entry in page.get_log("browser") if "ERR_FILE_NOT_FOUND" not in str(entry)] == []

        run("document.body.insertAdjacentHTML('beforeend', '<img src=x: onerror=\"window.harmed = true\">')")
        until("document.images[document.images.length - 1].complete")
        assert run("window.harmed") is None
        assert "Content Security Policy" in str(page.get_log("browser"))
