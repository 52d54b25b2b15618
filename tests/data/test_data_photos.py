"""Photos are found once, and read."""

import tarfile

from colourise.data.photos import find_photos, place_of


def test_photos_are_found_once_and_only_where_they_are_meant(classes, tmp_path):
    folder, shards = classes
    before = find_photos(folder)
    (folder / "n2" / "link.jpg").symlink_to(folder / "n0" / "00.jpg")
    assert find_photos(folder) == before
    assert find_photos(folder / "n0" / "00.jpg") == [folder / "n0" / "00.jpg"]
    (shards / "._a.tar").write_bytes(b"a Mac was here")
    (shards / "folder.tar").mkdir()
    (shards / "c.tar").symlink_to(shards / "a.tar")
    with tarfile.open(shards / "d.tar", "w") as tar:
        for name in ("x/one.jpg", "x/one.colourised.jpg", "x/._one.jpg"):
            tar.add(before[0], name)
    assert [place_of(photo).relative_to(shards).as_posix() for photo in find_photos(shards)[24:]] == [
        "d.tar/x/one.jpg"
    ]
