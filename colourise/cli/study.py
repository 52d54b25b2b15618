"""`colourise study`: do people take the colours for real ones?"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colourise.cli import options
from colourise.cli.console import print_naturalness, say, say_json
from colourise.cli.errors import refusals
from colourise.cli.help import Command, Group
from colourise.cli.progress import bar
from colourise.evaluation.events import Event, PhotoFailed, PhotoShown
from colourise.models.catalogue import DEFAULT_MODEL

if TYPE_CHECKING:
    from colourise.colouriser import Colouriser


study_app = typer.Typer(
    cls=Group, no_args_is_help=True, help="Ask people whether pictures are real or generated."
)


@study_app.command("build", cls=Command)
def build_study(
    data: Annotated[Path, typer.Option(help="Folder of colour photos.", exists=True)],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="NAME|PATH|OWNER/REPO", help="Model to include; may be repeated."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Folder for the page and its key.")
    ] = Path("study"),
    truths: Annotated[int, typer.Option(min=1, metavar="N", help="Photos shown unchanged.")] = 150,
    each: Annotated[
        int, typer.Option(min=1, metavar="N", help="Photos shown in each model's colours.")
    ] = 150,
    per_participant: Annotated[
        int, typer.Option(min=1, metavar="N", help="Pictures shown to each participant.")
    ] = 50,
    size: Annotated[int, typer.Option(min=32, metavar="PIXELS", help="Side of the pictures.")] = 256,
    seed: Annotated[int, typer.Option(metavar="N", help="Random seed that chooses the photos.")] = 0,
    backend: options.Backend = options.BackendChoice.auto,
    device: options.Device = "auto",
    precision: options.Precision = options.PrecisionChoice.auto,
) -> None:
    """Build the web page of a naturalness study, with all its pictures inside.

    Give index.html to the participants (by mail, on a memory stick, on any web
    server). Keep key.json: it holds the answers, and scoring needs it.
    """

    def load(name: str) -> Colouriser:
        from colourise.colouriser import load_model

        return load_model(name, backend=backend.value, device=device, precision=precision.value)

    failures: list[PhotoFailed] = []
    with refusals(), bar("colouring", max(truths, each), hidden=False) as advance:

        def show(event: Event) -> None:
            if isinstance(event, PhotoFailed):
                failures.append(event)
            elif isinstance(event, PhotoShown):
                advance()

        from colourise.evaluation import study

        protocol = study.Protocol(truths, each, per_participant, size, seed)
        models = {name: partial(load, name) for name in model or [DEFAULT_MODEL]}
        built = study.build(models, data, output, protocol, on_event=show)
    for failure in failures:
        say(("passed over", "yellow"), str(failure.error))
    page, key = output / study.PAGE, output / study.KEY
    say(
        ("built", "green"),
        f"{page}: {len(built.pictures)} pictures, {per_participant} a participant, "
        f"{page.stat().st_size / 1e6:.1f} MB",
    )
    say(f"Keep {key} to yourself: it says what is what, and `colourise study score` needs it.")


@study_app.command("score", cls=Command)
def score_study(
    answers: Annotated[
        list[Path], typer.Argument(metavar="ANSWERS.json", help="Files that participants saved.")
    ],
    folder: Annotated[
        Path, typer.Option("--study", metavar="FOLDER", help="Folder that the study was built in.")
    ] = Path("study"),
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")] = False,
) -> None:
    """Print how often the pictures of each source were judged real.

    The 95 % intervals (Wilson) treat all judgements as independent.
    """
    from colourise.evaluation import study

    with refusals():
        key = study.Study.read(folder)
        answered, refused = study.read_answers(answers, key)
    for reason in refused:
        say(("refused", "red"), reason)
    if refused:
        raise typer.Exit(1)
    results = study.score(answered, key)
    if as_json:
        sources = {
            name: {
                "shown": row.shown,
                "judged_real": row.real,
                "naturalness": row.share if row.shown else None,
                "interval": row.interval if row.shown else None,
            }
            for name, row in results.items()
        }
        summary = {"study": key.id, "participants": len(answered), "sources": sources}
        say_json(summary)
    else:
        print_naturalness(results, len(answered))
