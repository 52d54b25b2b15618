"""`archives.colour`: whole archives from Python, in rounds, with everything that happens as events."""

import shutil
import threading
from pathlib import Path

import pytest
from helpers.photos import PHOTOS, black_and_white

from colourise import archives
from colourise.archives import Event, PhotoOptions, Selection, Summary
from colourise.archives.ledger import Ledger
from colourise.colouriser import Colouriser, load_model
from colourise.errors import DeviceError, ModelError, OptionError, PhotoError


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two photos, a broken one, a film and a folder of none."""
    (tmp_path / "album" / "deep").mkdir(parents=True)
    (tmp_path / "album" / "a.jpg").write_bytes(black_and_white("chelsea.jpg"))
    shutil.copy(PHOTOS / "camera.png", tmp_path / "album" / "deep" / "b.png")
    (tmp_path / "album" / "c.jpg").write_text("no photo")
    (tmp_path / "album" / "film.mp4").touch()
    (tmp_path / "empty").mkdir()
    return tmp_path / "album"


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_tree_is_coloured_and_everything_is_told(
    tmp_path: Path, album: Path, colouriser: Colouriser
) -> None:
    events: list[Event] = []
    out = tmp_path / "out"
    summary = archives.colour([album, tmp_path / "empty"], out, model=colouriser, on_event=events.append)
    failures = [f"{tmp_path / 'empty'}: no photos in this folder"]
    assert kinds(events) == [
        "PathRefused",
        "FilmsLeftAlone",
        "RoundStarted",
        *["PhotoEnded"] * 3,
        "RoundEnded",
    ]
    refused, films, started, *ended, end = events
    assert refused == archives.PathRefused(failures[0])
    assert films == archives.FilmsLeftAlone((str(album / "film.mp4"),))
    assert started == archives.RoundStarted(0, pending=3, found=4)
    outcomes = {event.outcome.job.source.name: event.outcome for event in ended}
    assert {name: outcome.result for name, outcome in outcomes.items()} == {
        "a.jpg": "coloured",
        "b.png": "coloured",
        "c.jpg": "failed",
    }
    assert (summary.coloured, summary.failed, summary.left, summary.complete) == (2, 2, 0, False)
    assert summary.failures == [*failures, outcomes["c.jpg"].reason]
    assert isinstance(end, archives.RoundEnded) and end.summary == summary
    assert end.backend == colouriser.backend.name
    assert (out / "album" / "deep" / "b.png").exists()

    (album / "c.jpg").unlink()
    again = archives.colour([album], tmp_path / "other", model=colouriser)
    assert again == Summary(coloured=2) and again.complete
    assert archives.colour(album, str(tmp_path / "other"), model=colouriser) == Summary(skipped=2)


def test_a_dry_run_makes_nothing(tmp_path: Path, album: Path, colouriser: Colouriser) -> None:
    events: list[Event] = []
    out = tmp_path / "out"
    summary = archives.colour(album, out, model=colouriser, dry_run=True, on_event=events.append)
    assert (summary.left, summary.coloured) == (3, 0)
    planned = [event for event in events if isinstance(event, archives.PhotoPlanned)]
    assert [(event.job.target, event.reason) for event in planned] == [
        (out / "a.jpg", "new"),
        (out / "c.jpg", "new"),
        (out / "deep" / "b.png", "new"),
    ]
    assert not out.exists()


def test_options_go_by_name(tmp_path: Path, album: Path, colouriser: Colouriser) -> None:
    summary = archives.colour(
        album,
        tmp_path / "out",
        model=lambda: colouriser,
        options=PhotoOptions(format="png", compare=True, history=False),
        selection=Selection(include=("*.jpg",), exclude=("c.*",)),
        report=tmp_path / "report.html",
        limit=1,
        workers=1,
    )
    assert summary == Summary(coloured=1)
    assert {path.name for path in (tmp_path / "out").glob("[!.]*")} == {"a.png", "a.compare.jpg"}
    assert (tmp_path / "report.html").exists()


def test_photos_beside_theirs(album: Path, tiny_model: Path) -> None:
    assert archives.colour([str(album / "a.jpg")], model=str(tiny_model)).coloured == 1
    assert archives.colour(album / "a.jpg", model=tiny_model) == Summary(skipped=1)
    assert archives.colour([], model=str(tiny_model)) == Summary()


def test_another_run_is_waited_for(tmp_path: Path, album: Path, colouriser: Colouriser) -> None:
    out = tmp_path / "out"
    events: list[Event] = []
    with Ledger(out) as ledger:
        assert ledger.hold(0)
        waiting = threading.Event()

        def hear(event: Event) -> None:
            events.append(event)
            waiting.set()

        other = threading.Thread(
            target=lambda: archives.colour(album, out, model=colouriser, on_event=hear), daemon=True
        )
        other.start()
        assert waiting.wait(30)
        assert events == [archives.WaitingForRun(out)]
        shutil.copy(PHOTOS / "coffee.jpg", out / "kept.jpg")
    other.join(60)
    assert (out / "a.jpg").exists()


def test_ctrl_c_is_told_in_the_summary(tmp_path: Path, album: Path, colouriser: Colouriser) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, archives.PhotoEnded):
            raise KeyboardInterrupt

    summary = archives.colour(album, tmp_path / "out", model=colouriser, workers=1, on_event=stop)
    assert summary.stopped and summary.left == 2 and not summary.complete


@pytest.mark.parametrize(
    ("output", "options", "line"),
    [
        (None, {"watch": True, "paths": "a.jpg"}, "--watch is for folders"),
        (None, {"report": "a.html"}, "--report is for folders that go to another one"),
        (None, {"paths": "memory://bucket"}, "add -o FOLDER"),
        ("memory://bucket", {"watch": True}, "leave out --watch and --report"),
    ],
)
def test_options_that_do_not_go_together(
    album: Path, tiny_model: Path, output: str | None, options: dict[str, object], line: str
) -> None:
    from upath import UPath

    UPath("memory://bucket/photos").mkdir(parents=True, exist_ok=True)
    path = str(options.pop("paths", album))
    paths = path if "://" in path else album / path
    with pytest.raises(OptionError, match=line):
        archives.colour(paths, output, model=str(tiny_model), **options)  # type: ignore[arg-type]


def test_workers_cannot_be_given_a_model_that_is_loaded(
    tmp_path: Path, album: Path, colouriser: Colouriser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("colourise.archives.ray_cluster.check", lambda: None)
    with pytest.raises(OptionError, match="load the model themselves"):
        archives.colour(album, tmp_path / "out", model=colouriser, engine="ray")


@pytest.mark.needs("train")
def test_errors_come_out(tmp_path: Path, album: Path, colouriser: Colouriser) -> None:
    with pytest.raises(ModelError):
        archives.colour(album, tmp_path / "out", model=str(tmp_path / "none"))
    with pytest.raises(PhotoError, match=r"c.jpg: is a file, not a folder"):
        archives.colour(album, album / "c.jpg" / "out", model=colouriser)
    with pytest.raises(DeviceError):
        archives.colour(album, tmp_path / "out", model=lambda: load_model(device="mps"))
