"""What several tests need: a tiny model made by the real code, real photos, and the command line."""

# ruff: noqa: E402  # the environment comes before the imports that look at it
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

for name in ("FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS"):  # they make Rich and Typer colour files too
    os.environ.pop(name, None)
os.environ["COLUMNS"] = "80"
os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of so small networks mostly wait for each other

import numpy as np
import pytest
from helpers.clips import grey, pan, write
from helpers.extras import IMPORTING
from helpers.photos import PHOTOS, black_and_white
from PIL import Image
from typer.testing import CliRunner, Result

from colourise.cli.commands import app
from colourise.extras import missing

if TYPE_CHECKING:
    from upath import UPath

TESTS = Path(__file__).parent


class WithoutExtra(pytest.Module):
    """A test file whose extra is not installed."""

    extra = ""

    def collect(self) -> NoReturn:
        pytest.skip(f"needs colourise[{self.extra}]", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    for extra, files in IMPORTING.items():
        if missing(extra) and any(module_path.match(f"tests/{file}") for file in files):
            module = WithoutExtra.from_parent(parent, path=module_path)
            module.extra = extra
            return module
    return None


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("needs"):
        if missing(mark.args[0]):
            pytest.skip(f"needs colourise[{mark.args[0]}]")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stem of a whole checkpoint (weights, ONNX file, card): a small U-Net that paints random colours."""
    return Path(shutil.copytree(TESTS / "tiny", tmp_path_factory.mktemp("models") / "tiny")) / "tiny"


NAMES = {
    "chelsea.jpg": "chelsea.jpg",
    "1921/camera.png": "camera.png",
    "1921/Köln/coffee.JPG": "coffee.jpg",
    "1921/Köln/Straße am Dom.jpg": "rocket.jpg",
}


def planted(tree: Path, photo: Callable[[str], bytes]) -> Path:
    """Make a folder of four real photos in three levels, named as people do, and a file that is no photo."""
    for place, name in NAMES.items():
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        (tree / place).write_bytes(photo(name))
    (tree / "1921" / "notes.txt").write_text("none of these is a photo")
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder of four black-and-white photos in three levels, and a file that is no photo."""
    return planted(tmp_path / "Fotos von früher", black_and_white)


@pytest.fixture
def colour_tree(tmp_path: Path) -> Path:
    """The same with its photos in colour, but one, camera.png, which is grey."""
    return planted(tmp_path / "Fotos von heute", lambda name: (PHOTOS / name).read_bytes())


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A real black-and-white photo, alone in its folder."""
    file = tmp_path / "photo.jpg"
    file.write_bytes(black_and_white("chelsea.jpg"))
    return file


@pytest.fixture
def colourise(tiny_model: Path) -> Callable[..., Result]:
    """Runs `colourise ARGUMENTS --model TINY` in this process."""

    def colourise(*arguments: str | Path, stdin: bytes | None = None, model: bool = True) -> Result:
        chosen = ["--model", str(tiny_model)] if model else []
        result = CliRunner().invoke(app, [*map(str, arguments), *chosen], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception  # a traceback is never what a user should see
        return result

    return colourise


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two scenes in grey, with sound."""
    frames = grey(pan("coffee.jpg", 14) + pan("chelsea.jpg", 10))
    return write(tmp_path / "film.mp4", frames, options={"crf": "10"}, sound=1.0)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of an S3 server."""
    pytest.importorskip("moto", reason="moto is not installed")
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator["UPath"]:
    """An empty bucket, which the environment leads to."""
    s3fs = pytest.importorskip("s3fs", reason="needs colourise[s3]")
    from upath import UPath

    monkeypatch.setenv("AWS_ENDPOINT_URL", server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = UPath("s3://bucket")
    bucket.fs.mkdir("bucket")
    yield bucket
    bucket.fs.rm("bucket", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(params=["s3", "memory"])
def store(request: pytest.FixtureRequest) -> Iterator["UPath"]:
    """A place in an object store, and one where files could be seen half-written."""
    import fsspec
    from upath import UPath

    if request.param == "s3":
        yield request.getfixturevalue("bucket")
    else:
        yield UPath("memory://bucket")
        fsspec.filesystem("memory").store.clear()


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Six small photos in two folders."""
    chance = np.random.default_rng(0)
    for name in ("a", "b", "deep/c", "deep/d", "deep/e", "deep/f"):
        path = tmp_path / "album" / f"{name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(chance.integers(0, 256, (24, 32)).astype(np.uint8)).save(path)
    return tmp_path / "album"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"
