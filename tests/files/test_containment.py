"""Places below a folder: which names stay there, on each kind of disk."""

from pathlib import Path

import pytest

from colourise.extras import missing
from colourise.files.containment import is_below, is_plain, link_between, text_prefix
from colourise.files.storage import located


@pytest.mark.parametrize(
    "place", ["a.png", "a/b c/d.png", "a/...png", "a/..b/c.png", "a./b ", "~/a", "%2e%2e/a"]
)
def test_places_that_stay_below(place: str) -> None:
    assert is_plain(place)


@pytest.mark.parametrize("place", ["", "/a", "../a", "a/../b", "a/..", "./a", "a/./b", "a//b", "a/", "a\0b"])
def test_places_that_do_not(place: str) -> None:
    assert not is_plain(place)


@pytest.mark.parametrize(
    ("place", "plain"), [("a\\..\\b", False), ("\\a", False), ("C:a", False), ("a:b", False), ("a\\b", True)]
)
def test_windows_has_more_separators(place: str, plain: bool) -> None:
    assert is_plain(place, windows=True) == plain
    assert is_plain(place, windows=False)


@pytest.mark.parametrize(
    "folder",
    [".", "out", "../out", "/", "/a/../b", "memory://", "memory:///a", "s3://bucket", "s3://bucket/a/",
     "s3://bucket//a", "http://host/a"],
)  # fmt: skip
def test_what_is_below_every_kind_of_folder(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if folder.startswith(("s3:", "http:")) and missing("s3"):
        pytest.skip("needs colourise[s3]")  # which brings aiohttp, too
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    place = located(folder)
    prefix = text_prefix(place)
    assert is_below(place / "a.png", prefix)
    assert is_below(place / "a" / "b.png", prefix)
    assert not is_below(located(f"{folder.rstrip('/') or ''}/../a.png"), prefix)
    assert not is_below(Path("/elsewhere/a.png") if folder != "/" else Path("a.png"), prefix)


def test_only_links_below_the_folder_count(tmp_path: Path) -> None:
    (tmp_path / "real" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / "loop").symlink_to("loop")
    folder = tmp_path / "link"
    assert link_between(folder, folder / "sub" / "a") is None
    assert link_between(folder, folder / "none" / "a") is None
    assert link_between(tmp_path, folder / "sub" / "a") == folder
    assert link_between(folder, folder / "loop" / "a") == folder / "loop"
    assert link_between(folder, folder) is None
