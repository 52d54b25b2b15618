"""How far long work is: a bar on a terminal, and elsewhere a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from colourise.cli.console import err, say
from colourise.words import duration, printable

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

    from colourise.films.events import FilmProgress
    from colourise.training.events import TrainingProgress

EVERY = 30.0  # seconds between two lines of a log


class ProgressLog:
    """Says in a line how far work is, where there is no terminal; at most one in `EVERY` seconds.

    Args:
        what: what is done, such as "colouring".
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self.begun = self.said = time.monotonic()
        self.before: int | None = None

    def update(self, done: int, total: int | None, about: str = "") -> None:
        """Take notice of progress.

        Args:
            done: how many are done.
            total: of how many, if that is known.
            about: what else to say.
        """
        now = time.monotonic()
        if self.before is None:
            self.before, self.begun = done, now  # what an earlier run did says nothing of our speed
        if now - self.said < EVERY:
            return
        self.said = now
        fresh, left = done - self.before, (total or done) - done
        told = [about] * bool(about)
        if fresh > 0 and left > 0:
            told.append(f"about {duration((now - self.begun) / fresh * left)} left")
        count = f"{done} of {total}" if total else f"{done}"
        say(self.what, count, *([(f"({', '.join(told)})", "dim")] * bool(told)))


@contextmanager
def bar(what: str, total: int | None, *, hidden: bool) -> Iterator[Callable[[], None]]:
    """Show progress; yields a function that moves it on by one."""
    if hidden:
        yield lambda: None
    elif err.is_terminal:
        with progress_bar(transient=True) as progress:
            task = progress.add_task(printable(what), total=total)
            yield lambda: progress.advance(task)
    else:
        log, done = ProgressLog(what), 0
        log.update(0, total)

        def advance() -> None:
            nonlocal done
            done += 1
            log.update(done, total)

        yield advance


def progress_bar(*columns: ProgressColumn, **options: Any) -> Progress:
    """Our kind of rich's progress bar, which takes a while to import; other columns may be given."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = columns or (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, **options)


@contextmanager
def film_bar(*, hidden: bool) -> Iterator[Callable[[FilmProgress], None]]:
    """Show progress with scenes and frames a second; yields what `films.colour` reports to."""
    if hidden:
        yield lambda now: None
    elif err.is_terminal:
        with progress_bar(transient=True) as progress:
            task = progress.add_task("reading", total=None)

            def show(now: FilmProgress) -> None:
                what = f"scene {now.scenes}  {now.speed:.1f} frames/s"
                progress.update(task, completed=now.done, total=now.total, description=what)

            yield show
    else:
        log = ProgressLog("colouring frame")
        yield lambda now: log.update(now.done, now.total, f"scene {now.scenes}, {now.speed:.1f} frames/s")


@contextmanager
def training_bar() -> Iterator[Callable[[TrainingProgress], None]]:
    """Show batches, time left, speed and loss on one line of the terminal; yields what takes the progress."""
    if err.is_terminal:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

        columns = (
            BarColumn(bar_width=None),
            TextColumn("batch {task.completed}/{task.total}"),
            TimeRemainingColumn(),
            TextColumn("left, {task.description}"),
        )
        with progress_bar(*columns, expand=True) as progress:
            task = progress.add_task("")

            def show(now: TrainingProgress) -> None:
                progress.update(task, completed=now.step, total=now.steps, description=training_words(now))

            yield show
    else:
        log = ProgressLog("batch")
        yield lambda now: log.update(now.step, now.steps, training_words(now))


def training_words(now: TrainingProgress) -> str:
    """Return the speed and the one loss that are shown."""
    return f"{now.images_per_second:.0f} images/s, loss {now.loss:.3f}"
