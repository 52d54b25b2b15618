"""Where coloured films go."""

from fractions import Fraction
from pathlib import Path

import pytest

from colourise.files.names import is_film_name
from colourise.films import FilmOptions
from colourise.films.naming import output_paths, partial_path

PREVIEW = FilmOptions(preview=10)


@pytest.mark.parametrize(
    ("source", "output", "options", "target"),
    [
        ("a/b.mp4", None, FilmOptions(), "a/b.colourised.mp4"),
        ("a/b.MOV", None, PREVIEW, "a/b.preview.MOV"),
        ("a/b.avi", None, FilmOptions(), "a/b.colourised.mkv"),
        ("a/b.mp4", "c.mkv", FilmOptions(), "c.mkv"),
        ("a/b.mp4", "c", FilmOptions(), "c/b.mp4"),
        ("a/b.mp4", "c.d/", FilmOptions(), "c.d/b.mp4"),
        ("a/b.wmv", "c", PREVIEW, "c/b.preview.mkv"),
        ("a/b.gif", "", FilmOptions(), "a/b.colourised.gif"),
        ("a/b.mp4", "c.mkv", FilmOptions(start=1), "c.mkv"),
        ("a/b.mp4", "c", FilmOptions(start=90), "c/b-from-1m30s.mp4"),
    ],
)
def test_a_film_goes_beside_its_source_or_to_a_file_or_into_a_folder(
    source: str, output: str | None, options: FilmOptions, target: str
) -> None:
    assert output_paths([Path(source)], output, options) == [Path(target)]


@pytest.mark.parametrize(
    ("options", "saturation", "name"),
    [
        (FilmOptions(start=90, end=120), 1, "b.colourised-1m30s-2m.mp4"),
        (FilmOptions(end=Fraction(7384, 2)), 1, "b.colourised-to-1h1m32s.mp4"),
        (FilmOptions(start=Fraction(1, 3)), 1, "b.colourised-from-0.333333s.mp4"),
        (FilmOptions(start=0, end=10), 1, "b.colourised-to-10s.mp4"),
        (FilmOptions(start=5, preview=10), 1, "b.preview-from-5s.mp4"),
        (FilmOptions(), 0.7, "b.colourised-0.7.mp4"),
        (FilmOptions(start=3600, end=7200), 1.25, "b.colourised-1h-2h-1.25.mp4"),
    ],
)
def test_a_part_and_other_colours_have_a_name_of_their_own(
    options: FilmOptions, saturation: float, name: str
) -> None:
    (target,) = output_paths([Path("b.mp4")], None, options, saturation=saturation)
    assert target.name == name
    assert not is_film_name(name) and not is_film_name(partial_path(target).name)
    assert is_film_name("b.colourised-by-hand.mp4")


def test_several_films_and_folders_that_exist(tmp_path: Path) -> None:
    folder = tmp_path / "films.old"
    assert output_paths([Path("a.mp4"), Path("b.ts")], folder) == [folder / "a.mp4", folder / "b.ts"]
    assert output_paths([Path("a.mp4")], folder) == [folder]
    folder.mkdir()
    assert output_paths([Path("a.mp4")], folder) == [folder / "a.mp4"]
