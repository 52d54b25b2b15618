"""What `colourise` does with films."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from colourise.cli import options
from colourise.cli.console import (
    err,
    film_bar,
    tell,
)
from colourise.errors import FilmError
from colourise.interrupts import interruptions
from colourise.words import counted, printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from colourise.colouriser import Colouriser
    from colourise.films.options import Settings


def colour_films(
    paths: list[Path],
    output: str | None,
    load: Callable[[], Colouriser],
    settings: Settings,
    *,
    preview: bool,
    quiet: bool,
) -> None:
    """Colour films, one after the other; one that fails is named.

    Raises:
        Exit: 1 where one has failed, 130 after Ctrl-C.
    """
    from colourise.films import colouring, job, naming

    place = Path(output) if output else None
    folder = place is not None and (len(paths) > 1 or not place.suffix or str(output).endswith("/"))
    targets = [naming.target_of(path, place, folder=folder, preview=preview) for path in paths]
    colouriser: Colouriser | None = None
    failed = 0
    for path, target in zip(paths, targets, strict=True):
        try:
            if targets.count(target) > 1:
                raise FilmError(f"{path}: another film would become {target} too; colour them apart")
            prepared = job.prepare(path, target, settings)
            tell(list(prepared.notes), str(path), None, quiet=quiet)
            colouriser = colouriser or load()
            with interruptions() as stop, film_bar(hidden=quiet) as told:
                made = colouring.colour(prepared, colouriser, told=told, stop=stop)
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
        if option := first(options.OF_FILMS):
            raise typer.BadParameter(f"{option} is for films; name one")
        return
    if len(some) < len(paths):
        raise typer.BadParameter("films are coloured apart from photos and folders; give two commands")
    if output == "-":
        raise typer.BadParameter("a film is not for standard output; name a file with -o")
    if option := first(options.OF_PHOTOS):
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
