"""Files in a store: what is fetched is whole, and a listing and a question agree."""

from pathlib import Path
from typing import Any

import pytest
from upath import UPath

from colourise.errors import PhotoError
from colourise.files import storage
from colourise.files.stamp import Stamp


def test_a_photo_that_changes_while_it_is_fetched_is_not_coloured(
    bucket: UPath, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = bucket / "photo.jpg"
    photo.write_bytes(b"before")
    fetch = bucket.fs.get_file

    def meanwhile(*arguments: Any) -> None:
        fetch(*arguments)
        photo.write_bytes(b"afterwards")

    monkeypatch.setattr(bucket.fs, "get_file", meanwhile)
    with pytest.raises(PhotoError, match=r"s3://bucket/photo.jpg: changed while it was read"):
        storage.fetch(photo, tmp_path / "photo.jpg")


def test_seconds_are_what_is_compared(bucket: UPath) -> None:
    """A listing and a question for one file must agree."""
    (bucket / "a.jpg").write_bytes(b"12345")
    ((url, listed),) = storage.listing(bucket).items()
    assert url == "s3://bucket/a.jpg"
    stamp = Stamp(5, listed.st_mtime_ns)
    assert storage.stamp_of(bucket / "a.jpg") == storage.stamp_of(url) == stamp
    assert storage.stamp_of("s3://bucket/b.jpg") is None
