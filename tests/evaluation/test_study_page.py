"""The page of the naturalness study in a real browser: Chromium, steered by Selenium."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from colourise.cli.commands import app
from colourise.evaluation.study import PAGE, Study

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="there is no Chromium, or no chromedriver, on the PATH"
)


@pytest.fixture(scope="module")
def built(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of 100 pictures, of which a participant sees 50."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "photos").mkdir()
    chance = np.random.default_rng(0)
    for number in range(50):
        blocks = chance.integers(0, 256, (4, 4, 3)).astype(np.uint8)
        Image.fromarray(blocks).resize((64, 64), Image.Resampling.BICUBIC).save(
            folder / "photos" / f"{number}.png"
        )
    command = ["study", "build", "--data", folder / "photos", "--model", tiny_model, "-o", folder / "study"]
    command += ["--truths", 50, "--each", 50, "--size", 64]
    assert CliRunner().invoke(app, list(map(str, command))).exit_code == 0
    return folder / "study"


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(10)
    yield driver
    driver.quit()


@pytest.fixture
def page(browser: Any, built: Path) -> Any:
    """The page as a new participant finds it."""
    visit(browser, built)
    browser.execute_script("localStorage.clear()")
    visit(browser, built)
    return browser


def visit(page: Any, built: Path) -> None:
    """Load the page anew; on a busy machine the driver comes back before the page is there."""
    place = (built / PAGE).as_uri()
    page.execute_script("window.old = true")
    page.get(place)
    loaded(page, place)


def reload(page: Any, built: Path) -> None:
    """Press F5: the page keeps all that the browser remembers of it.

    In whole runs of the tests Chromium has come back with an empty storage before any script of the page ran.
    That is seen here; what was lost is given back then, and F5 pressed again.
    """
    kept = "JSON.stringify(localStorage)"
    before = page.execute_script(f"return {kept}")
    script = page.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": f"window.found = {kept}"}
    )
    for _ in range(3):
        page.execute_script("window.old = true")
        page.refresh()
        loaded(page, (built / PAGE).as_uri())
        found = page.execute_script("return found")
        assert page.execute_script(f"return {kept}") == found
        if found != "{}":
            break
        page.execute_script("Object.assign(localStorage, JSON.parse(arguments[0]))", before)
    page.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
    assert found == before


def loaded(page: Any, place: str) -> None:
    there = "return !window.old && location.href === arguments[0] && document.readyState === 'complete'"
    until(lambda: page.execute_script(there, place))  # an empty document may come first


def until(condition: Callable[[], Any]) -> Any:
    end = time.monotonic() + 10
    while not (result := condition()):
        assert time.monotonic() < end, "waited for 10 seconds"
        time.sleep(0.01)
    return result


def find(page: Any, selector: str) -> Any:
    return page.find_element("css selector", selector)


def press(page: Any, key: str) -> None:
    find(page, "body").send_keys(key)


def begin(page: Any, code: str) -> None:
    find(page, "#code").clear()
    find(page, "#code").send_keys(code, "\n")


def ready(page: Any, number: int) -> None:
    """Wait until picture `number` is there and takes an answer."""
    script = "return byId('counter').textContent === arguments[0] && performance.now() - shownAt > slip"
    until(lambda: page.execute_script(script, f"{number} / 50"))


def score(built: Path, file: Path) -> Result:
    return CliRunner().invoke(app, ["study", "score", str(file), "--study", str(built), "--json"])


def test_fifty_answers_by_keyboard(page: Any, built: Path, downloads: Path) -> None:
    left, right = "\ue012", "\ue014"
    keys = {left: False, right: True, "g": False, "R": True}
    assert find(page, "#start").is_displayed()
    press(page, "\n")  # Enter starts, without a click into the page
    ready(page, 1)
    visit(page, built)
    begin(page, " Anna-1 ")
    given = []
    for number in range(1, 51):
        ready(page, number)
        key = list(keys)[number * 7 % 11 % 4]
        given.append(keys[key])
        if number == 20:  # a reload loses nothing
            reload(page, built)
            assert until(lambda: find(page, "#answered").text) == "19 of 50"
            press(page, right)  # which is not yet an answer
            press(page, "\n")  # which goes on
            ready(page, 20)
        press(page, key)
    until(find(page, "#end").is_displayed)
    find(page, "#another").click()  # the next participant asks before the answers are discarded
    alert = until(lambda: page.switch_to.alert)
    assert alert.text == "These answers have not been saved. Discard them?"
    alert.dismiss()
    assert find(page, "#end").is_displayed()
    find(page, "#save").click()
    file = downloads / "study-anna-1.json"
    until(file.exists)
    until(lambda: file.read_text().endswith("}\n"))

    values = json.loads(file.read_text())
    key = Study.read(built)
    assert [row["id"] for row in values["answers"]] == key.draw("anna-1")
    assert [row["real"] for row in values["answers"]] == given
    assert all(row["ms"] >= 120 for row in values["answers"])
    result = score(built, file)
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert told["participants"] == 1
    assert sum(row["shown"] for row in told["sources"].values()) == 50
    assert sum(row["judged_real"] for row in told["sources"].values()) == sum(given)

    reload(page, built)  # the end stays, until someone else takes part
    assert find(page, "#text").get_property("value") == file.read_text()
    find(page, "#another").click()  # these were saved
    assert find(page, "#entry").is_displayed()
    assert find(page, "#code").get_property("value") != "anna-1"


def test_javascript_and_python_draw_and_hash_alike(page: Any, built: Path) -> None:
    key = Study.read(built)
    codes = [f"p-{number}" for number in range(40)]
    assert page.execute_script("return arguments[0].map(draw)", codes) == [key.draw(code) for code in codes]
    assert len({tuple(sorted(key.draw(code))) for code in codes}) == len(key.hands)  # all were tried
    texts = ["", "abc", "é€𝄞", *("x" * length for length in (55, 56, 63, 64, 65, 119, 120, 1000))]
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
    assert page.execute_script("return arguments[0].map(sha256)", texts) == digests


def test_taps_and_slips(page: Any) -> None:
    def answers() -> list[bool]:
        return page.execute_script("return answers.map((row) => row.real)")

    begin(page, "ben")
    ready(page, 1)
    page.execute_script("byId('real').click(); byId('real').click()")  # the second hits no new picture
    ready(page, 2)
    find(page, "#generated").click()
    ready(page, 3)
    assert answers() == [True, False]
    held = "dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft', repeat: true, cancelable: true}))"
    assert page.execute_script(f"return {held}") is False  # a key that is held down is swallowed
    page.execute_script("dispatchEvent(new KeyboardEvent('keydown', {key: 'r', ctrlKey: true}))")
    assert answers() == [True, False]


def test_codes(page: Any) -> None:
    assert page.execute_script("return Array.from({length: 99}, randomCode).every(isCode)")
    assert len(set(page.execute_script("return Array.from({length: 99}, randomCode)"))) == 99
    begin(page, "Zoë")
    assert find(page, "#code-fault").text == "A code has 2 to 20 letters (a to z), digits or hyphens."
    assert find(page, "#start").is_displayed()


@pytest.mark.parametrize(
    "kept",
    [
        "nonsense",
        "null",
        '{"participant": "anna", "answers": [{"id": "0123456789abcdef", "real": true, "ms": 1}]}',
        '{"participant": "", "answers": []}',
    ],
)
def test_what_does_not_fit_is_not_resumed(page: Any, built: Path, kept: str) -> None:
    page.execute_script("localStorage.setItem(store, arguments[0])", kept)
    visit(page, built)
    assert find(page, "#entry").is_displayed()


def test_it_works_without_storage(page: Any, built: Path) -> None:
    broken = "Object.defineProperty(window, 'localStorage', {get() { throw new Error('none') }})"
    script = page.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": broken})
    try:
        visit(page, built)
        begin(page, "carl")
        ready(page, 1)
        press(page, "g")
        ready(page, 2)
    finally:
        page.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)
        page.execute_script("answers = []")  # so that it can be left without a question


def test_the_network_is_forbidden(page: Any) -> None:
    blocked = page.execute_async_script(
        """
        const [address, done] = arguments, seen = [];
        addEventListener("securitypolicyviolation", (event) => {
          seen.push(event.effectiveDirective);
          if (seen.length === 3) done(seen.sort());
        });
        fetch(address).catch(() => {});
        new Image().src = address;
        const script = document.createElement("script");
        script.src = address;
        document.head.append(script);
        """,
        "http://127.0.0.1:9/",
    )
    assert blocked == ["connect-src", "img-src", "script-src-elem"]


@pytest.mark.parametrize(("width", "height"), [(360, 640), (390, 844), (740, 360), (1440, 900)])
def test_it_fits_without_scrolling(page: Any, width: int, height: int) -> None:
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 1000}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        assert page.execute_script("return document.documentElement.scrollWidth") == width
        begin(page, "dora")
        ready(page, 1)
        boxes = page.execute_script(
            "return ['#stage img', '#question', '#generated', '#real', '#counter'].map((selector) => {"
            "  const {left, top, right, bottom} = document.querySelector(selector).getBoundingClientRect();"
            "  return [left, top, right, bottom];"
            "})"
        )
        for index, (left, top, right, bottom) in enumerate(boxes):
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height
            for other in boxes[:index]:  # nothing lies over another
                assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
        picture, _, generated, real, _ = boxes
        assert picture[2] - picture[0] == pytest.approx(picture[3] - picture[1])
        assert picture[2] - picture[0] >= 200
        assert min(generated[3] - generated[1], real[3] - real[1]) >= 48
        assert generated[2] < real[0]
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
