"""No two photos share a target, and nothing is written over a source."""

from pathlib import Path

import pytest
from helpers.archives import make, targets

from colourise.archives.job import PhotoOptions
from colourise.archives.plan import plan_jobs
from colourise.errors import PhotoError

PNG = PhotoOptions(format="png")


@pytest.mark.parametrize("paths", [["in"], ["in/a.jpg", "in/a.png", "in/a.tif"]])
def test_photos_that_would_share_a_target_do_not(here: Path, paths: list[str]) -> None:
    make("in/a.jpg", "in/a.png", "in/a.tif", "in/b.jpg")
    found = targets(*paths, output="out", settings=PhotoOptions(format="png", compare=True))
    assert found["in/a.jpg"] == ("out/a.jpg.png", "out/a.jpg.compare.jpg")
    assert found["in/a.png"] == ("out/a.png", "out/a.compare.jpg")
    assert found["in/a.tif"] == ("out/a.tif.png", "out/a.tif.compare.jpg")
    beside = targets(*paths, settings=PNG)
    assert beside["in/a.jpg"] == ("in/a.jpg.colourised.png",)
    assert beside["in/a.png"] == ("in/a.colourised.png",)
    plain = targets(*paths, output="out", settings=PhotoOptions(compare=True))
    assert plain["in/a.jpg"] == ("out/a.jpg", "out/a.jpg.compare.jpg")
    assert plain["in/a.png"] == ("out/a.png", "out/a.png.compare.jpg")


def test_names_meet_however_they_are_chosen(here: Path) -> None:
    names = ["a.jpg", "a.png", "a.PNG", "a.jpg.tif", "x/a.jpg", "y/a.jpg", "y/a-2.jpg"]
    make(*names)
    for settings in (PhotoOptions(), PNG):
        found = [target for (target,) in targets(*names, output="out", settings=settings).values()]
        assert len(set(found)) == len(names)
        beside = [target for (target,) in targets(*names, settings=settings).values()]
        assert len(set(beside)) == len(names)
        make(*beside)
        assert targets(".", settings=settings).keys() == set(names)  # none of them is taken for a photo
        for file in beside:
            Path(file).unlink()


def test_earlier_outputs_named_along_are_left_out(here: Path) -> None:
    make("a.jpg", "a.colourised.jpg", "a.colourised.png", "a.colourised.compare.jpg", "b.colourised.jpg")
    everything = sorted(path.name for path in here.iterdir())
    assert targets(*everything).keys() == {"a.jpg", "b.colourised.jpg"}
    assert targets("a.colourised.jpg").keys() == {"a.colourised.jpg"}  # this one is meant


@pytest.mark.parametrize(
    ("paths", "output", "settings"),
    [
        (["in/a.jpg"], "in/a.jpg", PhotoOptions(overwrite=True)),
        (["in/a.jpg"], "in", PhotoOptions(overwrite=True)),
        (["in"], "in", PhotoOptions(overwrite=True)),
        (["in"], "in/../in", PhotoOptions(overwrite=True)),
        (["in/a.png", "in/a.jpg"], "in", PhotoOptions(format="png", overwrite=True)),
        (["in/a.png", "in/a.jpg"], "link", PhotoOptions(format="png", overwrite=True)),
    ],
)
def test_no_photo_is_written_over(here: Path, paths: list[str], output: str, settings: PhotoOptions) -> None:
    make("in/a.jpg", "in/a.png")
    Path("link").symlink_to("in")
    with pytest.raises(PhotoError, match="would be written over"):
        plan_jobs(map(Path, paths), Path(output), settings)


@pytest.mark.parametrize(
    ("paths", "output", "message"),
    [
        (["in"], "out.jpg", "out.jpg: is the name of one file"),
        (["in/a.jpg", "in/b.jpg"], "out.jpg", "out.jpg: is the name of one file"),
        (["in/a.jpg", "in/b.jpg"], "in/b.jpg", "in/b.jpg: is the name of one file"),
        (["in/a.jpg"], "in/b.jpg/out/deep", "b.jpg: is a file, not a folder"),
    ],
)
def test_outputs_that_cannot_be(here: Path, paths: list[str], output: str, message: str) -> None:
    make("in/a.jpg", "in/b.jpg")
    with pytest.raises(PhotoError, match=message):
        plan_jobs(map(Path, paths), Path(output), PhotoOptions())
