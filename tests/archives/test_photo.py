"""One photo: from a file, bytes or an open file, to a file or an open file."""

import io
import shutil
from pathlib import Path

import pytest
from helpers.photos import pixels
from upath import UPath

from colourise import archives
from colourise.archives import PhotoOptions
from colourise.colouriser import Colouriser, load_model
from colourise.errors import OptionError, PhotoError

PLAIN = PhotoOptions(history=False)


@pytest.fixture
def colouriser(tiny_model: Path) -> Colouriser:
    return load_model(str(tiny_model))


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
    assert colour(photo.read_bytes(), UPath("memory://there/photo.jpg").open("wb")).notes == ()
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
