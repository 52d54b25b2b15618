"""The command line: parses, calls one function, prints, chooses the exit code.

`colourise photo.jpg` is short for `colourise colourise photo.jpg`. Exit codes: 0 all is done, 1 something
failed (and was named), 2 the command was not understood, 130 stopped with Ctrl-C. Messages go to standard
error, results and tables to standard output.
"""

from __future__ import annotations

import difflib
import io
import json
import math
import os
import re
import sys
from collections import Counter
from contextlib import contextmanager, nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from colourise import __version__
from colourise.checkpoints import DEFAULT_MODEL
from colourise.errors import ColouriseError, PhotoError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from colourise.train import Progress as TrainingProgress

out = Console(highlight=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


class Commands(TyperGroup):
    """Subcommands, with `colourise` left out where the first word is none of them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command in front of anything that is no command and no option of our own."""
        own = {*self.commands, "--help", "-h", "--version", "--install-completion", "--show-completion"}
        if args and args[0] not in own:
            close = difflib.get_close_matches(args[0].lower(), self.commands, n=1, cutoff=0.8)
            if close and not Path(args[0]).exists():
                ctx.fail(f"{args[0]}: no such photo, folder or command; did you mean {close[0]}?")
            args.insert(0, "colourise")
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


app = typer.Typer(
    cls=Commands,
    name="colourise",
    no_args_is_help=True,
    subcommand_metavar="PHOTO|FOLDER... or COMMAND [ARGS]...",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
weights_app = typer.Typer(no_args_is_help=False, help="List, fetch and publish models.")
app.add_typer(weights_app, name="weights")


class BackendChoice(StrEnum):
    """Values of --backend."""

    auto = "auto"
    torch = "torch"
    onnx = "onnx"


class PrecisionChoice(StrEnum):
    """Values of --precision."""

    auto = "auto"
    fp32 = "fp32"
    fp16 = "fp16"
    bf16 = "bf16"


class FormatChoice(StrEnum):
    """Values of --format."""

    jpg = "jpg"
    png = "png"
    tif = "tif"
    webp = "webp"
    bmp = "bmp"
    avif = "avif"
    heic = "heic"


RUN, LOOK = "How it runs", "How it looks"
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|PATH|OWNER/REPO",
        help="Which model colours; `colourise weights` lists them.",
    ),
]
BackendOption = Annotated[BackendChoice, typer.Option(help="What runs the network.", rich_help_panel=RUN)]
DeviceOption = Annotated[
    str, typer.Option(metavar="auto|cpu|cuda|cuda:N|mps", help="Where it runs.", rich_help_panel=RUN)
]
PrecisionOption = Annotated[
    PrecisionChoice, typer.Option(help="How exactly it computes.", rich_help_panel=RUN)
]
InputSizeOption = Annotated[
    int | None,
    typer.Option(
        min=32,
        max=2048,
        help="Side in pixels of what the network sees.",
        show_default="the model's own",
        rich_help_panel=LOOK,
    ),
]
SaturationOption = Annotated[
    float,
    typer.Option(min=0.0, max=4.0, help="Multiplies the colours; 1.0 is as predicted.", rich_help_panel=LOOK),
]


def version(asked: bool) -> None:
    """Print the version and stop."""
    if asked:
        out.print(f"colourise {__version__}")
        raise typer.Exit


@app.callback(
    epilog="Examples:\n"
    "  colourise photo.jpg                [dim]makes photo.colourised.jpg beside it[/]\n"
    "  colourise archive/ -o coloured/    [dim]a whole tree; run it again to go on[/]\n"
    "  colourise photo.jpg --help         [dim]all about colouring[/]"
)
def commands(
    show_version: Annotated[
        bool,
        typer.Option("--version", metavar="", callback=version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Colour black-and-white photos and whole archives of them.

    Just name photos or folders. (One that is called like a command: ./train)
    """


@app.command(
    epilog="Examples:\n"
    "  colourise photo.jpg                       [dim]makes photo.colourised.jpg beside it[/]\n"
    "  colourise archive/ -o coloured/           [dim]a whole tree; run it again to go on[/]\n"
    "  colourise scan.tif -o new.png --compare   [dim]and new.compare.jpg, before | after[/]\n"
    "  cat old.jpg | colourise - > new.jpg       [dim]in a pipe[/]"
)
def colourise(
    paths: Annotated[list[str], typer.Argument(metavar="PHOTO|FOLDER", hidden=True)],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file for one photo, else a folder; - is standard output.",
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", metavar="", help="Make coloured files again that exist.")
    ] = False,
    model: ModelOption = DEFAULT_MODEL,
    format: Annotated[  # noqa: A002
        FormatChoice | None,
        typer.Option(
            case_sensitive=False, help="Output format.", show_default="the photo's", rich_help_panel=LOOK
        ),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            help="Of JPEG, WebP, AVIF and HEIC.",
            show_default="90 to 95",
            rich_help_panel=LOOK,
        ),
    ] = None,
    saturation: SaturationOption = 1.0,
    input_size: InputSizeOption = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare", metavar="", help="Write a before | after picture too.", rich_help_panel=LOOK
        ),
    ] = False,
    backend: BackendOption = BackendChoice.auto,
    device: DeviceOption = "auto",
    precision: PrecisionOption = PrecisionChoice.auto,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar="", help="Say nothing but failures.")
    ] = False,
) -> None:
    """Colour photos and folders (what `colourise photo.jpg` does).

    A folder is walked to the bottom; - is standard input. Without -o,
    photo.jpg becomes photo.colourised.jpg beside it.

    The photo's own light, depth, size, transparency and metadata are kept.
    JPEG, PNG, TIFF, WebP, BMP, AVIF and HEIC; 16 bits stay 16 bits.
    """
    check_streams(paths, output, compare=compare)
    with refusals():
        from colourise import folders
        from colourise.colouriser import load_model

        settings = folders.Settings(
            format=format and format.value, quality=quality, overwrite=overwrite, compare=compare
        )
        jobs: list[folders.Job] = []
        refused: list[str] = []
        streaming = paths == ["-"] or output == "-"
        if not streaming:
            jobs, refused = folders.plan(map(Path, paths), Path(output) if output else None, settings)
        for reason in refused:
            err.print(f"[red]failed[/] {escape(reason)}")
        if refused and not jobs:
            raise typer.Exit(1)
        colouriser = load_model(
            model,
            backend=backend.value,
            device=device,
            precision=precision.value,
            input_size=input_size,
            saturation=saturation,
        )
        if streaming:
            source = sys.stdin.buffer.read() if paths == ["-"] else Path(paths[0])
            buffer = io.BytesIO()
            target = Path(output) if output not in (None, "-") else buffer
            if isinstance(target, Path):
                folders.check_output(target, [target], settings, one_file=True)
            notes = folders.colour(source, target, colouriser, settings)
            if target is buffer:
                send(buffer.getbuffer())
            tell(notes, paths[0], target if isinstance(target, Path) else None, quiet=quiet)
            return
    outcomes: list[folders.Outcome] = []
    stopped = False
    try:
        with bar("colouring", len(jobs), hidden=quiet or len(jobs) < 2) as advance:
            for outcome in folders.colour_all(jobs, colouriser, settings):
                outcomes.append(outcome)
                if outcome.result == "failed":
                    err.print(f"[red]failed[/] {escape(outcome.reason)}")
                else:
                    done = outcome.job.target if len(jobs) == 1 and outcome.result == "coloured" else None
                    tell(outcome.notes, str(outcome.job.source), done, quiet=quiet)
                advance()
    except KeyboardInterrupt:
        stopped = True
    count = Counter(outcome.result for outcome in outcomes)
    count["failed"] += len(refused)
    left = len(jobs) - len(outcomes)
    if not quiet and (len(jobs) > 1 or stopped):
        told = [f"{count['coloured']} coloured"]
        told += [f"{count['skipped']} there already"] * bool(count["skipped"])
        told += [f"[red]{count['failed']} failed[/]"] * bool(count["failed"])
        told += [f"[yellow]{left} not done[/]"] * bool(left)
        err.print(", ".join(told) + f" [dim]({colouriser.backend.name})[/]")
    if stopped or count["failed"] or left:
        raise typer.Exit(130 if stopped else 1)


@app.command()
def train(
    data: Annotated[
        Path | None, typer.Option(help="Folder of colour photos.", exists=True, file_okay=False)
    ] = None,
    run: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where the run goes; its name names the model."
        ),
    ] = Path("runs/mine"),
    recipe: Annotated[str, typer.Option(help="What to learn, and how.")] = "colourise",
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a value of the recipe.")
    ] = None,
    show: Annotated[bool, typer.Option("--show", metavar="", help="Print the recipe and stop.")] = False,
    held_out: Annotated[
        Path | None,
        typer.Option(
            help="Photos to score on, never learnt from.", show_default="200 of the data", exists=True
        ),
    ] = None,
    score_every: Annotated[int, typer.Option(min=1, help="Batches between scores and previews.")] = 500,
    about: Annotated[str, typer.Option(help="The data in words, for the model's card.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the weights, for the model's card.")] = "MIT",
    encoder_weights: Annotated[
        Path | None,
        typer.Option(
            help="The encoder's ImageNet weights in timm's names, where timm cannot download.", exists=True
        ),
    ] = None,
    precision: PrecisionOption = PrecisionChoice.auto,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read photos.")] = 1,
) -> None:
    """Train a model on colour photos; the same command goes on with a run that was stopped."""
    from dataclasses import asdict

    with refusals():
        from colourise import data as photos
        from colourise.recipes import configure

        config = configure(recipe, set_ or [])
        if show:
            for name, value in asdict(config).items():
                out.print(f"{name} = {escape(str(value))}")
            return
        if data is None:
            raise typer.BadParameter("--data says which folder of colour photos to learn from")
        found = photos.find_photos(data)
        if held_out is None:
            learn, judge = photos.hold_out(found, 200, config.seed)
        else:
            judge = photos.find_photos(held_out)
            held = {photo.resolve() for photo in judge}
            learn = [photo for photo in found if photo.resolve() not in held]
        from colourise.train import train as run_training

        err.print(f"{len(learn)} photos to learn from, {len(judge)} held out; the run is {escape(str(run))}")
        with training_bar() as report:
            card = run_training(
                config,
                learn,
                judge,
                run,
                encoder_weights=encoder_weights,
                data=about or f"{len(learn)} photos of {data.resolve().name}",
                licence=licence,
                precision=precision.value,
                workers=workers,
                score_every=score_every,
                report=report,
            )
    err.print(f"[green]trained[/] {escape(str(card))}; try: colourise photo.jpg --model {escape(str(run))}")


@app.command("eval")
def evaluate(
    data: Annotated[Path, typer.Option(help="Folder of colour photos.", exists=True)],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="NAME|PATH|OWNER/REPO", help="A model to score; may be repeated."
        ),
    ] = None,
    size: Annotated[int, typer.Option(min=32, help="Side in pixels at which pictures are compared.")] = 256,
    saturation: SaturationOption = 1.0,
    input_size: InputSizeOption = None,
    backend: BackendOption = BackendChoice.auto,
    device: DeviceOption = "auto",
    precision: PrecisionOption = PrecisionChoice.auto,
    sheet: Annotated[
        Path | None, typer.Option(help="Write grey | coloured | truth of every photo into this folder.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")] = False,
) -> None:
    """Score models on colour photos, against plain grey."""
    with refusals():
        from colourise.colouriser import Colouriser, load_model
        from colourise.data import find_photos
        from colourise.evaluate import Grey, contact_sheets
        from colourise.evaluate import evaluate as run_evaluation
        from colourise.metrics import Scores

        photos = find_photos(data)
        colourisers = {"grey": Colouriser(Grey(), input_size=32)}
        for name in model or [DEFAULT_MODEL]:
            colourisers[name] = load_model(
                name,
                backend=backend.value,
                device=device,
                precision=precision.value,
                input_size=input_size,
                saturation=saturation,
            )
        failures: list[ColouriseError] = []
        scores: dict[str, Scores] = {}
        with bar("scoring", len(photos) * len(colourisers), hidden=False) as advance:
            for name, colouriser in colourisers.items():
                failures = []
                sheets = (
                    contact_sheets(sheet / Path(name).name) if sheet and name != "grey" else nullcontext()
                )
                with sheets as keep:
                    scores[name] = run_evaluation(
                        colouriser, photos, size=size, each=keep, failed=failures.append, advance=advance
                    )
    for failure in failures:
        err.print(f"[red]failed[/] {escape(str(failure))}")
    if len(failures) == len(photos):
        raise typer.Exit(1)
    summaries = {name: one.summary() for name, one in scores.items()}
    if as_json:
        finite = {  # JSON has no infinity, which is the PSNR of equal pictures
            name: {key: value if math.isfinite(value) else None for key, value in summary.items()}
            for name, summary in summaries.items()
        }
        out.print(json.dumps(finite, indent=2, ensure_ascii=False), markup=False)
    else:
        print_scores(summaries, len(photos) - len(failures), size)
    if failures:
        raise typer.Exit(1)


@app.command()
def export(
    model: Annotated[str, typer.Argument(metavar="NAME|PATH|OWNER/REPO", help="Which model.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The ONNX file to write.")],
    fp16: Annotated[bool, typer.Option("--fp16", metavar="", help="Half precision, for GPUs.")] = False,
) -> None:
    """Export a model to ONNX; the file is kept if it predicts what PyTorch does."""
    with refusals():
        from colourise.export import export as run_export

        worst = run_export(model, target, fp16=fp16)
    err.print(f"[green]exported[/] {escape(str(target))}; ab is within {worst:.2g} of PyTorch's")


@weights_app.callback(invoke_without_command=True)
def weights(ctx: typer.Context) -> None:
    """List the models: shipped, cached, and on the Hub."""
    if ctx.invoked_subcommand is not None:
        return
    from rich.table import Table

    from colourise.checkpoints import known

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("model", "where", "MB", "input size", "licence", "psnr_rgb", "JS a", "JS b"):
        table.add_column(heading, justify="left" if heading in ("model", "where", "licence") else "right")
    with refusals():
        for row in known():
            card = row.card
            shown = [card.scores.get(key) if card else None for key in ("psnr_rgb", "js_a", "js_b")]
            table.add_row(
                escape(row.name),
                row.where,
                f"{row.size / 1e6:.1f}" if row.size else "",
                str(card.input_size) if card else "",
                escape(card.licence) if card else "",
                *(f"{score:.3f}" if isinstance(score, float) else "" for score in shown),
            )
    out.print(table)


@weights_app.command()
def pull(
    model: Annotated[str, typer.Argument(metavar="NAME|OWNER/REPO[@REVISION]", help="Which model.")],
) -> None:
    """Fetch a model from the Hugging Face Hub, so that it works offline."""
    from colourise import checkpoints

    with refusals():
        checkpoint = checkpoints.pull(model)
    err.print(f"[green]here[/] {escape(checkpoint.source)}")


@weights_app.command()
def push(
    repository: Annotated[str, typer.Argument(metavar="OWNER/REPO", help="Where on the Hugging Face Hub.")],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or a checkpoint.")],
    private: Annotated[
        bool, typer.Option("--private", metavar="", help="Make a new repository private.")
    ] = False,
) -> None:
    """Publish a trained model on the Hugging Face Hub, with its card."""
    from colourise import checkpoints

    with refusals():
        url = checkpoints.push(repository, run, private=private)
    err.print(f"[green]published[/] {escape(url)}")


def check_streams(paths: list[str], output: str | None, *, compare: bool) -> None:
    """Refuse what standard input and output cannot do.

    Raises:
        BadParameter: with what to do instead.
    """
    reads, writes = "-" in paths, output == "-" or (output is None and "-" in paths)
    if "" in paths or output == "":
        raise typer.BadParameter("an empty path; is a variable of your script unset?")
    if (reads or writes) and (len(paths) > 1 or compare or Path(paths[0]).is_dir()):
        raise typer.BadParameter("- is for one photo, alone, and without --compare")
    if reads and sys.stdin.isatty():
        raise typer.BadParameter("- reads a photo from a pipe: cat old.jpg | colourise - > new.jpg")
    if writes and sys.stdout.isatty():
        raise typer.BadParameter("a picture is not for the terminal; add > new.jpg, or -o new.jpg")


def send(data: memoryview) -> None:
    """Write a picture to standard output.

    Raises:
        PhotoError: it does not take it, for another reason than that nobody reads on.
    """
    try:
        while data:  # with PYTHONUNBUFFERED, a write may take a part
            data = data[sys.stdout.buffer.write(data) :]
        sys.stdout.buffer.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at exit
        if isinstance(error, BrokenPipeError):
            raise typer.Exit(1) from error
        raise PhotoError(f"standard output: {error.strerror}") from error


def tell(notes: list[str], source: str, target: Path | None, *, quiet: bool) -> None:
    """Print what the user must hear about a coloured photo, and where it is."""
    if not quiet:
        for note in notes:
            err.print(f"[yellow]note[/] {escape(source)}: {escape(note)}")
        if target is not None:
            err.print(f"[green]coloured[/] {escape(str(target))}")


@contextmanager
def refusals() -> Iterator[None]:
    """Turn an error that was meant for the user into one line and exit code 1."""
    try:
        yield
    except BrokenPipeError:
        raise  # nobody reads what we say
    except ImportError as error:
        if not re.search(r"lib(GL|gthread|glib)", str(error)):
            raise
        err.print(
            f"[red]error[/] OpenCV cannot be loaded ({escape(str(error))}); "
            "apt-get install libgl1 libglib2.0-0, "
            "or: pip uninstall opencv-python && pip install opencv-python-headless"
        )
        raise typer.Exit(1) from error
    except (ColouriseError, OSError) as error:
        where = f"{error.filename}: " if isinstance(error, OSError) and error.filename else ""
        what = error.strerror if isinstance(error, OSError) else None
        err.print(f"[red]error[/] {escape(where)}{escape(what or str(error))}")
        raise typer.Exit(1) from error


@contextmanager
def bar(what: str, total: int, *, hidden: bool) -> Iterator[Any]:
    """A progress bar; yields a function that moves it on by one."""
    if hidden or not err.is_terminal:
        yield lambda: None
        return
    with progress_bar(transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


def progress_bar(**options: Any) -> Progress:
    """Our kind of rich's progress bar, which takes a while to import."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=err, **options)


@contextmanager
def training_bar() -> Iterator[Any]:
    """A progress bar with losses and speed; yields what `train` reports to."""
    with progress_bar(disable=not err.is_terminal) as progress:
        task = progress.add_task("starting")

        def report(now: TrainingProgress) -> None:
            losses = "  ".join(f"{name} {value:.3f}" for name, value in now.losses.items())
            what = f"{losses}  {now.images_per_second:.0f} images/s"
            progress.update(task, completed=now.step, total=now.steps, description=what)
            if now.scores:
                told = "  ".join(f"{name} {value:.3f}" for name, value in now.scores.items())
                err.print(f"batch {now.step}: {told}")

        yield report


def print_scores(summaries: dict[str, dict[str, float]], photos: int, size: int) -> None:
    """Print one row a model."""
    from rich.table import Table

    columns = {
        "psnr_rgb": ("psnr_rgb", ".2f"),
        "psnr_ab": ("psnr_ab", ".2f"),
        "js_a": ("JS a", ".4f"),
        "js_b": ("JS b", ".4f"),
        "kl": ("KL", ".3f"),
        "colourfulness": ("colourful", ".1f"),
        "colourfulness_share": ("of truth", ".3f"),
    }
    table = Table(box=None, header_style="bold", pad_edge=False, title=f"{photos} photos at {size} px")
    table.add_column("model", overflow="fold")
    for heading, _ in columns.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for name, scores in summaries.items():
        table.add_row(escape(name), *(format(scores[key], spec) for key, (_, spec) in columns.items()))
    out.print(table)


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # Typer's; looking for them takes 20 ms
    app()
