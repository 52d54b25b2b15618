"""The command line: parses, calls one function, prints, chooses the exit code.

`colourise photo.jpg` is short for `colourise colourise photo.jpg`. Exit codes: 0 all is done, 1 something
failed (and was named), 2 the command was not understood, 130 stopped with Ctrl-C. Messages go to standard
error, results and tables to standard output.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
import os
import re
import signal
import sys
import threading
from collections import Counter
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from colourise import __version__
from colourise.cli.console import (
    PERCEIVED,
    bar,
    counted,
    err,
    film_bar,
    left_alone,
    out,
    print_film_scores,
    print_models,
    print_naturalness,
    print_outcome,
    print_scores,
    printable,
    summary,
    training_bar,
)
from colourise.errors import ColouriseError, FilmError, PhotoError
from colourise.models.checkpoints import DEFAULT_MODEL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from colourise.archives.folders import Settings
    from colourise.colouriser import Colouriser
    from colourise.films import colouring


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
    subcommand_metavar="PHOTO|FOLDER|FILM... or COMMAND [ARGS]...",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
weights_app = typer.Typer(no_args_is_help=False, help="List, fetch and publish models.")
app.add_typer(weights_app, name="weights")
study_app = typer.Typer(no_args_is_help=True, help="Ask people whether pictures are real or generated.")
app.add_typer(study_app, name="study")


class BackendChoice(StrEnum):
    """Values of --backend."""

    auto = "auto"
    torch = "torch"
    onnx = "onnx"


class EngineChoice(StrEnum):
    """Values of --engine."""

    local = "local"
    ray = "ray"


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


class CodecChoice(StrEnum):
    """Values of --codec."""

    h264 = "h264"
    hevc = "hevc"
    av1 = "av1"
    ffv1 = "ffv1"
    prores = "prores"


class BaselineChoice(StrEnum):
    """Values of eval's --baseline."""

    grey = "grey"
    none = "none"


NETWORKS, SHOWN = "Measures that need a network", "What comes out"
RUN, LOOK, TREE, SPLIT = "How it runs", "How it looks", "Folders", "A split by classes"
FILMS = "Films"
OF_FILMS = ("codec", "crf", "preset", "steadiness", "start", "end", "preview", "deinterlace")  # not of photos
OF_PHOTOS: tuple[str, ...]
OF_PHOTOS = ("format", "quality", "include", "exclude", "since", "limit", "retry_failed", "dry_run")
OF_PHOTOS += ("follow_symlinks", "shard", "report", "json_lines", "watch", "workers", "engine")
DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]
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
    "  colourise film.mp4                 [dim]with its sound, in steady colour[/]\n"
    "  colourise photo.jpg --help         [dim]all about colouring[/]"
)
def commands(
    show_version: Annotated[
        bool,
        typer.Option("--version", metavar="", callback=version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Colour black-and-white photos, whole archives of them, and films.

    Just name photos, folders or films. (One that is called like a command: ./train)
    """


@app.command(
    epilog="Examples:\n"
    "  colourise photo.jpg                       [dim]makes photo.colourised.jpg beside it[/]\n"
    "  colourise archive/ -o coloured/           [dim]a whole tree; run it again to go on[/]\n"
    "  colourise scan.tif -o new.png --compare   [dim]and new.compare.jpg, before | after[/]\n"
    "  cat old.jpg | colourise - > new.jpg       [dim]in a pipe[/]\n"
    "  colourise film.mp4 --preview 10s          [dim]and then without --preview[/]"
)
def colourise(
    ctx: typer.Context,
    paths: Annotated[list[str], typer.Argument(metavar="PHOTO|FOLDER|FILM", hidden=True)],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            help="A file for one photo or film, else a folder; - is standard output.",
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
        typer.Option("--compare", metavar="", help="Write before | after too.", rich_help_panel=LOOK),
    ] = False,
    history: Annotated[
        bool,
        typer.Option(
            "--history/--no-history", help="Say in the metadata what was done.", rich_help_panel=LOOK
        ),
    ] = True,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB", help="Only photos of these names, such as '*.tif'.", rich_help_panel=TREE
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="No photos of these names, or 'drafts/*'.",
            rich_help_panel=TREE,
        ),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            help="Only photos changed since that day.",
            formats=DAYS,
            rich_help_panel=TREE,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Colour so many, and leave the rest for later.",
            rich_help_panel=TREE,
        ),
    ] = None,
    retry_failed: Annotated[
        bool,
        typer.Option(
            "--retry-failed",
            metavar="",
            help="Only what failed before.",
            rich_help_panel=TREE,
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", metavar="", help="Say what would be coloured, and stop.", rich_help_panel=TREE
        ),
    ] = False,
    follow_symlinks: Annotated[
        bool,
        typer.Option(
            "--follow-symlinks", metavar="", help="Walk linked folders too, each once.", rich_help_panel=TREE
        ),
    ] = False,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Only the I-th of N parts; for N machines.",
            rich_help_panel=TREE,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html", help="Write a page: before | after, failures.", rich_help_panel=TREE
        ),
    ] = None,
    json_lines: Annotated[
        bool,
        typer.Option(
            "--json-lines",
            metavar="",
            help="Print each outcome as JSON.",
            rich_help_panel=TREE,
        ),
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch", metavar="", help="Go on, and colour what arrives until Ctrl-C.", rich_help_panel=TREE
        ),
    ] = False,
    codec: Annotated[
        CodecChoice, typer.Option(help="How the film is encoded.", rich_help_panel=FILMS)
    ] = CodecChoice.h264,
    crf: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=63,
            help="Its quality; lower is better, and larger.",
            show_default="18; hevc 20, av1 25",
            rich_help_panel=FILMS,
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="ultrafast to veryslow; for av1 13 to 0.",
            show_default="medium",
            rich_help_panel=FILMS,
        ),
    ] = None,
    steadiness: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="How long colours last; 0: each frame by itself.",
            rich_help_panel=FILMS,
        ),
    ] = 0.9,
    start: Annotated[
        str | None, typer.Option(metavar="TIME", help="From there: 90, 90s or 1:30.", rich_help_panel=FILMS)
    ] = None,
    end: Annotated[
        str | None, typer.Option(metavar="TIME", help="Up to there.", rich_help_panel=FILMS)
    ] = None,
    preview: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Only so much, to look at: film.preview.mp4.", rich_help_panel=FILMS
        ),
    ] = None,
    deinterlace: Annotated[
        bool,
        typer.Option(
            "--deinterlace", metavar="", help="Make whole pictures of half ones.", rich_help_panel=FILMS
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Photos at a time.", show_default="processors + 1", rich_help_panel=RUN),
    ] = None,
    engine: Annotated[
        EngineChoice, typer.Option(help="This machine, or a Ray cluster.", rich_help_panel=RUN)
    ] = EngineChoice.local,
    backend: BackendOption = BackendChoice.auto,
    device: DeviceOption = "auto",
    precision: PrecisionOption = PrecisionChoice.auto,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", metavar="", help="Say nothing but failures.")
    ] = False,
) -> None:
    """Colour photos, folders and films (what `colourise photo.jpg` does).

    A folder is walked to the bottom; - is standard input. Without -o,
    photo.jpg becomes photo.colourised.jpg beside it.

    The photo's own light, depth, size, transparency and metadata are kept.
    JPEG, PNG, TIFF, WebP, BMP, AVIF and HEIC; 16 bits stay 16 bits.

    A film keeps its times, sound, subtitles and chapters; film.mp4 becomes
    film.colourised.mp4, and the same command goes on where it was stopped.
    """
    check_streams(paths, output, compare=compare)
    with refusals():
        from functools import partial

        from colourise.archives import batch, folders
        from colourise.colouriser import load_model
        from colourise.files.storage import check_folder, is_remote, located

        settings = folders.Settings(
            format=format and format.value,
            quality=quality,
            overwrite=overwrite,
            compare=compare,
            history=history,
        )

        load = partial(
            load_model,
            model,
            backend=backend.value,
            device=device,
            precision=precision.value,
            input_size=input_size,
            saturation=saturation,
        )
        sources = {name: ctx.get_parameter_source(name) for name in ctx.params}
        given = {name for name, source in sources.items() if source and source.name == "COMMANDLINE"}
        some = [Path(path) for path in paths if path != "-" and folders.is_film(Path(path))]
        check_films(some, paths, output, given)
        if some:
            from colourise.films import colouring, video

            begin, span = seconds(start, "--start"), seconds(preview, "--preview")
            stop_at = (begin or 0) + span if span is not None else seconds(end, "--end")
            ways = colouring.Settings(
                video.Encoding(codec.value, crf, preset),
                steadiness,
                begin,
                stop_at,
                deinterlace,
                overwrite,
                history,
                compare,
            )
            colour_films(some, output, load, ways, preview=preview is not None, quiet=quiet)
            return
        if paths == ["-"] or output == "-":
            stream(paths[0], output, load(), settings, quiet=quiet)
            return
        named, place = [located(path) for path in paths], located(output) if output else None
        chosen = folders.Choice(
            tuple(include or ()),
            tuple(exclude or ()),
            since.timestamp() if since else None,
            follow_symlinks,
            part_of(shard),
        )
        for path in filter(is_remote, named):
            check_folder(path)
        far = any(map(is_remote, [*named, place or ""]))
        if far and (place is None or watch or report):
            how_else = "add -o FOLDER" if place is None else "leave out --watch and --report"
            raise typer.BadParameter(f"what is not on a disk of this machine goes another way: {how_else}")
        tree = place is not None and any(path.is_dir() for path in named)
        if watch and not any(path.is_dir() for path in named):
            raise typer.BadParameter("--watch is for folders; name one")
        if report and not tree:
            raise typer.BadParameter("--report is for folders that go to another one: add -o FOLDER")
        if engine == EngineChoice.ray:
            from colourise.archives import ray_cluster

            ray_cluster.check()
        if engine == EngineChoice.ray and (not tree or watch):
            how_else = "leave out --watch" if watch else "add -o FOLDER"
            raise typer.BadParameter(f"--engine ray is for whole folders that go to another one: {how_else}")
        if tree and place:
            folders.check_output(place, named, settings, one_file=folders.is_file_name(place, named))

        def who(works: str) -> None:
            if not quiet:
                err.print(f"[dim]{escape(works)}[/]")

        def waits() -> None:
            err.print(f"[yellow]waiting[/] another run is at work in {escape(str(place))}")

        def go(busy: set[Path], *, first: bool = True) -> Counter[str]:
            """Colour what there is to colour, but for files that somebody still writes to."""
            with batch.many_objects():
                rows = ledger.rows() if ledger else {}
                known = {key: row.output for key, row in rows.items()}
                settled = batch.Settled({} if overwrite or retry_failed else rows, how)
                moving: list[str] = []
                jobs, refused = folders.plan(named, place, settings, chosen, known, settled, moving)
                todo, done = batch.due(
                    jobs,
                    rows,
                    how,
                    overwrite=overwrite and first,
                    retry=retry_failed,
                    stamp_of=batch.stamps_below(place),
                )
            if not first:  # what failed is tried again when it has changed
                todo = [one for one in todo if one.job.source.resolve() not in busy and not one.in_vain]
            count: Counter[str] = Counter(outcome.result for outcome in done)
            count.update(
                skipped=settled.count, failed=len(refused), later=max(0, len(todo) - (limit or len(todo)))
            )
            todo = todo[:limit]
            count["left"] = len(todo)
            if first:
                for reason in refused:
                    err.print(f"[red]failed[/] {escape(printable(reason))}")
                for outcome in done:
                    tell(outcome.notes, str(outcome.job.source), None, quiet=quiet)
                if moving and not quiet:
                    err.print(left_alone(moving))
            if dry_run:
                for one in todo:
                    out.print(escape(printable(f"{one.job.source} -> {one.job.target} ({one.why})")))
                err.print(f"{len(todo)} to colour, {count['skipped']} there already")
                return Counter()
            if ledger:
                batch.settle(ledger, rows, done)
            alone = len(jobs) + settled.count + len(refused) == 1
            hopeless = ""
            try:
                with bar("colouring", len(todo), hidden=quiet or alone) as advance:
                    for outcome in run(todo, colouriser, settings, ledger=ledger, workers=workers):
                        if outcome.hopeless:
                            hopeless = hopeless or outcome.reason
                            continue
                        count[outcome.result] += 1
                        count["left"] -= 1
                        if json_lines:
                            print_outcome(outcome)
                        if outcome.result == "failed":
                            err.print(f"[red]failed[/] {escape(printable(outcome.reason))}")
                        else:
                            made = outcome.job.target if alone else None
                            tell(outcome.notes, str(outcome.job.source), made, quiet=quiet)
                        advance()
            except KeyboardInterrupt:
                count["stopped"] = 1
            if hopeless:
                err.print(f"[red]stopped[/] {escape(printable(hopeless))}; {batch.still_needed(todo)}")
            if report and ledger:
                from colourise.archives import report as page

                page.write(iter(ledger), report, title=f"{place}")
            if not quiet and (not alone or count["stopped"]) and (first or todo):
                err.print(f"{summary(count)} [dim]({colouriser.backend.name})[/]")
            return count

        run = batch.run
        if engine == EngineChoice.ray:
            run = partial(ray_cluster.run, load=load, told=who)
        with batch.remembered(place if tree else None, chosen.shard, waits) as ledger:
            colouriser = load()
            how = batch.how_of(colouriser, settings)
            count = go(set())
            if watch and not count["stopped"]:
                from colourise.archives.watch import arrivals

                with suppress(KeyboardInterrupt):
                    for busy in arrivals([path for path in named if path.is_dir()], place):
                        count += go(busy, first=False)
                        if count["stopped"]:
                            break
    if count["stopped"] or count["failed"] or count["left"]:
        raise typer.Exit(130 if count["stopped"] else 1)


@app.command(
    epilog="Examples:\n"
    "  colourise train --data imagenet/          [dim]the paper's best, on any tree of photos[/]\n"
    "  colourise train --data imagenet/ --train-per-class 50 --test-per-class 10\n"
    "  colourise train --data old/ --recipe colourise --set images=200_000 -o runs/mine\n"
    "  accelerate launch -m colourise train --data imagenet/      [dim]on several GPUs[/]"
)
def train(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of colour photos, in any tree, or of webdataset .tar shards.", exists=True),
    ] = None,
    run: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where the run goes; its name names the model."
        ),
    ] = Path("runs/mine"),
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="pix2pix, gorriz, vgg16, resnet50, unet or fpn of the paper; colourise is ours.",
        ),
    ] = "vgg16",
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
    train_per_class: Annotated[
        int | None,
        typer.Option(min=1, help="Learn from so many photos of each class.", rich_help_panel=SPLIT),
    ] = None,
    test_per_class: Annotated[
        int | None,
        typer.Option(min=1, help="Keep so many others of each class to test on.", rich_help_panel=SPLIT),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(
            help="The split.csv of another run, to learn from the same photos.",
            exists=True,
            dir_okay=False,
            rich_help_panel=SPLIT,
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
    start_from: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Start from this trained model's weights, to train it further; given again: from those of "
            "another that the first lacks.",
        ),
    ] = None,
    precision: PrecisionOption = PrecisionChoice.auto,
    workers: Annotated[int, typer.Option(min=0, help="Processes that read photos.")] = 1,
) -> None:
    """Train a model on colour photos; the same command goes on with a run that was stopped."""
    if (train_per_class is None) != (test_per_class is None):
        raise typer.BadParameter("--train-per-class and --test-per-class go together")
    if sum(way is not None for way in (held_out, train_per_class, split)) > 1:
        raise typer.BadParameter("--held-out, --split and --train-per-class are three ways; choose one")
    with refusals():
        from colourise.data import photos as photos
        from colourise.training.recipes import configure, listed

        config = configure(recipe, set_ or [])
        if show:
            for name, value in listed(config):
                out.print(f"{name} = {escape(value)}")
            return
        if data is None:
            raise typer.BadParameter("--data says which folder of colour photos to learn from")
        from colourise.models import checkpoints
        from colourise.training.loop import check_start
        from colourise.training.loop import train as run_training

        trained = [checkpoints.find(name, need="safetensors") for name in start_from or []]
        check_start(config, trained, encoder_weights)
        learn, judge = photos.parts(
            data,
            held_out=held_out,
            per_class=(train_per_class, test_per_class) if train_per_class and test_per_class else None,
            split=split,
            record=run / "split.csv",
            goes_on=(run / "resume.pt").exists(),
            seed=config.seed,
        )
        first = os.environ.get("RANK", "0") == "0"  # of the processes that `accelerate launch` starts
        if first:
            err.print(
                f"{len(learn)} photos to learn from, {len(judge)} held out; the run is {escape(str(run))}"
            )
        with training_bar(hidden=not first) as report:
            card = run_training(
                config,
                learn,
                judge if held_out else judge[:200],
                run,
                encoder_weights=encoder_weights,
                start_from=trained,
                data=about or f"{len(learn)} photos of {printable(data.resolve().name)}",
                licence=licence,
                precision=precision.value,
                workers=workers,
                score_every=score_every,
                report=report,
            )
    if card is None and first:
        err.print("[yellow]stopped[/] and saved; the same command goes on")
    elif first:
        err.print(
            f"[green]trained[/] {escape(str(card))}; try: colourise photo.jpg --model {escape(str(run))}"
        )
    if card is None:
        raise typer.Exit(130)


@app.command(
    "eval",
    epilog="Examples:\n"
    "  colourise eval --data photos/ -m runs/a -m runs/b         [dim]tables[/]\n"
    "  colourise eval --data photos/ -m runs/a --figures paper/  [dim]and figures[/]\n"
    "  colourise eval --data photos/ -m runs/a --csv > a.csv     [dim]a spreadsheet[/]\n"
    "  colourise eval --video film.mp4                           [dim]how steady colours are[/]",
)
def evaluate(
    data: Annotated[
        Path | None, typer.Option(help="Folder of colour photos, or one photo.", exists=True)
    ] = None,
    film: Annotated[
        list[Path] | None,
        typer.Option("--video", metavar="FILM", help="A colour film instead; may be repeated.", exists=True),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="NAME|PATH|OWNER/REPO", help="A model to score; may be repeated."
        ),
    ] = None,
    baseline: Annotated[BaselineChoice, typer.Option(help="What to score beside the models.")] = (
        BaselineChoice.grey
    ),
    split: Annotated[
        Path | None,
        typer.Option(
            help="A run's split.csv: score on the photos it keeps to test on.",
            show_default="all photos",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    size: Annotated[int, typer.Option(min=32, help="Side in pixels at which pictures are compared.")] = 256,
    archive: Annotated[
        bool,
        typer.Option(
            "--archive",
            metavar="",
            help="Show models old photographs of the photos: other film, blur, grain, scratches.",
        ),
    ] = False,
    lpips: Annotated[
        bool,
        typer.Option("--lpips", metavar="", help="LPIPS on AlexNet (a download).", rich_help_panel=NETWORKS),
    ] = False,
    fid: Annotated[
        bool,
        typer.Option(
            "--fid",
            metavar="",
            help="FID on Inception (a download); means little below some 10,000 photos.",
            rich_help_panel=NETWORKS,
        ),
    ] = False,
    frechet: Annotated[
        bool,
        typer.Option(
            "--frechet",
            metavar="",
            help="The same distance on VGG16, the loss network; from some 2,000 photos.",
            rich_help_panel=NETWORKS,
        ),
    ] = False,
    figures: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            file_okay=False,
            help="Write a sheet of photos, ab histograms, and each model's best and worst photos.",
            rich_help_panel=SHOWN,
        ),
    ] = None,
    sheet: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            file_okay=False,
            help="Write sheets of every photo: grey, each model, truth.",
            rich_help_panel=SHOWN,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print JSON.", rich_help_panel=SHOWN)
    ] = False,
    as_csv: Annotated[
        bool, typer.Option("--csv", metavar="", help="Print CSV.", rich_help_panel=SHOWN)
    ] = False,
    saturation: SaturationOption = 1.0,
    input_size: InputSizeOption = None,
    backend: BackendOption = BackendChoice.auto,
    device: DeviceOption = "auto",
    precision: PrecisionOption = PrecisionChoice.auto,
) -> None:
    """Score models on colour photos, against plain grey.

    Each photo is made grey and coloured as a user's would be. Photos that
    are exactly grey are left out: they have no colours to compare with.
    With --video, colours are scored frame by frame and steadied.
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
        from colourise.data.photos import Source, find_photos, place_of, read_split
        from colourise.evaluation.figures import Album, contact_sheets
        from colourise.evaluation.photos import Grey, Judged, compare

        assert data is not None  # noqa: S101  # or there are films
        photos = find_photos(data)
        if split is not None:
            _, photos = read_split(split, data, photos)
        colourisers: dict[str, Colouriser] = {}
        if baseline == BaselineChoice.grey:
            name = "plain grey" if "grey" in models else "grey"
            colourisers[name] = Colouriser(Grey(), input_size=32)
        for name in models:
            colourisers[name] = load(name)
        perception = None
        wanted = [name for name, asked in zip(PERCEIVED, (lpips, fid, frechet), strict=True) if asked]
        if wanted:
            from colourise.evaluation.perceptual import Perception
            from colourise.models.backends import torch_device

            perception = Perception(wanted, device=torch_device(device))
        if figures:
            figures.mkdir(parents=True, exist_ok=True)
        album = Album(models)
        failures: list[ColouriseError] = []
        grey: list[Source] = []
        with (
            contact_sheets(sheet, models) if sheet else nullcontext(lambda photo: None) as keep,
            bar("scoring", len(photos), hidden=False) as advance,
        ):

            def look(photo: Judged) -> None:
                keep(photo)
                if figures:
                    album.add(photo)

            scores = compare(
                colourisers,
                photos,
                size=size,
                archive=archive,
                perception=perception,
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
        if perception is not None:
            rows = {name: {**row, **perception.summary(name)} for name, row in rows.items()}
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
    from colourise.evaluation.photos import compare_film
    from colourise.films.steady import STEADINESS

    rows: dict[str, dict[str, float]] = {}
    for path in paths:
        with bar(f"scoring {path.name}", None, hidden=False) as advance:
            scores = compare_film(path, colourisers, steadiness=STEADINESS, advance=advance)
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


@app.command()
def export(
    model: Annotated[str, typer.Argument(metavar="NAME|PATH|OWNER/REPO", help="Which model.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The ONNX file to write.")],
    fp16: Annotated[bool, typer.Option("--fp16", metavar="", help="Half precision, for GPUs.")] = False,
) -> None:
    """Export a model to ONNX; the file is kept if it predicts what PyTorch does."""
    with refusals():
        from colourise.models.export import export as run_export

        worst = run_export(model, target, fp16=fp16)
    err.print(f"[green]exported[/] {escape(str(target))}; ab is within {worst:.2g} of PyTorch's")


@weights_app.callback(invoke_without_command=True)
def weights(ctx: typer.Context) -> None:
    """List the models: shipped, cached, and on the Hub."""
    if ctx.invoked_subcommand is not None:
        return
    from colourise.models.checkpoints import known

    with refusals():
        print_models(known())


@weights_app.command()
def pull(
    model: Annotated[str, typer.Argument(metavar="NAME|OWNER/REPO[@REVISION]", help="Which model.")],
) -> None:
    """Fetch a model from the Hugging Face Hub, so that it works offline."""
    from colourise.models import checkpoints

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
    from colourise.models import checkpoints

    with refusals():
        url = checkpoints.push(repository, run, private=private)
    err.print(f"[green]published[/] {escape(url)}")


@study_app.command("build")
def build_study(
    data: Annotated[Path, typer.Option(help="Folder of colour photos.", exists=True)],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="NAME|PATH|OWNER/REPO", help="A model to judge; may be repeated."
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the page and its key go.")
    ] = Path("study"),
    truths: Annotated[int, typer.Option(min=1, help="Photos shown as they are.")] = 150,
    each: Annotated[int, typer.Option(min=1, help="Photos shown as each model colours them.")] = 150,
    per_participant: Annotated[int, typer.Option(min=1, help="Pictures a participant judges.")] = 50,
    size: Annotated[int, typer.Option(min=32, help="Side of the pictures in pixels.")] = 256,
    seed: Annotated[int, typer.Option(help="Fixes which photos are drawn.")] = 0,
    backend: BackendOption = BackendChoice.auto,
    device: DeviceOption = "auto",
    precision: PrecisionOption = PrecisionChoice.auto,
) -> None:
    """Make the web page of a naturalness study, with all its pictures inside.

    Give participants index.html (by mail, on a stick, on any web server) and keep
    key.json, which says what is what and which scoring needs.
    """
    with refusals():
        from colourise.colouriser import load_model
        from colourise.data.photos import find_photos
        from colourise.evaluation import study

        protocol = study.Protocol(truths, each, per_participant, size, seed)
        photos = find_photos(data)

        def load(name: str) -> Colouriser:
            return load_model(name, backend=backend.value, device=device, precision=precision.value)

        models = list(dict.fromkeys(model or [DEFAULT_MODEL]))
        failures: list[ColouriseError] = []
        with bar("colouring", max(truths, each), hidden=False) as advance:
            built = study.build(
                data, photos, models, load, output, protocol, failed=failures.append, advance=advance
            )
    for failure in failures:
        err.print(f"[yellow]passed over[/] {escape(str(failure))}")
    page, key = output / study.PAGE, output / study.KEY
    err.print(
        f"[green]built[/] {escape(str(page))}: {len(built.pictures)} pictures, {per_participant} a "
        f"participant, {page.stat().st_size / 1e6:.1f} MB\n"
        f"Keep {escape(str(key))} to yourself: it says what is what, and `colourise study score` needs it."
    )


@study_app.command("score")
def score_study(
    answers: Annotated[
        list[Path], typer.Argument(metavar="ANSWERS.json", help="The files that participants saved.")
    ],
    folder: Annotated[
        Path, typer.Option("--study", metavar="FOLDER", help="Where the study was built.")
    ] = Path("study"),
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="Print JSON.")] = False,
) -> None:
    """Print the naturalness of the truth and of each model: the share of pictures judged real.

    The 95 % intervals (Wilson) take all judgements as independent.
    """
    from colourise.evaluation import study

    with refusals():
        key = study.Study.read(folder)
        taken, refused = study.read_answers(answers, key)
    for reason in refused:
        err.print(f"[red]refused[/] {escape(reason)}")
    if refused:
        raise typer.Exit(1)
    results = study.score(taken, key)
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
        told = {"study": key.id, "participants": len(taken), "sources": sources}
        out.print(json.dumps(told, indent=2, ensure_ascii=False), markup=False)
    else:
        print_naturalness(results, len(taken))


def colour_films(
    paths: list[Path],
    output: str | None,
    load: Callable[[], Colouriser],
    settings: colouring.Settings,
    *,
    preview: bool,
    quiet: bool,
) -> None:
    """Colour films, one after the other; one that fails is named.

    Raises:
        Exit: 1 where one has failed, 130 after Ctrl-C.
    """
    from colourise.films import colouring

    place = Path(output) if output else None
    folder = place is not None and (len(paths) > 1 or not place.suffix or str(output).endswith("/"))
    targets = [colouring.target_of(path, place, folder=folder, preview=preview) for path in paths]
    colouriser: Colouriser | None = None
    failed = 0
    for path, target in zip(paths, targets, strict=True):
        try:
            if targets.count(target) > 1:
                raise FilmError(f"{path}: another film would become {target} too; colour them apart")
            job = colouring.prepare(path, target, settings)
            tell(list(job.notes), str(path), None, quiet=quiet)
            colouriser = colouriser or load()
            with interruptible() as stop, film_bar(hidden=quiet) as told:
                made = colouring.colour(job, colouriser, told=told, stop=stop)
        except FilmError as error:
            failed += 1
            err.print(f"[red]failed[/] {escape(printable(str(error)))}")
            continue
        tell(made.notes, str(path), None, quiet=quiet)
        if not made.whole:
            what = (
                f"{made.target} has the first {made.frames} frames"
                if made.frames
                else "nothing is coloured yet"
            )
            err.print(f"[yellow]stopped[/] {escape(printable(what))}; the same command goes on")
            raise typer.Exit(130)
        if not quiet:
            err.print(
                f"[green]coloured[/] {escape(printable(str(made.target)))} "
                f"[dim]({made.frames} frames, {counted(made.scenes, 'scene')}, {made.speed:.1f} frames/s)[/]"
            )
    if failed:
        raise typer.Exit(1)


def check_films(some: list[Path], paths: list[str], output: str | None, given: set[str]) -> None:
    """Refuse what films cannot do, and what only they can.

    Raises:
        BadParameter: with what to do instead.
    """

    def first(names: tuple[str, ...]) -> str | None:
        return next((f"--{name.replace('_', '-')}" for name in names if name in given), None)

    if not some:
        if option := first(OF_FILMS):
            raise typer.BadParameter(f"{option} is for films; name one")
        return
    if len(some) < len(paths):
        raise typer.BadParameter("films are coloured apart from photos and folders; give two commands")
    if output == "-":
        raise typer.BadParameter("a film is not for standard output; name a file with -o")
    if option := first(OF_PHOTOS):
        more = "; the suffix of -o chooses its container" if option == "--format" else ""
        raise typer.BadParameter(f"{option} is for photos, and not for a film{more}")
    if {"preview", "end"} <= given:
        raise typer.BadParameter("--preview and --end both say where to end; choose one")


def seconds(time: str | None, option: str) -> Fraction | None:
    """The meaning of 90, 90s, 1:30 or 1:02:03.5.

    Raises:
        BadParameter: it has none.
    """
    if time is None:
        return None
    found = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)s?", time.strip())
    if not found:
        raise typer.BadParameter(f"{option} {time}: say 90, 90s, 1:30 or 1:02:03.5")
    hours, minutes, rest = (Fraction(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets; the second is as hard as ever."""
    stop = threading.Event()

    def once(*signal_and_frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, once)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def stream(
    source: str, output: str | None, colouriser: Colouriser, settings: Settings, *, quiet: bool
) -> None:
    """Colour one photo that comes from standard input, or goes to standard output.

    Raises:
        PhotoError: it cannot be read or written.
    """
    from colourise.archives import folders

    buffer = io.BytesIO()
    target = Path(output) if output not in (None, "-") else buffer
    if isinstance(target, Path):
        folders.check_output(target, [target], settings, one_file=True)
    photo = sys.stdin.buffer.read() if source == "-" else Path(source)
    notes = folders.colour(photo, target, colouriser, settings)
    if target is buffer:
        send(buffer.getbuffer())
    tell(notes, source, target if isinstance(target, Path) else None, quiet=quiet)


def part_of(shard: str | None) -> tuple[int, int] | None:
    """The meaning of --shard 2/8.

    Raises:
        BadParameter: it has none.
    """
    if shard is None:
        return None
    found = re.fullmatch(r"(\d+)/(\d+)", shard)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise typer.BadParameter(f"--shard {shard}: say 1/8, 2/8 and so on up to 8/8")
    return int(found[1]), int(found[2])


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
            err.print(f"[yellow]note[/] {escape(printable(f'{source}: {note}'))}")
        if target is not None:
            err.print(f"[green]coloured[/] {escape(printable(str(target)))}")


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
        err.print(f"[red]error[/] {escape(printable(f'{where}{what or error}'))}")
        raise typer.Exit(1) from error


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # Typer's; looking for them takes 20 ms
    app()
