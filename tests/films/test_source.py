"""Films and photos are told apart."""

from pathlib import Path

from helpers.clips import pan
from helpers.films import Colourise
from helpers.photos import PHOTOS
from PIL import Image

from colourise.films.source import is_film


def test_a_photo_is_no_film_and_a_film_without_suffix_is(film: Path) -> None:
    assert not is_film(PHOTOS / "chelsea.jpg")
    assert is_film(film.rename(film.with_suffix(".unknown")))
    assert not is_film(film.parent)


def test_a_gif_of_one_picture_is_a_photo(colourise: Colourise, tmp_path: Path) -> None:
    Image.fromarray(pan("coffee.jpg", 1)[0]).save(tmp_path / "a.gif")
    assert colourise(tmp_path / "a.gif").exit_code == 0
    assert (tmp_path / "a.colourised.png").exists()


def test_an_icon_is_no_film(colourise: Colourise, tmp_path: Path) -> None:
    """FFmpeg takes it for a film of one picture."""
    Image.fromarray(pan("coffee.jpg", 1)[0]).save(tmp_path / "a.ico")
    result = colourise(tmp_path / "a.ico")
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [tmp_path / "a.ico"])
    assert result.stderr == (
        f"failed {tmp_path / 'a.ico'}: not an image; give a JPEG, PNG, TIFF, WebP, BMP, AVIF or HEIC file\n"
    )
