"""`colourise eval`."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colourise import evaluation
from colourise.cli import options
from colourise.cli.console import print_film_scores, print_scores, say, say_json, say_rows
from colourise.cli.errors import refusals
from colourise.cli.progress import bar
from colourise.evaluation.events import Event, FilmBegun, OnEvent, PhotoFailed, PhotosFound
from colourise.models.catalogue import DEFAULT_MODEL

if TYPE_CHECKING:
    from colourise.colouriser import Colouriser
    from colourise.evaluation.comparison import Measure


EXAMPLES = (
    "Examples:\n"
    "  colourise eval --data photos/ -m runs/a -m runs/b         [dim]tables[/]\n"
    "  colourise eval --data photos/ -m runs/a --figures paper/  [dim]and figures[/]\n"
    "  colourise eval --data photos/ -m runs/a --csv > a.csv     [dim]a spreadsheet[/]\n"
    "  colourise eval --video film.mp4                           [dim]how steady colours are[/]"
)


def evaluate(
    data: Annotated[
        Path | None, typer.Option(help="Folder of colour photos, or one photo.", exists=True)
    ] = None,
    film: Annotated[
        list[Path] | None,
        typer.Option(
            "--video", metavar="FILM", help="Colour film to score instead; may be repeated.", exists=True
        ),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="NAME|PATH|OWNER/REPO", help="Model to score; may be repeated."
        ),
    ] = None,
    baseline: Annotated[options.BaselineChoice, typer.Option(help="Baseline to score beside the models.")] = (
        options.BaselineChoice.grey
    ),
    split: Annotated[
        Path | None,
        typer.Option(
            help="split.csv of a run: score on its test photos.",
            show_default="all photos",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    size: Annotated[
        int, typer.Option(min=32, metavar="PIXELS", help="Side of the square at which pictures are compared.")
    ] = 256,
    archive: Annotated[
        bool,
        typer.Option(
            "--archive",
            metavar="",
            help="Give the models aged versions of the photos: old film, blur, grain, scratches.",
        ),
    ] = False,
    lpips: Annotated[
        bool,
        typer.Option(
            "--lpips", metavar="", help="LPIPS on AlexNet (download).", rich_help_panel=options.NETWORKS
        ),
    ] = False,
    fid: Annotated[
        bool,
        typer.Option(
            "--fid",
            metavar="",
            help="FID on Inception (download); needs some 10,000 photos.",
            rich_help_panel=options.NETWORKS,
        ),
    ] = False,
    frechet: Annotated[
        bool,
        typer.Option(
            "--frechet",
            metavar="",
            help="Frechet distance on VGG16, the loss network; needs some 2,000 photos.",
            rich_help_panel=options.NETWORKS,
        ),
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            file_okay=False,
            help="Write figures: a sheet of photos, ab histograms, each model's best and worst photos.",
            rich_help_panel=options.SHOWN,
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            file_okay=False,
            help="Write contact sheets of every photo: grey, each model, truth.",
            rich_help_panel=options.SHOWN,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print JSON.", rich_help_panel=options.SHOWN)
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", metavar="", help="Print CSV.", rich_help_panel=options.SHOWN)
    ] = False,
    saturation: options.Saturation = 1.0,
    input_size: options.InputSize = None,
    backend: options.Backend = options.BackendChoice.auto,
    device: options.Device = "auto",
    precision: options.Precision = options.PrecisionChoice.auto,
) -> None:
    """Score models on colour photos, against plain grey.

    Each photo is turned grey and coloured as `colourise photo.jpg` would.
    Photos without any colour are left out, as there is nothing to compare.
    With --video, films are scored frame by frame and with steadied colours.
    """
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv both go to standard output; choose one")
    if (data is None) == (film is None):
        raise typer.BadParameter("--data names colour photos, --video colour films; give one of the two")

    def load(name: str) -> Colouriser:
        from colourise.colouriser import load_model

        return load_model(
            name,
            backend=backend.value,
            device=device,
            precision=precision.value,
            input_size=input_size,
            saturation=saturation,
        )

    models = {name: partial(load, name) for name in model or [DEFAULT_MODEL]}
    if film is not None:
        extras = {"--split": split, "--lpips": lpips, "--fid": fid, "--frechet": frechet}
        extras |= {"--figures": figures, "--sheet": sheet, "--archive": archive}
        if unfit := next((option for option, given in extras.items() if given), None):
            raise typer.BadParameter(f"{unfit} is for photos; leave it out with --video")
        with refusals(), shown() as on_event:
            films = evaluation.compare_films(models, film, on_event=on_event)
        rows = {
            f"{path.name}: {version}": row
            for path, versions in films.items()
            for version, row in versions.items()
        }
        if as_json or as_csv:
            print_rows(rows, "film", as_json=as_json)
        else:
            print_film_scores(rows)
        return
    asked: dict[Measure, bool] = {"lpips": lpips, "fid": fid, "frechet": frechet}
    assert data is not None  # noqa: S101  # or there are films
    with refusals(), shown() as on_event:
        comparison = evaluation.compare(
            models,
            data,
            split=split,
            size=size,
            archive=archive,
            baseline=baseline == options.BaselineChoice.grey,
            measures=[name for name, given in asked.items() if given],
            device=device,
            figures=figures,
            sheet=sheet,
            on_event=on_event,
        )
    if not comparison.scored:
        raise typer.Exit(1)
    if comparison.grey:
        from colourise.data.photos import place_of

        grey, first = len(comparison.grey), place_of(comparison.grey[0])
        say(
            ("note", "yellow"),
            f"left out, for they are grey: {grey} of {comparison.found} photos, first {first}",
        )
    if figures:
        say(("figures", "green"), str(figures))
    if as_json or as_csv:
        print_rows(comparison.scores, "model", as_json=as_json)
    else:
        print_scores(comparison.scores, size)
    if comparison.failures:
        raise typer.Exit(1)


@contextmanager
def shown() -> Iterator[OnEvent]:
    """Yield what shows events as they come: a progress bar, and photos that failed."""
    with ExitStack() as bars:
        advance: Callable[[], None] = lambda: None  # noqa: E731

        def show(event: Event) -> None:
            nonlocal advance
            match event:
                case PhotosFound(count):
                    advance = bars.enter_context(bar("scoring", count, hidden=False))
                case FilmBegun(film):
                    bars.close()
                    advance = bars.enter_context(bar(f"scoring {film.name}", None, hidden=False))
                case PhotoFailed(error=error):
                    say(("failed", "red"), str(error))
                    advance()
                case _:
                    advance()

        yield show


def print_rows(rows: dict[str, dict[str, float]], heading: str, *, as_json: bool) -> None:
    """Print scores with every digit, as JSON or as CSV."""
    if as_json:
        finite = {  # JSON has no infinity, which is the PSNR of equal pictures, and no NaN
            name: {key: value if math.isfinite(value) else None for key, value in row.items()}
            for name, row in rows.items()
        }
        say_json(finite)
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, [heading, *next(iter(rows.values()))], lineterminator="\n")
    writer.writeheader()
    writer.writerows({heading: name, **row} for name, row in rows.items())
    say_rows(text.getvalue())
