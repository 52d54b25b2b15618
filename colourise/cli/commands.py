"""The command line: parses, calls one function, prints, chooses the exit code.

`colourise photo.jpg` is short for `colourise colourise photo.jpg`. Exit codes: 0 all is done, 1 something
failed (and was named), 2 the command was not understood, 130 stopped with Ctrl-C. Messages go to standard
error, results and tables to standard output.
"""

from __future__ import annotations

import copy
import difflib
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from colourise.cli import colour, evaluate, study, train, weights
from colourise.cli.console import out, say
from colourise.cli.help import MOST_NEEDED, TOPICS, Command, Group, UnnamedCommand, show_topic
from colourise.version import __version__
from colourise.words import printable

OWN_WORDS = {"--help", "-h", "--version", "-V", "--install-completion", "--show-completion"}


class Commands(Group):
    """Subcommands, with `colourise` left out where the first word is none of them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command in front of anything that is no command and no option of our own."""
        match args:
            case ["version"]:
                args[:] = ["--version"]
            case ["help", topic] if topic in TOPICS:
                show_topic(self.commands["colourise"], ctx, topic)
                raise typer.Exit
            case ["help", *rest]:
                args[:] = [*rest, "--help"]
        if args and args[0] not in (*self.commands, *OWN_WORDS):
            close = difflib.get_close_matches(args[0].lower(), self.commands, n=1, cutoff=0.8)
            if close and not Path(args[0]).exists():
                word = printable(args[0])
                ctx.fail(f"{word}: no such photo, folder or command; did you mean {close[0]}?")
            args.insert(0, "colourise")
        return super().parse_args(ctx, args)

    def get_usage(self, ctx: Any) -> str:
        """Return the usage lines."""
        name = ctx.command_path
        return f"Usage: {name} [OPTIONS] PHOTO|FOLDER|FILM...\n       {name} COMMAND [ARGUMENTS]..."

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print the main page, with the options that most people need."""
        page = copy.copy(self)
        colour_params = {param.name: param for param in self.commands["colourise"].params}
        for param in self.params:
            if param.name in ("install_completion", "show_completion"):
                param.metavar = ""
        page.params = [*(colour_params[name] for name in MOST_NEEDED), *self.params]
        super(Commands, page).format_help(ctx, formatter)


app = typer.Typer(
    cls=Commands,
    name="colourise",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def version(asked: bool) -> None:
    """Print the version and stop."""
    if asked:
        say(f"colourise {__version__}", to=out)
        raise typer.Exit


@app.callback(
    epilog="Examples:\n"
    "  colourise photo.jpg                [dim]writes photo.colourised.jpg beside it[/]\n"
    "  colourise archive/ -o coloured/    [dim]a whole tree; run it again to continue[/]\n"
    "  colourise film.mp4                 [dim]with its sound, in steady colours[/]\n"
    "  colourise photo.jpg --help         [dim]all options[/]\n"
    "  colourise help films               [dim]one topic: photos, archives or films[/]"
)
def commands(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", "-V", metavar="", callback=version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Colour black-and-white photos, whole archives of them, and films.

    Name the photos, folders or films to colour. (Write ./train for a folder
    that has the name of a command.)
    """


app.command(cls=UnnamedCommand, epilog=colour.EXAMPLES)(colour.colourise)
app.command(cls=Command, epilog=train.EXAMPLES)(train.train)
app.command("eval", cls=Command, epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command(cls=Command)(weights.export)
app.add_typer(weights.weights_app, name="weights")
app.add_typer(study.study_app, name="study")


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1")  # Typer's; looking for them takes 20 ms
    app()
