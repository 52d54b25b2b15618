"""Names that a server chose and links that somebody planted: nothing is written outside the output folder."""

import io
from collections.abc import Callable
from pathlib import Path

import fsspec
import numpy as np
import pytest
from helpers.photos import PHOTOS
from helpers.web import album as served
from PIL import Image
from typer.testing import Result
from upath import UPath

from colourise.archives import remote_lock
from colourise.archives.job import PhotoOptions
from colourise.archives.plan import plan_jobs

Colourise = Callable[..., Result]
REFUSED = "refused, its place would lie outside"


def small() -> bytes:
    """A photo of a few bytes, as PNG."""
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8)).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def everything(folder: Path) -> set[str]:
    """All files and links below a folder, but for what a run remembers itself by."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if (path.is_file() or path.is_symlink()) and not path.name.startswith(".colourise.")
    }


def refused(result: Result) -> list[str]:
    """The photos that were refused, each named in one line."""
    lines = [line for line in result.stderr.splitlines() if "refused" in line]
    assert all(line.startswith("failed ") for line in lines)
    return [line.removeprefix("failed ").partition(": refused")[0] for line in lines]


def test_a_web_page_names_photos_outside(colourise: Colourise, tmp_path: Path) -> None:
    links = ["/album/../../../ESC.png", f"/album/{tmp_path}/ABS.png", "a.png", "/album/sub/b.png"]
    links += ["/album/./c.png", "/album/sub/../d.png", "/album//e.png", "/album/x?../../f.png"]
    links += ["/album/%2e%2e/g.png", "/album/up/../", "nul\x00.png"]
    with served(links, small()) as page:
        result = colourise(page, "-o", tmp_path / "here" / "out")
        assert everything(tmp_path) == {"here/out/a.png", "here/out/sub/b.png", "here/out/%2e%2e/g.png"}
        places = ["/../../../ESC.png", f"/{tmp_path}/ABS.png", "/./c.png", "/sub/../d.png", "//e.png"]
        places += ["/x?../../f.png", "/nul\\x00.png"]
        assert set(refused(result)) == {page + place for place in places}
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].startswith("3 coloured, 7 failed")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_page_may_name_files_of_the_other_scheme(
    colourise: Colourise, tmp_path: Path, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their places were cut out of their names as if they began like the page's."""
    with served(["a.png"], small()) as page:
        fs = UPath(page).fs
        name = page.replace("http", scheme, 1) + "/p.png"
        monkeypatch.setattr(
            type(fs), "ls", lambda *_, **__: [{"name": name, "size": None, "type": "file"}], raising=False
        )
        result = colourise(page, "-o", tmp_path / "out")
    assert everything(tmp_path) == ({"out/p.png"} if scheme == "http" else set())
    assert refused(result) == ([] if scheme == "http" else [name])


KEYS = {
    "a.png": "a.png",
    "sub/b.png": "sub/b.png",
    "/c.png": None,
    "sub//d.png": None,
    "x//y//e.png": None,
    "../f.png": None,
    "./g.png": None,
    "sub/../../h.png": None,
    "back\\..\\i.png": "back\\..\\i.png",  # a name like any other, but on Windows
    " /j.png": " /j.png",
    "..hidden/k.png": None,  # hidden, and left out like every hidden folder
}


def keys(place: UPath) -> None:
    """Put photos with odd keys into a store, where `/` makes no folders."""
    for key in KEYS:
        place.fs.pipe_file(f"{place.path}/{key}", small())


@pytest.mark.parametrize("output", ["disk", "store"])
def test_keys_of_a_store_that_lead_outside(
    colourise: Colourise, bucket: UPath, tmp_path: Path, output: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_lock, "SETTLE", 0.05)
    source = bucket / "album"
    keys(source)
    before = set(bucket.fs.find("bucket"))
    out = tmp_path / "here" / "out" if output == "disk" else UPath("s3://bucket/here/out")
    result = colourise(source, "-o", out)
    made = {place for place in KEYS.values() if place}
    if output == "disk":
        assert everything(tmp_path) == {f"here/out/{place}" for place in made}
    else:
        written = set(bucket.fs.find("bucket")) - before
        assert written == {f"bucket/here/out/{place}" for place in made | {".colourise.sqlite"}}
    odd = [key for key, place in KEYS.items() if place is None and not key.startswith("..h")]
    assert sorted(refused(result)) == sorted(f"{source}/{key}" for key in odd)
    assert result.stderr.splitlines()[-1].startswith(f"{len(made)} coloured, {len(odd)} failed")
    chosen = colourise(source, "-o", out, "--exclude", "[!a].png")
    assert refused(chosen) == [] and chosen.exit_code == 0


def test_keys_of_a_store_in_memory(colourise: Colourise, tmp_path: Path) -> None:
    from fsspec.implementations.memory import MemoryFile

    fs = fsspec.filesystem("memory")
    try:
        for key in ("a.png", "../b.png", "/c.png", "sub//d.png"):
            fs.store[f"/box/album/{key}"] = MemoryFile(fs, f"/box/album/{key}", small())
        result = colourise("memory://box/album", "-o", tmp_path / "here" / "out")
    finally:
        fs.store.clear()
        fs.pseudo_dirs[:] = [""]
    assert everything(tmp_path) == {"here/out/a.png"}
    assert sorted(refused(result)) == [
        f"memory://box/album/{key}" for key in ("../b.png", "/c.png", "sub//d.png")
    ]


def test_names_that_differ_by_what_a_disk_drops_get_places_of_their_own(tmp_path: Path) -> None:
    names = ["box/x.png", "Box/x.png", "box./x.png", "box /x.png", "b\u00f6x/x.png", "bo\u0308x/x.png"]
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    jobs = plan_jobs([tmp_path / "in"], tmp_path / "out", PhotoOptions()).jobs
    on_windows = {str(job.target).casefold().replace("./", "/").replace(" /", "/") for job in jobs}
    assert len(on_windows) == len(jobs) == len(names)


# Links


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A folder of somebody else's, in which nothing may change."""
    (tmp_path / "victim").mkdir()
    (tmp_path / "victim" / "letter.txt").write_text("mine")
    return tmp_path / "victim"


def test_a_planted_folder_is_not_written_through(
    colourise: Colourise, album: Path, out: Path, victim: Path
) -> None:
    out.mkdir()
    (out / "deep").symlink_to(victim)
    for more in ([], ["--overwrite"], ["--format", "png", "--compare"]):
        result = colourise(album, "-o", out, *more)
        assert result.exit_code == 1
        assert refused(result) == [str(album / "deep" / f"{name}.jpg") for name in "cdef"]
        assert f"refused, as {out / 'deep'} is a link, through which nothing is written" in result.stderr
        assert everything(victim) == {"letter.txt"}
    planned = colourise(album, "-o", out, "--dry-run", "--overwrite")
    assert len(refused(planned)) == 4
    (out / "deep").unlink()
    assert colourise(album, "-o", out).stderr.splitlines()[-1].startswith("4 coloured, 2 there already")


def test_an_output_folder_that_is_a_link_is_what_the_user_named(
    colourise: Colourise, album: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk 2").mkdir()
    (tmp_path / "out").symlink_to("disk 2")
    assert colourise(album, "-o", tmp_path / "out").exit_code == 0
    assert len(everything(tmp_path / "disk 2")) == 6


@pytest.mark.parametrize("there", [False, True])
def test_a_planted_target_is_not_written_through(
    colourise: Colourise, album: Path, out: Path, victim: Path, there: bool
) -> None:
    out.mkdir()
    end = victim / ("letter.txt" if there else "new.jpg")
    (out / "a.jpg").symlink_to(end)
    (out / "b.compare.jpg").symlink_to(end)
    result = colourise(album, "-o", out, "--compare", "--overwrite")
    assert sorted(refused(result)) == [str(album / "a.jpg"), str(album / "b.jpg")]
    assert result.stderr.splitlines()[-1].startswith("4 coloured, 2 failed")
    assert everything(victim) == {"letter.txt"}
    assert (victim / "letter.txt").read_text() == "mine"


def test_a_link_beside_a_photo_is_not_written_through(
    colourise: Colourise, photo: Path, victim: Path
) -> None:
    (photo.parent / "photo.colourised.jpg").symlink_to(victim / "new.jpg")
    result = colourise(photo)
    assert (result.exit_code, refused(result)) == (1, [str(photo)])
    assert everything(victim) == {"letter.txt"}
    (photo.parent / "chosen.jpg").symlink_to(victim / "new.jpg")
    assert colourise(photo, "-o", photo.parent / "chosen.jpg").exit_code == 0  # the user named it
    assert everything(victim) == {"letter.txt", "new.jpg"}


def test_a_url_of_a_disk_is_a_disk(
    colourise: Colourise, album: Path, out: Path, victim: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_lock, "SETTLE", 0.05)
    out.mkdir()
    (out / "deep").symlink_to(victim)
    (out / "a.jpg").symlink_to(victim / "new.jpg")
    result = colourise(album, "-o", out.as_uri(), "--overwrite")
    assert sorted(refused(result)) == [
        str(album / name) for name in ("a.jpg", *(f"deep/{n}.jpg" for n in "cdef"))
    ]
    assert everything(victim) == {"letter.txt"}


def test_a_page_written_into_a_folder_of_photos_goes_on(colourise: Colourise, tmp_path: Path) -> None:
    """A name that is refused once is refused again, and what is done stays done."""
    with served(["/album/../x.png", "a.png"], (PHOTOS / "camera.png").read_bytes()) as page:
        colourise(page, "-o", tmp_path / "out")
        again = colourise(page, "-o", tmp_path / "out")
    assert again.stderr.splitlines()[-1].startswith("0 coloured, 1 there already, 1 failed")


# Addresses


@pytest.mark.parametrize(
    "address",
    [
        "simplecache::http://127.0.0.1:1/album",
        "filecache::simplecache::memory://album",
        "zip://sub::file:///tmp/x.zip",
        "zip://x.zip::http://127.0.0.1:1/a",
        "tar://::memory://x.tar",
    ],
)
def test_chained_addresses_are_refused_in_one_line(
    colourise: Colourise, photo: Path, tmp_path: Path, address: str
) -> None:
    for arguments in (
        [address, "-o", tmp_path / "out"],
        [photo, "-o", address],
        [photo.parent, "-o", address],
    ):
        result = colourise(*arguments)
        assert result.exit_code == 1
        assert result.stderr.startswith(
            f"error {address}: has ::, which chains addresses and is not followed; "
        )
        assert len(result.stderr.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.jpg"]


@pytest.mark.parametrize(
    "address", ["zip://album", "github://a", "dir://x", "reference://x", "http://[::1]/a", "s3://"]
)
def test_other_addresses_are_one_line(colourise: Colourise, tmp_path: Path, address: str) -> None:
    result = colourise(address, "-o", tmp_path / "out")
    assert result.exit_code in (1, 2)
    assert result.exit_code == 2 or len(result.stderr.splitlines()) == 1


def test_keys_that_would_be_chains_are_named(colourise: Colourise, bucket: UPath, tmp_path: Path) -> None:
    """fsspec took s3://bucket/a::b.png for the key "a", and what comes after it for another address."""
    for key in ("a.png", "b::c.png", "d::file:///etc/e.png", "zip::f.png"):
        bucket.fs.pipe_file(f"bucket/album/{key}", small())
    result = colourise(bucket / "album", "-o", tmp_path / "out")
    assert result.stderr.count("has ::, which chains addresses") == 3
    assert result.stderr.splitlines()[-1].startswith("1 coloured, 3 failed")
    assert everything(tmp_path) == {"out/a.png"}


def test_a_double_colon_on_a_disk_is_a_name(colourise: Colourise, album: Path, out: Path) -> None:
    (album / "a.jpg").rename(album / "zip::a.jpg")
    (album / "deep").rename(album / "simplecache::b")
    assert colourise(album, "-o", out).exit_code == 0
    assert {"zip::a.jpg", "simplecache::b/c.jpg"} <= everything(out)
