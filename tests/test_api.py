"""The Python API: what `from colourise import ...` gives."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.clips import pan, write as write_film
from helpers.photos import PHOTOS, pixels
from PIL import Image

import colourise
from colourise import (
    ColouriseError,
    available_models,
    colour_film,
    colour_folder,
    colour_photo,
    load_model,
    read,
    write,
)
from colourise.archives import FilmResult, PhotoEnded
from colourise.films import FilmFinished, FilmOptions, FilmProgress


def test_importing_takes_nothing_heavy() -> None:
    heavy = "{'numpy', 'cv2', 'PIL', 'onnxruntime', 'torch', 'av', 'typer'}"
    program = f"import sys, colourise; sys.exit(len({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
    assert (Path(colourise.__file__).parent / "py.typed").exists()
    with pytest.raises(AttributeError, match="no attribute 'color'"):
        _ = colourise.color


def test_a_photo_from_a_file_to_a_file(photo: Path, tiny_model: Path, tmp_path: Path) -> None:
    result = colour_photo(photo, model=str(tiny_model))
    assert result.output == photo.with_name("photo.colourised.jpg")
    model = load_model(str(tiny_model))
    with pytest.raises(ColouriseError, match="is there already"):
        colour_photo(str(photo), model=model)
    again = colour_photo(str(photo), str(tmp_path / "out.png"), model=model, compare=True)
    assert again.output == tmp_path / "out.png"
    assert (tmp_path / "out.compare.jpg").exists()
    colour_photo(photo, tmp_path / "out.png", model=model, overwrite=True)
    picture = pixels(photo)
    assert np.array_equal(pixels(tmp_path / "out.png"), model(picture))


def test_bytes_and_open_files(photo: Path, tiny_model: Path) -> None:
    model = load_model(str(tiny_model))
    expected = model(pixels(photo))
    for source in (photo.read_bytes(), io.BytesIO(photo.read_bytes()), photo.open("rb"), photo):
        target = io.BytesIO()
        assert colour_photo(source, target, model=model, format="png").output is target
        assert np.array_equal(pixels(target.getvalue()), expected)
        if hasattr(source, "close"):
            source.close()
    with pytest.raises(ColouriseError, match="name an output"):
        colour_photo(photo.read_bytes(), model=model)


def test_a_folder(tree: Path, tiny_model: Path, tmp_path: Path) -> None:
    (tree / "broken.jpg").write_text("no photo")
    out, events = tmp_path / "out", []
    summary = colour_folder(tree, out, model=str(tiny_model), on_event=events.append)
    assert (summary.coloured, summary.skipped, summary.failed) == (4, 0, 1)
    assert len(summary.failures) == 1 and "broken.jpg" in summary.failures[0]
    assert sum(isinstance(event, PhotoEnded) for event in events) == 5
    assert len(list(out.rglob("*.[jpJ]*"))) == 4
    again = colour_folder([tree], str(out), model=load_model(str(tiny_model)), exclude=["broken*"])
    assert (again.coloured, again.skipped, again.failed) == (0, 4, 0)


def test_a_film(tmp_path: Path, tiny_model: Path) -> None:
    film = write_film(tmp_path / "film.mp4", pan("coffee.jpg", 12))
    events = []
    outcome = colour_film(
        film, model=str(tiny_model), options=FilmOptions(steadiness=0.5), on_event=events.append
    )
    assert outcome.target == tmp_path / "film.colourised.mp4"
    assert outcome.frames == 12 and outcome.target.exists()
    assert [event.done for event in events if isinstance(event, FilmProgress)] == list(range(1, 13))
    assert isinstance(events[-1], FilmFinished)
    with pytest.raises(ColouriseError, match="is there already"):
        colour_film(str(film), model=str(tiny_model))
    summary = colour_folder(tmp_path, model=str(tiny_model), films=FilmOptions())
    assert summary.complete and summary.films == [FilmResult(film, outcome.target, "skipped")]


def test_reading_and_writing(tmp_path: Path) -> None:
    photo = read(str(PHOTOS / "chelsea.jpg"))
    assert photo.pixels.shape[2] == 3 and photo.format == "JPEG"
    with (PHOTOS / "chelsea.jpg").open("rb") as file:
        assert np.array_equal(read(file).pixels, photo.pixels)
    assert write(photo, str(tmp_path / "a.png")) == []
    assert np.array_equal(pixels(tmp_path / "a.png"), photo.pixels)
    buffer = io.BytesIO()
    write(photo, buffer, format="png")
    assert np.array_equal(read(buffer.getvalue()).pixels, photo.pixels)
    with pytest.raises(ColouriseError, match="no such file"):
        read(tmp_path / "none.jpg")


def test_models_by_name() -> None:
    names = available_models()
    assert "colourise-v4" in names and all(isinstance(name, str) for name in names)


def test_a_loaded_model_takes_pictures(tiny_model: Path) -> None:
    image = Image.open(PHOTOS / "camera.png")
    coloured = load_model(str(tiny_model))(image)
    assert isinstance(coloured, Image.Image) and coloured.size == image.size
