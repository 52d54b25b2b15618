"""Photos on the command line: checks of options, and messages while they are coloured."""

from __future__ import annotations

import io
import os
import re
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import typer

from colourise.cli import options
from colourise.cli.console import (
    ADVICE,
    out,
    print_films_left_alone,
    print_in_colour,
    print_outcome,
    print_summary,
    print_unreadable,
    say,
    tell,
)
from colourise.cli.progress import bar
from colourise.errors import PhotoError
from colourise.words import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from colourise.archives import Event, Outcome, PhotoOptions, RoundEnded, Selection
    from colourise.colouriser import Colouriser
    from colourise.files.storage import Location
    from colourise.films import FilmOptions


def colour_paths(
    paths: list[str],
    output: str | None,
    load: Callable[[], Colouriser],
    photo_options: PhotoOptions,
    selection: Selection,
    film_options: FilmOptions | None,
    load_for_films: Callable[[], Colouriser],
    *,
    quiet: bool,
    json_lines: bool,
    dry_run: bool,
    **run: Any,
) -> None:
    """Colour photos and folders, and print what happens.

    Args:
        paths: files and folders.
        output: where coloured versions go.
        load: loads the model.
        photo_options: how they are written.
        selection: which photos in folders are selected.
        film_options: how films in folders are coloured; None: they are left alone.
        load_for_films: loads the model that colours films.
        quiet: whether only failures are printed.
        json_lines: whether each outcome is printed as JSON.
        dry_run: whether nothing is coloured.
        run: other options of `archives.colour`.
    Raises:
        Exit: 1 if a photo has failed or is left, 130 after Ctrl-C.
    """
    from colourise import archives

    with ExitStack() as reports:
        report = reports.enter_context(PhotoReport(quiet=quiet, json_lines=json_lines, dry_run=dry_run))
        films = None
        if film_options is not None:
            from colourise.api import films_of_folders
            from colourise.cli.films import FilmReport

            told = reports.enter_context(FilmReport(quiet=quiet, in_folders=True))
            films = films_of_folders(
                output, model=load_for_films, options=film_options, on_event=told, stop=told.stop
            )
        total = archives.colour(
            paths,
            output,
            model=load,
            options=photo_options,
            selection=selection,
            dry_run=dry_run,
            films=films,
            on_event=report,
            **run,
        )
    if not dry_run and not total.complete:
        raise typer.Exit(130 if total.stopped else 1)


def colour_variants(
    paths: list[str],
    output: str | None,
    load: Callable[[], Colouriser],
    photo_options: PhotoOptions,
    *,
    quiet: bool,
) -> None:
    """Colour photos in several strengths each, and print where they are.

    Raises:
        Exit: 1 if a photo has failed.
    """
    from colourise import archives

    def show(ended: archives.Variants) -> None:
        tell(list(ended.notes), str(ended.source), None, quiet=quiet)
        for file in (*ended.files.values(), ended.sheet):
            if file in ended.made and not quiet:
                say(("coloured", "green"), str(file))
            elif not ended.failure and not quiet:
                say(("there already", "green"), f"{file}; --overwrite makes it again")
        if ended.failure:
            say(("failed", "red"), ended.failure)

    ended = archives.colour_variants(paths, output, model=load, options=photo_options, on_ended=show)
    if any(one.failure for one in ended):
        raise typer.Exit(1)


def check_variants(given: set[str]) -> None:
    """Refuse what does not go with --variants.

    Raises:
        BadParameter: with the option that does not.
    """
    for name in options.OF_ONE_LOOK:
        if name in given:
            option = f"--{name.replace('_', '-')}"
            raise typer.BadParameter(f"{option} and --variants do not go together; leave one out")


class PhotoReport:
    """Turns events into messages and a progress bar.

    Args:
        quiet: whether only failures are printed.
        json_lines: whether each outcome is printed as JSON.
        dry_run: whether nothing is coloured.
    """

    def __init__(self, *, quiet: bool, json_lines: bool, dry_run: bool) -> None:
        self.quiet, self.json_lines, self.dry_run = quiet, json_lines, dry_run
        self.bar = ExitStack()
        self.advance: Callable[[], None]
        self.alone = False  # a single photo is coloured
        self.pending = 0
        self.there: Location | None = None  # the coloured version of a photo that was named and is done

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bar."""
        self.bar.close()

    def __call__(self, event: Event) -> None:
        """Print what an event means."""
        from colourise import archives

        match event:
            case archives.PhotoEnded():
                self.print_photo(event.outcome)
                self.advance()
            case archives.WaitingForRun():
                say(("waiting", "yellow"), f"another run is at work in {event.folder}")
            case archives.PathRefused():
                say(("failed", "red"), event.reason)
            case archives.PhotoLeftAlone():
                tell(list(event.notes), str(event.source), None, quiet=self.quiet)
            case archives.PhotoThere():
                self.there = event.job.target
            case archives.FilmsLeftAlone() if not self.quiet:
                print_films_left_alone(event.films)
            case archives.PicturesLeftAlone() if not self.quiet:
                print_unreadable(event.kinds)
            case archives.RoundStarted():
                self.alone, self.pending = event.found == 1, event.pending
                if self.alone and self.there and not self.quiet:
                    say(("there already", "green"), f"{self.there}; {ADVICE}")
                hidden = self.quiet or self.alone or self.dry_run
                self.advance = self.bar.enter_context(bar("colouring", event.pending, hidden=hidden))
            case archives.PhotoPlanned():
                job = event.job
                say(f"{job.source} -> {job.target} ({event.reason})", to=out)
            case archives.WorkersStarted():
                workers, machines = counted(event.workers, "worker"), counted(event.machines, "machine")
                self.print_aside(f"Ray: {workers} on {machines}")
            case archives.WorkersRestarted():
                times = counted(event.times, "time")
                self.print_aside(f"Ray: workers were killed {times}, and their photos handed out again")
            case archives.DiskFull():
                self.bar.close()
                say(
                    ("stopped", "red"),
                    f"{event.reason}; {event.photos} photos are left, and need about "
                    f"{event.size / 1e9:.2g} GB; free some space and run the same command again",
                )
            case archives.ReportStarted() | archives.FilmsStarted():
                self.bar.close()
            case archives.WatchStarted() if not self.quiet:
                say(("watching", "green"), f"{', '.join(map(str, event.folders))}; Ctrl-C ends it")
            case archives.RoundEnded():
                self.bar.close()
                self.print_round(event)

    def print_photo(self, outcome: Outcome) -> None:
        """Print the outcome of a photo."""
        if self.json_lines:
            print_outcome(outcome)
        if outcome.result == "failed":
            say(("failed", "red"), outcome.reason)
        elif outcome.result != "left alone":  # those are named together
            target = outcome.job.target if self.alone else None
            tell(outcome.notes, str(outcome.job.source), target, quiet=self.quiet)

    def print_round(self, event: RoundEnded) -> None:
        """Print the counts of a round, unless there was a single photo, or nothing to do in a later round."""
        count = event.summary
        if count.in_colour and not self.quiet:
            print_in_colour(count.in_colour)
        if self.dry_run:
            to_colour = [film for film in count.films if film.result == "left"]
            for film in to_colour:
                say(f"{film.source} -> {film.target} (a film)", to=out)
            told = f"{count.left} to colour, {count.skipped} there already"
            there = len(count.films) - len(to_colour)
            told += f"; films: {len(to_colour)} to colour, {there} there already" if count.films else ""
            say(told)
            return
        told_already = self.alone and not (count.stopped or count.films or (count.skipped and not self.there))
        if not self.quiet and not told_already and (event.number == 0 or self.pending):
            print_summary(count, event.backend)

    def print_aside(self, text: str) -> None:
        """Print a detail in a dim colour."""
        if not self.quiet:
            say((text, "dim"))


def colour_stream(
    source: str,
    output: str | None,
    load: Callable[[], Colouriser],
    photo_options: PhotoOptions,
    *,
    quiet: bool,
) -> None:
    """Colour one photo from standard input or to standard output.

    Raises:
        PhotoError: it cannot be read or written.
    """
    from colourise import archives

    buffer = io.BytesIO()
    photo = sys.stdin.buffer if source == "-" else source
    target = buffer if output is None or output == "-" else output
    made = archives.colour_photo(photo, target, model=load, options=photo_options)
    if target is buffer:
        send(buffer.getbuffer())
    tell(list(made.notes), source, None if target is buffer else output, quiet=quiet)


def part_of(shard: str | None) -> tuple[int, int] | None:
    """Parse --shard, such as 2/8.

    Raises:
        BadParameter: it cannot be parsed.
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
        raise typer.BadParameter("- is for one photo, alone, without --compare or --variants")
    if reads and sys.stdin.isatty():
        raise typer.BadParameter("- reads a photo from a pipe: cat old.jpg | colourise - > new.jpg")
    if writes and sys.stdout.isatty():
        raise typer.BadParameter("a picture is not for the terminal; add > new.jpg, or -o new.jpg")


def send(data: memoryview) -> None:
    """Write a picture to standard output.

    Raises:
        PhotoError: it cannot be written, for another reason than that its reader has closed it.
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
