"""Help pages and usage errors: where Typer's own are too technical for people with a box of photos.

`colourise` is the one command whose name may be left out, so its usage leaves it out too. `colourise help
films` shows the options of one topic alone.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from typing import Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from colourise.cli import options
from colourise.words import printable

MOST_NEEDED = ("output", "overwrite", "saturation", "compare", "format")  # on the main page


class Topic(NamedTuple):
    """A short page of the help."""

    text: str
    """What to know."""
    panels: tuple[str | None, ...]
    """Which panels of options it shows; None is the first."""
    examples: str


TOPICS = {
    "photos": Topic(
        """Colour photos, one or several by name.

        photo.jpg becomes photo.colourised.jpg beside it. Lightness, bit depth,
        size, transparency and metadata stay as they are. A file that exists is
        never replaced without --overwrite, and a source never is.""",
        (None, options.LOOK),
        "Examples:\n"
        "  colourise photo.jpg                  [dim]writes photo.colourised.jpg beside it[/]\n"
        "  colourise scan.tif -o new.png        [dim]another name and format[/]\n"
        "  colourise photo.jpg --saturation 0.7 [dim]calmer colours[/]",
    ),
    "archives": Topic(
        """Colour a folder and everything below it.

        The same tree appears below the output folder. Run the same command again
        to continue: it colours what is missing, what has changed and what failed.""",
        (None, options.TREE, options.RUN),
        "Examples:\n"
        "  colourise archive/ -o coloured/                        [dim]the whole tree[/]\n"
        "  colourise archive/ -o coloured/ --dry-run              [dim]what would be coloured[/]\n"
        "  colourise archive/ -o coloured/ --report report.html   [dim]a page to look at[/]",
    ),
    "films": Topic(
        """Colour films, with their sound, in steady colours.

        film.mp4 becomes film.colourised.mp4. Ctrl-C leaves a part that plays; the
        same command continues.""",
        (None, options.FILMS),
        "Examples:\n"
        "  colourise film.mp4 --preview 10s       [dim]a look first[/]\n"
        "  colourise film.mp4                     [dim]the whole film[/]\n"
        "  colourise film.avi -o film.mkv         [dim]another container[/]",
    ),
}


class OurWords:
    """What our commands and groups share: plain words for wrong values, `--help` without a type."""

    def get_help_option(self, ctx: Any) -> Any:
        """Return the option --help."""
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.metavar = ""
            option.help = "Show this page."
        return option

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse; a value that does not fit is refused in our words."""
        with harmless(), in_our_words():
            parsed: list[str] = super().parse_args(ctx, args)  # type: ignore[misc]
            return parsed

    def invoke(self, ctx: Any) -> Any:
        """Run; Typer prints what is refused later, too."""
        with harmless():
            return super().invoke(ctx)  # type: ignore[misc]


class Command(OurWords, TyperCommand):
    """A command."""


class Group(OurWords, TyperGroup):
    """A command of several commands."""


class UnnamedContext(typer.Context):
    """What calls a command by the program's name alone."""

    @property
    def command_path(self) -> str:
        """Return the program's name."""
        return self.find_root().info_name or "colourise"


class UnnamedCommand(Command):
    """The command whose name may be left out."""

    context_class = UnnamedContext

    def get_usage(self, ctx: Any) -> str:
        """Return the usage line."""
        return f"Usage: {ctx.command_path} [OPTIONS] PHOTO|FOLDER|FILM..."


def show_topic(command: Any, ctx: Any, name: str) -> None:
    """Print one topic's page: its text, and its options of `command`."""
    topic = TOPICS[name]
    page = copy.copy(command)
    page.help, page.epilog = topic.text, topic.examples
    page.params = [
        param for param in command.params if getattr(param, "rich_help_panel", None) in topic.panels
    ]
    page.format_help(ctx, ctx.make_formatter())


@contextmanager
def harmless() -> Iterator[None]:
    """Escape what a terminal would take for commands in messages that Typer prints: they repeat arguments."""
    try:
        yield
    except Exception as err:
        if isinstance(message := getattr(err, "message", None), str):  # Typer's own kinds have one
            err.message = printable(message)  # type: ignore[attr-defined]
        raise


@contextmanager
def in_our_words() -> Iterator[None]:
    """Reword what pydantic, behind Typer, says of a value that does not fit an option."""
    try:
        yield
    except typer.BadParameter as err:
        errors = getattr(err.__cause__, "errors", None)
        if errors is None or err.param is None:
            raise
        found = errors()[0]
        err.message = f"{found.get('input')!s}: {wanted(err.param, err.message)}"
        raise


def wanted(param: Any, otherwise: str) -> str:
    """Say what an option takes."""
    kind, low, high = (
        getattr(param, "type_descriptor", None),
        getattr(param, "min", None),
        getattr(param, "max", None),
    )
    kind = getattr(kind, "annotation", None)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"choose {', '.join(str(choice.value) for choice in kind)}"
    if kind is datetime:
        return "give a date such as 2026-01-31, or 2026-01-31T18:00:00"
    if kind in (int, float):
        number = "a whole number" if kind is int else "a number"
        if low is None and high is None:
            return f"give {number}"
        if high is None:
            return f"give {number}, {low:g} or more"
        return f"give {number} from {low:g} to {high:g}"
    return otherwise
