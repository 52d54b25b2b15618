"""Photos in an object store (a real S3 protocol, served on this machine) and in other places of fsspec's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.photos import PHOTOS, black_and_white
from helpers.ray import with_ray
from typer.testing import Result
from upath import UPath

from colourise.archives import remote_lock
from colourise.errors import PhotoError
from colourise.files import storage

Colourise = Callable[..., Result]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote_lock, "SETTLE", 0.05)


def archive(place: Any) -> Any:
    """Three photos and a broken one below a place."""
    folder = place / "archive"
    for name, photo in {"chelsea.jpg": "chelsea.jpg", "box 1/Straße #2?.jpg": "coffee.jpg"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(black_and_white(photo))
    (folder / "box 1" / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "box 1" / "deep" / "camera.png").write_bytes((PHOTOS / "camera.png").read_bytes())
    (folder / "broken.jpg").write_bytes(black_and_white("coffee.jpg")[:3000])
    (folder / "notes.txt").write_bytes(b"no photo")
    return folder


def files(place: Any) -> dict[str, bytes]:
    """What is below a folder, by place in it."""
    if isinstance(place, Path):
        return {
            path.relative_to(place).as_posix(): path.read_bytes()
            for path in place.rglob("*")
            if path.is_file() and not path.name.startswith(".colourise")
        }
    place.fs.invalidate_cache()
    root = str(place.path).rstrip("/")
    return {
        path.removeprefix(root).lstrip("/"): place.fs.cat_file(path)
        for path in place.fs.find(root)
        if "/.colourise" not in path
    }


def test_a_remote_archive_is_coloured_as_one_on_a_disk(
    colourise: Colourise, store: UPath, tmp_path: Path
) -> None:
    assert colourise(archive(tmp_path), "-o", tmp_path / "out", "--no-history").exit_code == 1
    source, out = archive(store), store / "coloured"
    result = colourise(source, "-o", out, "--no-history")
    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    assert f"failed {source}/broken.jpg: truncated; copy it again from its source" in lines
    assert lines[-1].startswith("3 coloured, 1 failed")
    made = files(out)
    assert made == files(tmp_path / "out")
    assert made.keys() == {"chelsea.jpg", "box 1/Straße #2?.jpg", "box 1/deep/camera.png"}
    left = {path.rpartition("/")[2] for path in out.fs.find(out.path) if "/.colourise" in path}
    assert left == {".colourise.sqlite"}  # no lock, no parts


def test_running_again_does_what_is_left(colourise: Colourise, store: UPath) -> None:
    source, out = archive(store), store / "coloured"
    colourise(source, "-o", out)
    before = files(out)
    again = colourise(source, "-o", out, "--json-lines")
    assert again.exit_code == 1
    assert [json.loads(line)["source"] for line in again.stdout.splitlines()] == [f"{source}/broken.jpg"]
    assert again.stderr.splitlines()[-1].startswith("0 coloured, 3 there already, 1 failed")
    assert files(out) == before

    (source / "broken.jpg").write_bytes(black_and_white("rocket.jpg"))
    (source / "chelsea.jpg").write_bytes(black_and_white("astronaut.jpg"))
    (out / "box 1" / "deep" / "camera.png").unlink()
    third = colourise(source, "-o", out)
    assert third.exit_code == 0, third.stderr
    assert third.stderr.splitlines()[-1].startswith("3 coloured, 1 there already")
    after = files(out)
    assert after.keys() == before.keys() | {"broken.jpg"}
    assert after["chelsea.jpg"] != before["chelsea.jpg"]
    planned = colourise(source, "-o", out, "--saturation", "2", "--dry-run")
    assert f"{source}/chelsea.jpg -> {out}/chelsea.jpg (other model or options)" in planned.stdout.replace(
        "\n", ""
    )


def test_between_a_store_and_a_disk(colourise: Colourise, bucket: UPath, tmp_path: Path) -> None:
    assert colourise(archive(bucket), "-o", tmp_path / "here", "--no-history", "--compare").exit_code == 1
    assert colourise(archive(tmp_path), "-o", bucket / "there", "--no-history", "--compare").exit_code == 1
    here = files(tmp_path / "here")
    assert here == files(bucket / "there")
    assert {"chelsea.jpg", "chelsea.compare.jpg"} <= here.keys()


@with_ray
def test_workers_fetch_and_put_by_themselves(colourise: Colourise, bucket: UPath, tmp_path: Path) -> None:
    source, out = archive(bucket), bucket / "coloured"
    result = colourise(source, "-o", out, "--no-history", "--engine", "ray", "--workers", "2")
    assert result.exit_code == 1
    assert result.stderr.startswith("Ray: ")
    assert f"failed {source}/broken.jpg: truncated" in result.stderr
    assert colourise(archive(tmp_path), "-o", tmp_path / "out", "--no-history").exit_code == 1
    assert files(out) == files(tmp_path / "out")
    again = colourise(source, "-o", out, "--no-history")  # either engine goes on with the other's
    assert again.stderr.splitlines()[-1].startswith("0 coloured, 3 there already, 1 failed")


def test_a_file_that_is_there_is_not_written_over(colourise: Colourise, bucket: UPath) -> None:
    source, out = archive(bucket), bucket / "coloured"
    (out / "chelsea.jpg").write_bytes(b"mine")
    assert colourise(source, "-o", out).exit_code == 1
    assert files(out)["chelsea.jpg"] == b"mine"
    with pytest.raises(PhotoError, match=r"coloured/chelsea.jpg: is there already"):
        storage.put(PHOTOS / "chelsea.jpg", out / "chelsea.jpg", overwrite=False)


# What cannot be


def test_places_that_nobody_knows(colourise: Colourise, tmp_path: Path) -> None:
    for url, told in {
        "gs://bucket/archive": "needs another package: pip install gcsfs",
        "floppy://a/archive": "floppy:// cannot be reached",
    }.items():
        result = colourise(url, "-o", tmp_path / "out")
        assert result.exit_code == 1
        assert result.stderr.replace("\n", " ").startswith(f"error {url}: {told}"), result.stderr


def test_buckets_that_are_not_there(colourise: Colourise, bucket: UPath, tmp_path: Path) -> None:
    missing = colourise("s3://no-such-bucket/archive", "-o", tmp_path / "out")
    assert missing.exit_code == 1
    assert missing.stderr.startswith("error s3://no-such-bucket/archive: no such folder")
    nowhere = colourise(archive(bucket), "-o", "s3://no-such-bucket/out")
    assert nowhere.exit_code == 1
    assert nowhere.stderr.startswith("error s3://no-such-bucket/out/.colourise")
    assert nowhere.stderr.count("\n") <= 3


def test_what_goes_another_way(colourise: Colourise, bucket: UPath, tmp_path: Path) -> None:
    source = archive(bucket)
    assert colourise(source).exit_code == 2
    assert colourise(source, "-o", tmp_path / "out", "--watch").exit_code == 2
    assert colourise(source, "-o", tmp_path / "out", "--report", tmp_path / "a.html").exit_code == 2
    assert colourise(source / "chelsea.jpg", "-o", tmp_path / "out").exit_code == 1
