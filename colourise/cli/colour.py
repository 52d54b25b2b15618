"""`colourise PHOTO|FOLDER|FILM...`: the command that the tool is for."""

from __future__ import annotations

import io
import os
import re
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.markup import escape

from colourise.cli import options
from colourise.cli.console import (
    bar,
    err,
    left_alone,
    out,
    print_outcome,
    summary,
    tell,
)
from colourise.cli.errors import refusals
from colourise.errors import PhotoError
from colourise.models.catalogue import DEFAULT_MODEL
from colourise.words import printable

if TYPE_CHECKING:
    from colourise.archives.job import PhotoOptions
    from colourise.colouriser import Colouriser

from colourise.cli.films import check_films, colour_films, seconds

EXAMPLES = (
    "Examples:\n"
    "  colourise photo.jpg                       [dim]writes photo.colourised.jpg beside it[/]\n"
    "  colourise archive/ -o coloured/           [dim]a whole tree; run it again to continue[/]\n"
    "  colourise scan.tif -o new.png --compare   [dim]also new.compare.jpg, before | after[/]\n"
    "  cat old.jpg | colourise - > new.jpg       [dim]through a pipe[/]\n"
    "  colourise film.mp4 --preview 10s          [dim]a look before the whole film[/]"
)


def colourise(
    ctx: typer.Context,
    paths: options.Paths,
    output: options.Output = None,
    overwrite: options.Overwrite = False,
    model: options.Model = DEFAULT_MODEL,
    format: options.Format = None,  # noqa: A002
    quality: options.Quality = None,
    saturation: options.Saturation = 1.0,
    input_size: options.InputSize = None,
    compare: options.Compare = False,
    history: options.History = True,
    include: options.Include = None,
    exclude: options.Exclude = None,
    since: options.Since = None,
    limit: options.Limit = None,
    retry_failed: options.RetryFailed = False,
    dry_run: options.DryRun = False,
    follow_symlinks: options.FollowSymlinks = False,
    shard: options.Shard = None,
    report: options.Report = None,
    json_lines: options.JsonLines = False,
    watch: options.Watch = False,
    codec: options.Codec = options.CodecChoice.h264,
    crf: options.Crf = None,
    preset: options.Preset = None,
    steadiness: options.Steadiness = 0.9,
    start: options.Start = None,
    end: options.End = None,
    preview: options.Preview = None,
    deinterlace: options.Deinterlace = False,
    workers: options.Workers = None,
    engine: options.Engine = options.EngineChoice.local,
    backend: options.Backend = options.BackendChoice.auto,
    device: options.Device = "auto",
    precision: options.Precision = options.PrecisionChoice.auto,
    quiet: options.Quiet = False,
) -> None:
    """Colour photos, folders and films; the command's name may be left out.

    Without -o, photo.jpg becomes photo.colourised.jpg beside it. Folders are
    searched with all their subfolders. - stands for standard input.

    Photos keep their lightness, bit depth, size, transparency and metadata.
    Formats: JPEG, PNG, TIFF, WebP, BMP, AVIF and HEIC.

    Films keep their timing, sound, subtitles and chapters; film.mp4 becomes
    film.colourised.mp4. A film or folder that was interrupted continues when
    the same command is given again.
    """
    check_streams(paths, output, compare=compare)
    with refusals():
        from functools import partial

        from colourise.archives import archive, naming, pending
        from colourise.archives.job import PhotoOptions
        from colourise.archives.ledger import Ledger
        from colourise.archives.plan import plan
        from colourise.archives.run import run as run_here
        from colourise.archives.run import still_needed
        from colourise.archives.selection import Selection
        from colourise.colouriser import load_model
        from colourise.files.storage import check_folder, is_remote, located
        from colourise.films.source import is_film

        settings = PhotoOptions(
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
        some = [Path(path) for path in paths if path != "-" and is_film(Path(path))]
        check_films(some, paths, output, given)
        if some:
            from colourise import films

            ways = films.FilmOptions(
                encoding=films.Encoding(codec=codec.value, crf=crf, preset=preset),
                steadiness=steadiness,
                start=seconds(start, "--start"),
                end=seconds(end, "--end"),
                preview=seconds(preview, "--preview"),
                deinterlace=deinterlace,
                overwrite=overwrite,
                history=history,
                compare=compare,
            )
            colour_films(some, output, load, ways, quiet=quiet)
            return
        if paths == ["-"] or output == "-":
            stream(paths[0], output, load(), settings, quiet=quiet)
            return
        named, place = [located(path) for path in paths], located(output) if output else None
        chosen = Selection(
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
        if engine == options.EngineChoice.ray:
            from colourise.archives import ray_cluster

            ray_cluster.check()
        if engine == options.EngineChoice.ray and (not tree or watch):
            how_else = "leave out --watch" if watch else "add -o FOLDER"
            raise typer.BadParameter(f"--engine ray is for whole folders that go to another one: {how_else}")
        if tree and place:
            naming.check_output(place, named, settings, one_file=naming.is_file_name(place, named))

        def who(works: str) -> None:
            if not quiet:
                err.print(f"[dim]{escape(works)}[/]")

        def waits() -> None:
            err.print(f"[yellow]waiting[/] another run is at work in {escape(str(place))}")

        def go(busy: set[Path], *, first: bool = True) -> Counter[str]:
            """Colour what there is to colour, but for files that somebody still writes to."""
            with archive.collector_paused():
                rows = ledger.rows() if ledger else {}
                known = {key: row.output for key, row in rows.items()}
                settled = pending.Settled({} if overwrite or retry_failed else rows, settings_key)
                moving: list[str] = []
                jobs, refused = plan(named, place, settings, chosen, known, settled, moving)
                todo, done = pending.find_pending(
                    jobs,
                    rows,
                    settings_key,
                    overwrite=overwrite and first,
                    retry=retry_failed,
                    stamp_of=pending.stamps_below(place),
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
                archive.record_finished(ledger, rows, done)
            alone = len(jobs) + settled.count + len(refused) == 1
            disk_full = ""
            try:
                with bar("colouring", len(todo), hidden=quiet or alone) as advance:
                    for outcome in run(todo, colouriser, settings, ledger=ledger, workers=workers):
                        if outcome.disk_full:
                            disk_full = disk_full or outcome.reason
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
            if disk_full:
                err.print(f"[red]stopped[/] {escape(printable(disk_full))}; {still_needed(todo)}")
            if report and isinstance(ledger, Ledger):
                from colourise.archives import report as page

                page.write(ledger, report, title=f"{place}")
            if not quiet and (not alone or count["stopped"]) and (first or todo):
                err.print(f"{summary(count)} [dim]({colouriser.backend.name})[/]")
            return count

        run = run_here
        if engine == options.EngineChoice.ray:
            run = partial(ray_cluster.run, load=load, told=who)
        with archive.open_ledger(place if tree else None, chosen.shard, waits) as ledger:
            colouriser = load()
            settings_key = pending.settings_key_of(colouriser, settings)
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


def stream(
    source: str, output: str | None, colouriser: Colouriser, settings: PhotoOptions, *, quiet: bool
) -> None:
    """Colour one photo that comes from standard input, or goes to standard output.

    Raises:
        PhotoError: it cannot be read or written.
    """
    from colourise.archives.naming import check_output
    from colourise.archives.photo import colour

    buffer = io.BytesIO()
    target = Path(output) if output not in (None, "-") else buffer
    if isinstance(target, Path):
        check_output(target, [target], settings, one_file=True)
    photo = sys.stdin.buffer.read() if source == "-" else Path(source)
    notes = colour(photo, target, colouriser, settings)
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
