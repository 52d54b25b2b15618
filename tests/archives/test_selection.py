"""Which photos of folders are meant, and that shards share them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.archives import made, summary
from typer.testing import Result

Colourise = Callable[..., Result]


def test_choosing_photos(colourise: Colourise, album: Path, out: Path) -> None:
    os.utime(album / "a.jpg", (1, 1))

    def planned(*options: str) -> set[str]:
        told = colourise(album, "-o", out, "--dry-run", *options).stdout
        return {Path(line.split(" -> ")[0]).stem for line in told.splitlines()}

    assert planned() == set("abcdef")
    assert planned("--include", "[a-c].jpg") == set("abc")
    assert planned("--include", "deep/*") == set("cdef")
    assert planned("--exclude", "deep/*", "--exclude", "b.*") == {"a"}
    assert planned("--since", "2001-01-01") == set("bcdef")
    assert len(planned("--limit", "2")) == 2
    parts = [planned("--shard", f"{part}/3") for part in (1, 2, 3)]
    assert set.union(*parts) == set("abcdef") and sum(map(len, parts)) == 6
    assert not out.exists()  # a dry run makes nothing


@pytest.mark.parametrize("shard", ["0/3", "4/3", "3", "a/b"])
def test_shards_that_make_no_sense(colourise: Colourise, album: Path, out: Path, shard: str) -> None:
    assert colourise(album, "-o", out, "--shard", shard).exit_code == 2


def test_shards_share_an_output_folder(colourise: Colourise, album: Path, out: Path) -> None:
    for part in (1, 2):
        assert colourise(album, "-o", out, "--shard", f"{part}/2").exit_code == 0
    assert len(made(out)) == 6
    again = [summary(colourise(album, "-o", out, "--shard", f"{part}/2")) for part in (1, 2)]
    assert all(line.startswith("0 coloured") for line in again)
