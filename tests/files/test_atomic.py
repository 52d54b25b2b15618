import os
from pathlib import Path

import pytest

from colourise.files.atomic import atomic, atomic_path, mode_of, part_prefix


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    with atomic(tmp_path / "a") as file:
        file.write(b"half")
        file.flush()
        [part] = tmp_path.iterdir()
        assert part.name.startswith(part_prefix("a"))
        assert part.name.startswith(".")
        assert part.suffix == ".part"
        file.write(b" and whole")
    assert (tmp_path / "a").read_bytes() == b"half and whole"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_what_opens_its_file_by_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with atomic_path(tmp_path / "a") as part:
        part.write_bytes(b"new")
        assert (tmp_path / "a").read_bytes() == b"old"
    assert (tmp_path / "a").read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_old_file_stays_after_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(error), atomic(tmp_path / "a") as file:
        file.write(b"half")
        raise error
    with pytest.raises(error), atomic_path(tmp_path / "a"):
        raise error  # before anything was written
    assert (tmp_path / "a").read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_only_what_may_be_overwritten_is(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    with pytest.raises(FileExistsError, match="exists already"), atomic(tmp_path / "a", overwrite=False):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(FileExistsError, match="not a regular file"), atomic(tmp_path / "folder"):
        pass
    with pytest.raises(FileNotFoundError), atomic(tmp_path / "no" / "a"):
        pass
    assert (tmp_path / "a").read_bytes() == b"old"


def test_links_and_permissions_stay(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    (tmp_path / "a").chmod(0o640)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    with atomic(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "a").read_bytes() == b"new"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o640


def test_waiting_for_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    for sync in (True, False):
        with atomic(tmp_path / "a", sync=sync) as file:
            file.write(b"a")
        assert bool(synced) == sync
        synced.clear()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize(("bits", "taken"), [(0o600, 0o600), (0o640, 0o640), (0o755, 0o644), (0o444, 0o644)])
def test_permissions_of_the_source_from_the_first_byte_on(tmp_path: Path, bits: int, taken: int) -> None:
    (tmp_path / "source").touch()
    (tmp_path / "source").chmod(bits)
    assert mode_of(tmp_path / "source") == taken
    with atomic(tmp_path / "a", mode=taken) as file:
        [part] = tmp_path.glob("*.part")
        assert part.stat().st_mode & 0o777 == taken & ~umask()
        file.write(b"whole")
    assert (tmp_path / "a").stat().st_mode & 0o777 == taken


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_permissions_of_nothing_and_of_a_folder(tmp_path: Path) -> None:
    assert mode_of(tmp_path / "nothing") is None
    assert mode_of(tmp_path) is None
