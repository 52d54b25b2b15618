"""Colour films from the command line: check their options, and print what happens."""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import typer

from colourise.cli import options
from colourise.cli.console import ADVICE, say, tell
from colourise.cli.progress import film_bar
from colourise.interrupts import interruptions
from colourise.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from colourise.colouriser import Colouriser
    from colourise.films import FilmEvent, FilmOptions, FilmOutcome


def colour_films(
    paths: list[Path],
    output: str | None,
    load: Callable[[], Colouriser],
    film_options: FilmOptions,
    *,
    quiet: bool,
) -> None:
    """Colour films, and print what happens.

    Raises:
        Exit: 1 if a film has failed, 130 after Ctrl-C.
    """
    from colourise import films

    with FilmReport(quiet=quiet) as report:
        summary = films.colour_all(
            paths, output, model=load, options=film_options, on_event=report, stop=report.stop
        )
    if summary.stopped:
        raise typer.Exit(130)
    if summary.failures:
        raise typer.Exit(1)


class FilmReport:
    """Prints events as words and a progress bar, and stops the film after Ctrl-C.

    Args:
        quiet: whether to print failures only.
        in_folders: whether the films were found in folders, where those that are done are only counted.
    """

    def __init__(self, *, quiet: bool, in_folders: bool = False) -> None:
        self.quiet, self.in_folders, self.stop = quiet, in_folders, threading.Event()
        self.said: tuple[str, ...] = ()  # of the current film
        self.running = ExitStack()
        self.show: Callable[[Any], None]

    def __enter__(self) -> Self:
        """Return the report itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bar, and restore what Ctrl-C did before."""
        self.running.close()

    def __call__(self, event: FilmEvent) -> None:
        """Print what an event means."""
        from colourise import films

        match event:
            case films.FilmProgress():
                self.show(event)
            case films.FilmPrepared():
                self.said = event.notes
                tell(list(event.notes), str(event.source), None, quiet=self.quiet)
            case films.FilmStarted():  # before that, Ctrl-C ends the program at once
                self.running.enter_context(interruptions(asked=self.stop))
                self.show = self.running.enter_context(film_bar(hidden=self.quiet))
            case films.FilmThere() if not (self.quiet or self.in_folders):
                say(("there already", "green"), f"{event.target}; {ADVICE}")
            case films.FilmFailed():
                self.running.close()
                say(("failed", "red"), str(event.error))
            case films.FilmFinished() | films.FilmStopped():
                self.running.close()
                late = [note for note in event.outcome.notes if note not in self.said]
                tell(late, str(event.outcome.source), None, quiet=self.quiet)
                self.print_outcome(event.outcome)

    def print_outcome(self, outcome: FilmOutcome) -> None:
        """Print where the coloured film is, or where it was stopped."""
        if not outcome.complete:
            what = (
                f"{outcome.target} has the first {outcome.frames} frames"
                if outcome.frames
                else "nothing is coloured yet"
            )
            say(("stopped", "yellow"), f"{what}; the same command goes on")
        elif not self.quiet:
            done = f"{outcome.frames} frames, {counted(outcome.scenes, 'scene')}"
            say(
                ("coloured", "green"),
                str(outcome.target),
                (f"({done}, {outcome.speed:.1f} frames/s)", "dim"),
            )


def check_films(films: list[Path], paths: list[str], output: str | None, given: set[str]) -> None:
    """Check that options fit: some are for films only, others for photos only.

    Raises:
        BadParameter: they do not; it says what to do instead.
    """

    def first(names: tuple[str, ...]) -> str | None:
        return next((f"--{name.replace('_', '-')}" for name in names if name in given), None)

    if not films:
        if (option := first(options.OF_FILMS)) and "films" not in given:
            raise typer.BadParameter(f"{option} is for films; name one, or add --films for those in folders")
        return
    if len(films) < len(paths):
        raise typer.BadParameter("films are coloured apart from photos and folders; give two commands")
    if output == "-":
        raise typer.BadParameter("a film is not for standard output; name a file with -o")
    if option := first(options.OF_PHOTOS):
        more = "; the suffix of -o chooses its container" if option == "--format" else ""
        raise typer.BadParameter(f"{option} is for photos, and not for a film{more}")
    if {"preview", "end"} <= given:
        raise typer.BadParameter("--preview and --end both say where to end; choose one")


def seconds(time: str | None, option: str) -> Fraction | None:
    """Return the seconds of a time such as 90, 90s, 1:30 or 1:02:03.5.

    Raises:
        BadParameter: it is not such a time.
    """
    if time is None:
        return None
    found = re.fullmatch(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)s?", time.strip())
    if not found:
        raise typer.BadParameter(f"{option} {time}: say 90, 90s, 1:30 or 1:02:03.5")
    hours, minutes, rest = (Fraction(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + rest
