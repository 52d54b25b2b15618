"""How far long work is: bars on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from colourise.cli.console import err
from colourise.words import printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from colourise.films.events import FilmProgress


@contextmanager
def bar(what: str, total: int | None, *, hidden: bool) -> Iterator[Callable[[], None]]:
    """Show progress; yields a function that moves it on by one."""
    if hidden or not err.is_terminal:
        yield lambda: None
        return
    with progress_bar(transient=True) as progress:
        task = progress.add_task(printable(what), total=total)
        yield lambda: progress.advance(task)


def progress_bar(**options: Any) -> Progress:
    """Our kind of rich's progress bar, which takes a while to import."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, **options)


@contextmanager
def film_bar(*, hidden: bool) -> Iterator[Callable[[FilmProgress], None]]:
    """Show progress with scenes and frames a second; yields what `films.colour` reports to."""
    if hidden or not err.is_terminal:
        yield lambda now: None
        return
    with progress_bar(transient=True) as progress:
        task = progress.add_task("reading", total=None)

        def show(now: FilmProgress) -> None:
            what = f"scene {now.scenes}  {now.speed:.1f} frames/s"
            progress.update(task, completed=now.done, total=now.total, description=what)

        yield show
