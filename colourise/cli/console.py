"""What the command line shows: two consoles, progress bars, tables."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from colourise.files.storage import is_remote
from colourise.words import counted, printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from colourise.archives import Outcome, Summary
    from colourise.evaluation.study import Naturalness
    from colourise.films.events import FilmProgress
    from colourise.models.library import ModelListing

out = Console(highlight=False, emoji=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)


def tell(notes: list[str], source: str, target: Path | None, *, quiet: bool) -> None:
    """Print what the user must hear about a coloured photo, and where it is."""
    if not quiet:
        for note in notes:
            err.print(f"[yellow]note[/] {escape(printable(f'{source}: {note}'))}")
        if target is not None:
            err.print(f"[green]coloured[/] {escape(printable(str(target)))}")


def print_outcome(outcome: Outcome) -> None:
    """Print what became of a photo as one line of JSON, in ASCII: \\udcXX is a byte that is no text."""
    told = {
        "source": str(outcome.job.source),
        "target": str(outcome.job.target),
        "result": outcome.result,
        "reason": outcome.reason,
        "notes": outcome.notes,
        "seconds": round(outcome.seconds, 3),
    }
    out.print(json.dumps(told), markup=False)


def left_alone(films: Sequence[str]) -> str:
    """Say that films in folders are not coloured with the photos, and how to colour them."""
    many = "a film" if len(films) == 1 else f"{len(films)} films"
    if is_remote(films[0]):
        return f"[yellow]left alone[/] {many}; copy each to a disk, and name it by itself"
    command = f"colourise {shlex.quote(films[0])}"
    return f"[yellow]left alone[/] {many}; name each by itself: {escape(printable(command))}"


def cannot_be_read(kinds: Sequence[tuple[str, int]]) -> str:
    """Say which pictures in folders are of formats that cannot be read, and what to do about it."""
    many = ", ".join(f"{count} {suffix}" for suffix, count in kinds)
    return f"[yellow]left alone[/] {many}; these formats cannot be read: save them as TIFF or PNG first"


def summary(count: Summary) -> str:
    """Say in a line how many photos were coloured, skipped and so on."""
    told = [f"{count.coloured} coloured"]
    told += [f"{count.skipped} there already"] * bool(count.skipped)
    told += [f"[red]{count.failed} failed[/]"] * bool(count.failed)
    told += [f"[yellow]{count.left} not done[/]"] * bool(count.left)
    told += [f"{count.later} left for later"] * bool(count.later)
    told += [f"[yellow]{sum(count.left_alone.values())} left alone[/]"] * bool(count.left_alone)
    return ", ".join(told)


@contextmanager
def bar(what: str, total: int | None, *, hidden: bool) -> Iterator[Any]:
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
def film_bar(*, hidden: bool) -> Iterator[Any]:
    """A progress bar with scenes and frames a second; yields what `films.colour` reports to."""
    if hidden or not err.is_terminal:
        yield lambda now: None
        return
    with progress_bar(transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def told(now: FilmProgress) -> None:
            what = f"scene {now.scenes}  {now.speed:.1f} frames/s"
            progress.update(task, completed=now.done, total=now.total, description=what)

        yield told


MEASURES: tuple[dict[str, tuple[str, str, str]], ...] = (  # heading, format, what is better; in three tables
    {  # the paper's Table 1
        "js_a": ("JS a", ".4f", "lower"),
        "js_b": ("JS b", ".4f", "lower"),
        "kl": ("KL", ".3f", "lower"),
        "psnr_ab": ("psnr_ab", ".2f", "higher"),
    },
    {
        "psnr_rgb": ("psnr_rgb", ".2f", "higher"),
        "ssim": ("SSIM", ".4f", "higher"),
        "delta_e": ("delta E", ".2f", "lower"),
        "lpips": ("LPIPS", ".4f", "lower"),
        "fid": ("FID", ".2f", "lower"),
        "frechet": ("Frechet", ".1f", "lower"),
    },
    {
        "colourfulness": ("CF", ".1f", ""),
        "colourfulness_share": ("of truth", ".3f", "near 1"),
        "colourfulness_delta": ("delta-CF", ".1f", "lower"),
        "colourfulness_abs": ("CF abs", ".1f", ""),
        "colourfulness_abs_delta": ("delta-CF abs", ".1f", "lower"),
    },
)


def print_scores(rows: dict[str, dict[str, float]], size: int) -> None:
    """Print a table for each kind of measure, with a row a model, narrow enough for 80 columns."""
    from rich.table import Table

    from colourise.evaluation.captions import short_names

    names = short_names(list(rows))
    first = next(iter(rows.values()))
    out.print(f"{first['photos']:.0f} photos at {size} px; under each measure, which is better")
    for measures in MEASURES:
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("model", overflow="fold", min_width=16, max_width=24)
        shown = {key: measure for key, measure in measures.items() if key in first}
        for key, (heading, _, better) in shown.items():
            told = better or f"truth {first[f'{key}_truth']:.1f}"
            table.add_column(f"{heading}\n[dim]{told}[/]", justify="right", no_wrap=True)
        for name, scores in rows.items():
            table.add_row(
                escape(names[name]), *(f"{scores[key]:{spec}}" for key, (_, spec, _) in shown.items())
            )
        out.print()
        out.print(table)


def print_film_scores(rows: dict[str, dict[str, float]]) -> None:
    """Print one row a version of a film."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("film", overflow="fold", min_width=24)
    measures = {
        "warp_error": ("warp error", ".3f", "lower"),
        "cdc": ("CDC", ".5f", "lower"),
        "cdc_ab": ("of ab", ".5f", "lower"),
        "colourfulness": ("CF", ".1f", ""),
        "psnr_ab": ("psnr_ab", ".2f", "higher"),
    }
    for heading, _, better in measures.values():
        table.add_column(f"{heading}\n[dim]{better}[/]", justify="right", no_wrap=True)
    for name, row in rows.items():
        table.add_row(escape(name), *(f"{row[key]:{spec}}" for key, (_, spec, _) in measures.items()))
    first = next(iter(rows.values()))
    scenes = counted(round(first["scenes"]), "scene")
    out.print(f"{first['frames']:.0f} frames, {scenes}; under each measure, which is better")
    out.print(table)


def print_naturalness(results: dict[str, Naturalness], participants: int) -> None:
    """Print one row a source of pictures."""
    from rich.table import Table

    shown = sum(row.shown for row in results.values())
    people = counted(participants, "participant")
    table = Table(box=None, header_style="bold", pad_edge=False, title=f"{people}, {shown} judgements")
    table.add_column("source", overflow="fold")
    for heading in ("shown", "judged real", "naturalness", "95 % interval"):
        table.add_column(heading, justify="right", no_wrap=True)
    for source, row in results.items():
        low, high = row.interval
        figures = (f"{row.share:.2f}", f"{low:.2f} to {high:.2f}") if row.shown else ("", "")
        table.add_row(escape(source), str(row.shown), str(row.real), *figures)
    out.print(table)


def print_models(rows: Iterable[ModelListing]) -> None:
    """Print one row a model: where it is, how large, and its card's scores."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("model", "where", "MB", "input size", "licence", "psnr_rgb", "JS a", "JS b"):
        table.add_column(heading, justify="left" if heading in ("model", "where", "licence") else "right")
    for row in rows:
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
