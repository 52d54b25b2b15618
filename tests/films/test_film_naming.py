"""Where coloured films go."""

from pathlib import Path

import pytest

from colourise.films.naming import output_paths


@pytest.mark.parametrize(
    ("source", "output", "preview", "target"),
    [
        ("a/b.mp4", None, False, "a/b.colourised.mp4"),
        ("a/b.MOV", None, True, "a/b.preview.MOV"),
        ("a/b.avi", None, False, "a/b.colourised.mkv"),
        ("a/b.mp4", "c.mkv", False, "c.mkv"),
        ("a/b.mp4", "c", False, "c/b.mp4"),
        ("a/b.mp4", "c.d/", False, "c.d/b.mp4"),
        ("a/b.wmv", "c", True, "c/b.mkv"),
        ("a/b.gif", "", False, "a/b.colourised.gif"),
    ],
)
def test_a_film_goes_beside_its_source_or_to_a_file_or_into_a_folder(
    source: str, output: str | None, preview: bool, target: str
) -> None:
    assert output_paths([Path(source)], output, preview=preview) == [Path(target)]


def test_several_films_and_folders_that_exist(tmp_path: Path) -> None:
    folder = tmp_path / "films.old"
    assert output_paths([Path("a.mp4"), Path("b.ts")], folder) == [folder / "a.mp4", folder / "b.ts"]
    assert output_paths([Path("a.mp4")], folder) == [folder]
    folder.mkdir()
    assert output_paths([Path("a.mp4")], folder) == [folder / "a.mp4"]
