"""`colourise train`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from colourise.cli import options
from colourise.cli.console import err, out, print_run_scores, say
from colourise.cli.errors import refusals
from colourise.cli.progress import training_bar
from colourise.extras import needs

if TYPE_CHECKING:
    from colourise.training.events import Event, OnEvent

EXAMPLES = (
    "Examples:\n"
    "  colourise train --data imagenet/          [dim]the paper's best recipe[/]\n"
    "  colourise train --data imagenet/ --train-per-class 50 --test-per-class 10\n"
    "  colourise train --data old/ --recipe colourise --set images=200_000 -o runs/mine\n"
    "  accelerate launch -m colourise train --data imagenet/      [dim]on several GPUs[/]"
)


def train(
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of colour photos or of webdataset .tar shards.", exists=True),
    ] = None,
    run: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Folder of the run; its name becomes the model's name."
        ),
    ] = Path("runs/mine"),
    recipe: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="The paper's pix2pix, gorriz, vgg16, resnet50, unet or fpn, or our own colourise.",
        ),
    ] = "vgg16",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Change a value of the recipe; may be repeated."),
    ] = None,
    show: Annotated[bool, typer.Option("--show", metavar="", help="Print the recipe and stop.")] = False,
    held_out: Annotated[
        Path | None,
        typer.Option(
            help="Photos to score on, never trained on.", show_default="200 of the data", exists=True
        ),
    ] = None,
    train_per_class: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Train on N photos of each class.", rich_help_panel=options.SPLIT
        ),
    ] = None,
    test_per_class: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Keep N other photos of each class for testing.",
            rich_help_panel=options.SPLIT,
        ),
    ] = None,
    split: Annotated[
        Path | None,
        typer.Option(
            help="The split.csv of another run, to train on the same photos.",
            exists=True,
            dir_okay=False,
            rich_help_panel=options.SPLIT,
        ),
    ] = None,
    score_every: Annotated[
        int, typer.Option(min=1, metavar="N", help="Batches between scores and previews.")
    ] = 500,
    about: Annotated[str, typer.Option(help="Description of the data, for the model's card.")] = "",
    licence: Annotated[str, typer.Option(help="Licence of the weights, for the model's card.")] = "MIT",
    encoder_weights: Annotated[
        Path | None,
        typer.Option(
            help="File with the encoder's ImageNet weights in timm's names, to avoid the download.",
            exists=True,
        ),
    ] = None,
    start_from: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Start from the weights of this trained model. A second --from fills in what the first "
            "model lacks.",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", metavar="", help="Keep resume.pt when the run is done.")
    ] = False,
    precision: options.Precision = options.PrecisionChoice.auto,
    workers: Annotated[int, typer.Option(min=0, metavar="N", help="Processes that read photos.")] = 1,
) -> None:
    """Train a model on colour photos.

    Ctrl-C saves and stops; the same command continues the run.
    """
    if (train_per_class is None) != (test_per_class is None):
        raise typer.BadParameter("--train-per-class and --test-per-class go together")
    if sum(way is not None for way in (held_out, train_per_class, split)) > 1:
        raise typer.BadParameter("--held-out, --split and --train-per-class are three ways; choose one")
    with refusals():
        from colourise.training.overrides import configure, listed

        config = configure(recipe, set_ or [])
        if show:
            for name, value in listed(config):
                say(f"{name} = {value}", to=out)
            return
        if data is None:
            raise typer.BadParameter("--data says which folder of colour photos to learn from")
        needs("train", "colourise train")
        from colourise.training import train_folder

        with narrated(run) as on_event:
            card = train_folder(
                config,
                data,
                run,
                held_out=held_out,
                per_class=(train_per_class, test_per_class) if train_per_class and test_per_class else None,
                split=split,
                start_from=start_from or [],
                encoder_weights=encoder_weights,
                about=about,
                licence=licence,
                precision=precision.value,
                workers=workers,
                score_every=score_every,
                keep=keep,
                on_event=on_event,
            )
    if card is None:
        raise typer.Exit(130)


@contextmanager
def narrated(run: Path) -> Iterator[OnEvent]:
    """Turn the events of a run into lines and a progress bar, which begins when the photos are found."""
    from colourise.training import events

    with ExitStack() as shown:
        waiting = shown.enter_context(ExitStack())
        if err.is_terminal:  # PyTorch takes seconds to load
            waiting.enter_context(err.status("starting"))
        show: Callable[[events.TrainingProgress], None] | None = None
        headed = False

        def tell(event: Event) -> None:
            nonlocal show, headed
            match event:
                case events.DownloadNeeded(name, host, megabytes):
                    waiting.close()  # torchvision and the Hub show bars of their own
                    size = f" ({megabytes} MB)" if megabytes else ""
                    say(f"{name}: its weights are downloaded once from {host}{size}")
                case events.PhotosFound(learn, test):
                    waiting.close()
                    say(f"{learn} photos to learn from, {test} held out; the run is {run}")
                    say(f"all losses and scores: tensorboard --logdir {shlex.quote(str(run))}")
                    show = shown.enter_context(training_bar())
                case events.TrainingProgress():
                    if show is not None:
                        show(event)
                case events.HeldOutScored(step, scores):
                    print_run_scores(step, scores, headed=not (headed and err.is_terminal))
                    headed = True
                case events.BalanceLost(message=message):
                    say(("warning", "yellow"), message)
                case events.TrainingStopped():
                    shown.close()
                    say(("stopped", "yellow"), "and saved; the same command goes on")
                case events.TrainingFinished(card):
                    shown.close()
                    say(("trained", "green"), f"{card}; try: colourise photo.jpg --model {run}")

        yield tell
