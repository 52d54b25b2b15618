"""One photo: from a file, bytes or an open file, to a file or an open file."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers.archives import colour_all
from helpers.photos import PHOTOS, pixels
from PIL import Image
from upath import UPath

from colourise import archives, images
from colourise.archives.job import PhotoJob, PhotoOptions
from colourise.archives.photo import write_coloured
from colourise.archives.plan import plan_jobs
from colourise.colouriser import Colouriser
from colourise.errors import OptionError, PhotoError

PLAIN = PhotoOptions(history=False)


def test_from_anything_to_anything(photo: Path, colouriser: Colouriser, tmp_path: Path) -> None:
    def colour(source: object, output: object = None) -> archives.ColouredPhoto:
        return archives.colour_photo(source, output, model=colouriser, options=PLAIN)  # type: ignore[arg-type]

    made = colour(photo)
    assert made == archives.ColouredPhoto(photo.with_name("photo.colourised.jpg"), ())
    data = photo.with_name("photo.colourised.jpg").read_bytes()
    assert colour(str(photo), str(tmp_path / "new.jpg")).output == tmp_path / "new.jpg"
    (tmp_path / "folder").mkdir()
    assert colour(photo, tmp_path / "folder").output == tmp_path / "folder" / "photo.jpg"
    assert colour(photo.read_bytes(), tmp_path / "bytes.jpg").output == tmp_path / "bytes.jpg"
    with photo.open("rb") as file:
        assert colour(file, tmp_path / "file.jpg").output == tmp_path / "file.jpg"
    buffer = io.BytesIO()
    assert colour(photo, buffer).output is buffer
    with UPath("memory://there/photo.jpg").open("wb") as stream:
        assert colour(photo.read_bytes(), stream).output is stream
    assert UPath("memory://there/photo.jpg").read_bytes() == data
    for file in ("new.jpg", "folder/photo.jpg", "bytes.jpg", "file.jpg"):
        assert (tmp_path / file).read_bytes() == data
    assert buffer.getvalue() == data


def test_a_photo_in_a_store(photo: Path, colouriser: Colouriser, store: UPath) -> None:
    (store / "photo.jpg").write_bytes(photo.read_bytes())
    made = archives.colour_photo(
        str(store / "photo.jpg"), str(store / "out"), model=colouriser, options=PLAIN
    )
    assert made.output == store / "out" / "photo.jpg"
    archives.colour_photo(photo, model=colouriser, options=PLAIN)
    assert made.output.read_bytes() == photo.with_name("photo.colourised.jpg").read_bytes()  # type: ignore[union-attr]
    (store / "bad.jpg").write_bytes(b"no photo")
    with pytest.raises(PhotoError, match=f"^{store / 'bad.jpg'}: not an image; give") as told:
        archives.colour_photo(str(store / "bad.jpg"), str(store / "out"), model=colouriser)
    assert told.value.path == store / "bad.jpg"


def test_between_a_store_and_open_files(photo: Path, colouriser: Colouriser, store: UPath) -> None:
    url = str(store / "new" / "photo.jpg")
    both = PhotoOptions(history=False, compare=True)
    data = photo.read_bytes()
    assert archives.colour_photo(data, url, model=colouriser, options=both).output == UPath(url)
    assert (store / "new" / "photo.compare.jpg").is_file()
    again = io.BytesIO()
    (store / "old.jpg").write_bytes(data)
    archives.colour_photo(str(store / "old.jpg"), again, model=colouriser, options=PLAIN)
    assert again.getvalue() == (store / "new" / "photo.jpg").read_bytes()
    with pytest.raises(PhotoError, match=f"^{url}: is there already"):
        archives.colour_photo(data, url, model=colouriser, options=PLAIN)
    (store / "bad.jpg").write_bytes(b"no photo")
    with pytest.raises(PhotoError, match=f"^{store / 'bad.jpg'}: not an image"):
        archives.colour_photo(str(store / "bad.jpg"), io.BytesIO(), model=colouriser)


def test_before_and_after(photo: Path, colouriser: Colouriser, tmp_path: Path) -> None:
    options = PhotoOptions(compare=True)
    archives.colour_photo(photo, tmp_path / "a.png", model=colouriser, options=options)
    archives.colour_photo(photo.read_bytes(), tmp_path / "b.png", model=colouriser, options=options)
    assert (pixels(tmp_path / "a.compare.jpg") == pixels(tmp_path / "b.compare.jpg")).all()
    with pytest.raises(OptionError, match="beside a file"):
        archives.colour_photo(photo, io.BytesIO(), model=colouriser, options=options)


def test_what_cannot_be(photo: Path, colouriser: Colouriser, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="name an output"):
        archives.colour_photo(photo.read_bytes(), model=colouriser)
    with pytest.raises(PhotoError, match="is a folder, not a photo"):
        archives.colour_photo(tmp_path, model=colouriser)
    with pytest.raises(PhotoError, match="standard input: not an image"):
        archives.colour_photo(b"no photo", tmp_path / "a.jpg", model=colouriser)
    with pytest.raises(PhotoError, match="would be written over"):
        archives.colour_photo(photo, photo, model=colouriser, options=PhotoOptions(overwrite=True))
    shutil.copy(photo, tmp_path / "there.jpg")
    with pytest.raises(PhotoError, match=r"there\.jpg: is there already"):
        archives.colour_photo(photo, tmp_path / "there.jpg", model=colouriser)


def test_a_target_that_cannot_be_written_leaves_nothing(
    photo: Path, colouriser: Colouriser, tmp_path: Path
) -> None:
    folder = tmp_path / "folder.jpg"
    folder.mkdir()
    long = tmp_path / f"{'x' * 250}.colourised.jpg"
    jobs = [
        PhotoJob(photo, folder, named=False),
        PhotoJob(photo, long, named=False),
        PhotoJob(photo, photo / "a.jpg", named=True),
    ]
    outcomes = colour_all(jobs, colouriser, PhotoOptions(overwrite=True))
    assert [outcome.result for outcome in outcomes] == ["failed"] * 3
    assert all("\n" not in outcome.reason for outcome in outcomes)
    assert "File name too long" in colour_all(jobs[1:2], colouriser, PhotoOptions())[0].reason
    assert sorted(tmp_path.iterdir()) == [folder, photo]


def test_a_picture_that_pillow_cannot_write_streams_as_png(colouriser: Colouriser, tmp_path: Path) -> None:
    Image.open(PHOTOS / "camera.png").save(tmp_path / "moving.gif")
    with (tmp_path / "stream").open("wb") as stream:
        write_coloured((tmp_path / "moving.gif").read_bytes(), stream, colouriser, PhotoOptions())
    assert (tmp_path / "stream").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("depth", [8, 16])
def test_a_before_after_picture_of_a_large_scan_is_small(
    colouriser: Colouriser, tmp_path: Path, depth: int
) -> None:
    scan = np.linspace(0, 2**depth - 1, 3000 * 700).reshape(700, 3000).astype(f"uint{depth}")
    images.write(images.Photo(scan, None, "TIFF"), tmp_path / "scan.tif")
    jobs = plan_jobs([tmp_path], tmp_path / "out", PhotoOptions(compare=True)).jobs
    (outcome,) = colour_all(jobs, colouriser, PhotoOptions(compare=True))
    assert outcome.result == "coloured", outcome.reason
    sheet = pixels(tmp_path / "out" / "scan.compare.jpg")
    assert sheet.shape == (478, 2 * 2048, 3)
    assert np.abs(sheet[:, :2048].astype(int) - sheet[:, :2048].mean(2, keepdims=True)).max() < 12  # grey
    assert np.ptp(sheet[:, 2048:].astype(int), axis=2).max() > 20
