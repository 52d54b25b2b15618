"""`colourise eval`."""

from __future__ import annotations

import csv
import io
import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from colourise.cli import options
from colourise.cli.console import (
    PERCEIVED,
    bar,
    err,
    out,
    print_film_scores,
    print_scores,
)
from colourise.cli.errors import refusals
from colourise.errors import ColouriseError, PhotoError
from colourise.models.catalogue import DEFAULT_MODEL

if TYPE_CHECKING:
    from colourise.colouriser import Colouriser


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
    models = list(dict.fromkeys(model or [DEFAULT_MODEL]))

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

    if film is not None:
        extras = {"--split": split, "--lpips": lpips, "--fid": fid, "--frechet": frechet}
        extras |= {"--figures": figures, "--sheet": sheet, "--archive": archive}
        if unfit := next((option for option, given in extras.items() if given), None):
            raise typer.BadParameter(f"{unfit} is for photos; leave it out with --video")
        with refusals():
            scored = score_films(film, {name: load(name) for name in models})
        if as_json or as_csv:
            print_rows(scored, "film", as_json=as_json)
        else:
            print_film_scores(scored)
        return
    with refusals():
        from colourise.colouriser import Colouriser
        from colourise.data.photos import Source, find_photos, place_of
        from colourise.data.split import read_split
        from colourise.evaluation.figures import Album, contact_sheets
        from colourise.evaluation.photos import Grey, ScoredPhoto, score_photos

        assert data is not None  # noqa: S101  # or there are films
        photos = find_photos(data)
        if split is not None:
            _, photos = read_split(split, data, photos)
        colourisers: dict[str, Colouriser] = {}
        if baseline == options.BaselineChoice.grey:
            name = "plain grey" if "grey" in models else "grey"
            colourisers[name] = Colouriser(Grey(), input_size=32)
        for name in models:
            colourisers[name] = load(name)
        perceptual = None
        wanted = [name for name, asked in zip(PERCEIVED, (lpips, fid, frechet), strict=True) if asked]
        if wanted:
            from colourise.evaluation.perceptual import PerceptualScores
            from colourise.models.backends import torch_device

            perceptual = PerceptualScores(wanted, device=torch_device(device))
        if figures:
            figures.mkdir(parents=True, exist_ok=True)
        album = Album(models)
        failures: list[ColouriseError] = []
        grey: list[Source] = []
        with (
            contact_sheets(sheet, models) if sheet else nullcontext(lambda photo: None) as keep,
            bar("scoring", len(photos), hidden=False) as advance,
        ):

            def look(photo: ScoredPhoto) -> None:
                keep(photo)
                if figures:
                    album.add(photo)

            scores = score_photos(
                colourisers,
                photos,
                size=size,
                archive=archive,
                perceptual=perceptual,
                each=look,
                failed=failures.append,
                left_out=grey.append,
                advance=advance,
            )
        for failure in failures:
            err.print(f"[red]failed[/] {escape(str(failure))}")
        count = scores[models[0]].photos
        if grey and count:
            err.print(
                f"[yellow]note[/] left out, for they are grey: {len(grey)} of {len(photos)} photos, "
                f"first {escape(str(place_of(grey[0])))}"
            )
        elif grey:
            raise PhotoError(
                f"{place_of(grey[0])}: grey (R = G = B), as {len(grey)} of {len(photos)} photos are; "
                "with none in colour there is nothing to compare with"
            )
        if not count:
            raise typer.Exit(1)
        rows = {name: {"photos": count, **one.summary()} for name, one in scores.items()}
        if perceptual is not None:
            rows = {name: {**row, **perceptual.summary(name)} for name, row in rows.items()}
        if figures:
            album.write(figures, scores)
            err.print(f"[green]figures[/] {escape(str(figures))}")
    if as_json or as_csv:
        print_rows(rows, "model", as_json=as_json)
    else:
        print_scores(rows, size)
    if failures:
        raise typer.Exit(1)


def score_films(paths: list[Path], colourisers: dict[str, Colouriser]) -> dict[str, dict[str, float]]:
    """What `eval --video` prints, by film, model and how it is coloured."""
    from colourise.evaluation.films import score_film
    from colourise.films.steady import STEADINESS

    rows: dict[str, dict[str, float]] = {}
    for path in paths:
        with bar(f"scoring {path.name}", None, hidden=False) as advance:
            scores = score_film(path, colourisers, steadiness=STEADINESS, advance=advance)
        rows |= {f"{path.name}: {name}": one.summary() for name, one in scores.items()}
    return rows


def print_rows(rows: dict[str, dict[str, float]], heading: str, *, as_json: bool) -> None:
    """Print scores with every digit, as JSON or as CSV."""
    if as_json:
        finite = {  # JSON has no infinity, which is the PSNR of equal pictures, and no NaN
            name: {key: value if math.isfinite(value) else None for key, value in row.items()}
            for name, row in rows.items()
        }
        out.print(json.dumps(finite, indent=2, ensure_ascii=False), markup=False)
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, [heading, *next(iter(rows.values()))], lineterminator="\n")
    writer.writeheader()
    writer.writerows({heading: name, **row} for name, row in rows.items())
    out.print(text.getvalue(), markup=False, end="")
