"""`colourise weights` and `colourise export`: models as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from colourise.cli import options
from colourise.cli.console import print_models, say
from colourise.cli.errors import refusals
from colourise.cli.help import Command, Group
from colourise.extras import needs

weights_app = typer.Typer(cls=Group, no_args_is_help=False, help="List, fetch and publish models.")


def export(
    model: Annotated[str, typer.Argument(metavar="NAME|PATH|OWNER/REPO", help="Model to export.")],
    target: Annotated[Path, typer.Argument(metavar="OUT.onnx", help="The ONNX file to write.")],
    fp16: Annotated[bool, typer.Option("--fp16", metavar="", help="Half precision, for GPUs.")] = False,
    int8: Annotated[
        bool, typer.Option("--int8", metavar="", help="A transformer's matrices in 8 bits, for CPUs.")
    ] = False,
    overwrite: options.Overwrite = False,
) -> None:
    """Export a model to ONNX, and check it against PyTorch."""
    if fp16 and int8:
        raise typer.BadParameter("--fp16 and --int8 are two forms of one file; choose one")
    with refusals():
        needs("train", "colourise export")
        from colourise.models.export import export as run_export

        worst = run_export(
            model, target, form="fp16" if fp16 else "int8" if int8 else "fp32", overwrite=overwrite
        )
    say(("exported", "green"), f"{target}; ab is within {worst:.2g} of PyTorch's")


@weights_app.callback(invoke_without_command=True)
def weights(ctx: typer.Context) -> None:
    """List models: shipped, downloaded, and on the Hub."""
    if ctx.invoked_subcommand is not None:
        return
    from colourise.models.library import list_models

    with refusals():
        print_models(list_models())


@weights_app.command(cls=Command)
def pull(
    model: Annotated[str, typer.Argument(metavar="NAME|OWNER/REPO[@REVISION]", help="Model to fetch.")],
) -> None:
    """Download a model from the Hugging Face Hub for use offline."""
    from colourise.models import library

    with refusals():
        checkpoint = library.pull(model)
    say(("here", "green"), checkpoint.source)


@weights_app.command(cls=Command)
def push(
    repository: Annotated[
        str, typer.Argument(metavar="OWNER/REPO", help="Repository on the Hugging Face Hub.")
    ],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder or checkpoint.")],
    private: Annotated[
        bool, typer.Option("--private", metavar="", help="Create the repository as private.")
    ] = False,
) -> None:
    """Publish a trained model on the Hugging Face Hub, with its card."""
    from colourise.models import library

    with refusals():
        url = library.push(repository, run, private=private)
    say(("published", "green"), url)
