"""A whole run: plan, hold the ledger, colour, report; and again when photos arrive in a watched folder."""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from colourise.archives import results
from colourise.archives.events import (
    DiskFull,
    FilmsLeftAlone,
    FilmsStarted,
    OnEvent,
    PathRefused,
    PhotoEnded,
    PhotoLeftAlone,
    PhotoPlanned,
    PhotoThere,
    PicturesLeftAlone,
    ReportStarted,
    RoundEnded,
    RoundStarted,
    Summary,
    WaitingForRun,
    WatchStarted,
    ignore,
)
from colourise.archives.job import FilmResult, FoundFilm, Outcome, PhotoOptions
from colourise.archives.ledger import Ledger, LedgerEntry
from colourise.archives.naming import check_output, is_file_name
from colourise.archives.pending import PendingJob, done_before, find_pending, settings_key_of, stamps_below
from colourise.archives.plan import Plan, plan_jobs
from colourise.archives.remote_ledger import AnyLedger, RemoteLedger
from colourise.archives.run import remove_parts, run_jobs, still_needed
from colourise.archives.selection import Selection
from colourise.colouriser import Colouriser, Model, load_model, loaded
from colourise.errors import OptionError, PhotoError
from colourise.files.containment import is_link
from colourise.files.stamp import Stamp
from colourise.files.storage import check_folder, is_remote, located
from colourise.models.catalogue import DEFAULT_MODEL

if TYPE_CHECKING:
    from colourise.files.storage import Location

Engine = Literal["local", "ray"]
RunJobs = Callable[..., Generator[Outcome, None, None]]
ColourFilms = Callable[[Sequence[FoundFilm], bool], Sequence[FilmResult]]
"""Colours films and tells what became of each; if the second argument is true, only tells what would."""


def colour(
    paths: str | Path | Iterable[str | Path],
    output: str | Path | None = None,
    *,
    model: Model = DEFAULT_MODEL,
    options: PhotoOptions | None = None,
    selection: Selection | None = None,
    limit: int | None = None,
    retry_failed: bool = False,
    dry_run: bool = False,
    watch: bool = False,
    report: str | Path | None = None,
    csv: str | Path | None = None,
    workers: int | None = None,
    engine: Engine = "local",
    films: ColourFilms | None = None,
    on_event: OnEvent = ignore,
) -> Summary:
    """Colour photos and folders of photos.

    What was done is recorded in the output folder, so that the next run does the rest: photos that
    are new, have changed or have failed, all where the model or the options are others, and none whose
    coloured version somebody else has put there or changed. On Ctrl-C, photos that were begun are finished.

    Args:
        paths: files and folders, or URLs of folders.
        output: a file (for one photo), a folder, or the URL of one; None: `photo.colourised.jpg` beside each.
        model: its name or path, a `Colouriser`, or a function that loads one.
        options: how photos are written.
        selection: which photos in folders are selected; by default all.
        limit: colour at most this many photos in this run.
        retry_failed: whether only photos that failed before are coloured.
        dry_run: whether nothing is coloured, and events only say what would be.
        watch: whether to keep running and colour new photos as they arrive, until Ctrl-C.
        report: an HTML page to write, with before | after pictures and failures.
        csv: a list to write, with a line for each photo that this run or an earlier one has met.
        workers: photos at a time; by default one more than there are processors. With Ray, its workers.
        engine: "local", or "ray" for a Ray cluster.
        films: colours the films in folders, after the photos; None: they are left alone.
        on_event: called in this thread with each event of `archives.events`.
    Returns:
        Counts of all rounds.
    Raises:
        OptionError: the options do not go together.
        PhotoError: a path or the output is impossible.
        LedgerError: the output folder's ledger cannot be read or written, or another run has taken it over.
        ModelError: there is no such model, or it has no file for this backend.
        DeviceError: there is no such device, or Ray cannot be reached or go on.
    """
    places = [located(path) for path in several(paths)]
    place = None if output is None else located(output)
    options, selection = options or PhotoOptions(), selection or Selection()
    page, table = (None if file is None else Path(file) for file in (report, csv))
    if films and (watch or retry_failed):
        raise OptionError("--films does not go with --watch or --retry-failed; colour films in another run")
    is_tree = check(places, place, options, watch=watch, report=page, table=table, engine=engine)
    with open_ledger(place if is_tree else None, selection.shard, on_event) as ledger:
        colouriser = loaded(model)
        archive = Archive(
            paths=places,
            output=place,
            options=options,
            selection=selection,
            limit=limit,
            retry_failed=retry_failed,
            dry_run=dry_run,
            films=films,
            report=page,
            table=table,
            on_event=on_event,
            ledger=ledger,
            colouriser=colouriser,
            run=partial(runner(engine, model, on_event), workers=workers),
        )
        summary = Summary()
        summary += archive.colour_round(0)
        if watch and not summary.stopped:
            archive.watch(summary)
    return summary


def several(paths: str | Path | Iterable[str | Path]) -> list[str | Path]:
    """Return a list of paths, or a list of the one path."""
    return list(paths) if isinstance(paths, Iterable) and not isinstance(paths, str) else [paths]


def check(
    paths: Sequence[Location],
    output: Location | None,
    options: PhotoOptions,
    *,
    watch: bool,
    report: Path | None,
    table: Path | None,
    engine: Engine,
) -> bool:
    """Refuse options that do not go together; return whether folders go to a folder, which has a ledger.

    Raises:
        OptionError: with what to do instead.
        PhotoError: a path or the output is impossible.
        DeviceError: Ray cannot be reached.
    """
    for path in filter(is_remote, paths):
        check_folder(path)
    if any(map(is_remote, [*paths, output or ""])) and (output is None or watch or report):
        how_else = "add -o FOLDER" if output is None else "leave out --watch and --report"
        raise OptionError(f"what is not on a disk of this machine goes another way: {how_else}")
    folders = any(path.is_dir() for path in paths)
    is_tree = output is not None and folders
    if watch and not folders:
        raise OptionError("--watch is for folders; name one")
    if report and not is_tree:
        raise OptionError("--report is for folders that go to another one: add -o FOLDER")
    if table is not None:
        if not is_tree:
            raise OptionError("--csv is for folders that go to another one: add -o FOLDER")
        results.check(table)
    for place in (report, report.with_name(f"{report.stem}_files")) if report else ():
        if is_link(place):
            reason = "is a link, through which no report is written"
            raise PhotoError(reason, path=place, advice="remove the link, or name another page")
    if engine == "ray":
        from colourise.archives import ray_cluster

        ray_cluster.check()
        if not is_tree or watch:
            how_else = "leave out --watch" if watch else "add -o FOLDER"
            raise OptionError(f"--engine ray is for whole folders that go to another one: {how_else}")
    if is_tree and output is not None:
        check_output(output, list(paths), options, one_file=is_file_name(output, list(paths)))
    return is_tree


def runner(engine: Engine, model: Model, on_event: OnEvent) -> RunJobs:
    """Return the function that does jobs: on this machine, or on a Ray cluster.

    Raises:
        OptionError: workers on other machines cannot load the model.
    """
    if engine == "local":
        return run_jobs
    from colourise.archives import ray_cluster

    if isinstance(model, Colouriser):
        raise OptionError("workers of Ray load the model themselves: give its name, or a function")
    load = partial(load_model, str(model)) if isinstance(model, str | PathLike) else model
    return partial(ray_cluster.run_jobs, load=load, on_event=on_event)


@contextmanager
def open_ledger(
    output: Location | None, shard: tuple[int, int] | None, on_event: OnEvent = ignore
) -> Iterator[AnyLedger | None]:
    """Open the ledger of an output folder, and keep other runs away; yield None if there is no folder.

    Args:
        output: the folder.
        shard: which part of the photos this run colours; each part has a ledger of its own.
        on_event: called once if another run is at work there; its end is waited for.
    """
    if output is None:
        yield None
        return
    part = "{}of{}".format(*shard) if shard else ""
    with Ledger(output, part) if isinstance(output, Path) else RemoteLedger(output, part) as ledger:
        if not ledger.hold(0):
            on_event(WaitingForRun(output))
            while not ledger.hold(3600):
                pass
        remove_parts(ledger.among("result = 'planned'"), output)
        yield ledger


@dataclass(frozen=True)
class Archive:
    """Photos and folders that are coloured in rounds: once, or whenever photos arrive."""

    paths: list[Location]
    """Files and folders."""
    output: Location | None
    """Where coloured versions go."""
    options: PhotoOptions
    """How photos are written."""
    selection: Selection
    """Which photos in folders are selected."""
    limit: int | None
    """At most this many photos are coloured in a round."""
    retry_failed: bool
    """Whether only photos that failed before are coloured."""
    dry_run: bool
    """Whether nothing is coloured."""
    films: ColourFilms | None
    """Colours films in folders; None: they are left alone."""
    report: Path | None
    """HTML page that is written after each round."""
    table: Path | None
    """CSV file that is written after each round."""
    on_event: OnEvent
    """Called with each event."""
    ledger: AnyLedger | None
    """Ledger of the output folder; None: there is no such folder."""
    colouriser: Colouriser
    """What colours."""
    run: RunJobs
    """Does jobs."""
    in_colour: set[tuple[Location, Stamp | None]] = field(default_factory=set)
    """Photos that this run has left alone because they have colour."""

    def watch(self, summary: Summary) -> None:
        """Colour photos as they arrive, until Ctrl-C, and add them to `summary`."""
        from colourise.archives.watch import arrivals

        folders = [path for path in self.paths if isinstance(path, Path) and path.is_dir()]
        output = self.output if isinstance(self.output, Path) else None  # `check` lets no other through
        self.on_event(WatchStarted(tuple(folders)))
        with suppress(KeyboardInterrupt):
            for number, busy in enumerate(arrivals(folders, output), 1):
                summary += self.colour_round(number, busy)
                if summary.stopped:
                    break

    def colour_round(self, number: int, busy: Set[Path] = frozenset()) -> Summary:
        """Find and colour every pending photo, except files that are still being written.

        Args:
            number: number of the round, from 0.
            busy: files that are still being written.
        """
        with collector_paused():
            entries = self.ledger.rows() if self.ledger else {}
            plan, pending, skipped = self.find(entries, overwrite=self.options.overwrite and number == 0)
        if number:  # a photo that failed is tried again once it has changed
            pending = [one for one in pending if one.job.source.resolve() not in busy and not one.in_vain]
            pending = [one for one in pending if (one.job.source, one.job.stamp) not in self.in_colour]
        postponed = sum(outcome.later for outcome in skipped)
        left = [f"{outcome.job.source}" for outcome in skipped if outcome.result == "left alone"]
        later = postponed + (max(0, len(pending) - self.limit) if self.limit else 0)
        pending = pending[: self.limit]
        kinds = dict(kinds_of([*plan.films, *plan.unreadable])) if number == 0 else {}
        summary = Summary(
            skipped=plan.done + len(skipped) - postponed - len(left),
            failed=len(plan.refused),
            left=len(pending),
            later=later,
            failures=list(plan.refused),
            in_colour=[] if number else left,
            left_alone=kinds,
        )
        if number == 0:
            self.tell_of_others(plan, skipped)
        self.on_event(RoundStarted(number, len(pending), plan.found))
        if self.dry_run:
            for one in pending:
                self.on_event(PhotoPlanned(one.job, one.reason))
        else:
            if self.ledger:
                record_finished(self.ledger, entries, skipped)
            self.colour_pending(pending, summary)
        if self.films and plan.films_to_colour and (self.dry_run or not summary.left):
            self.on_event(FilmsStarted(tuple(plan.films_to_colour)))
            summary.films += self.films(plan.films_to_colour, self.dry_run)
            summary.stopped = not self.dry_run and any(film.result == "left" for film in summary.films)
        if self.report and isinstance(self.ledger, Ledger) and not self.dry_run:
            from colourise.archives import report as page

            self.on_event(ReportStarted(self.report))
            page.write(
                self.ledger,
                self.report,
                title=f"{self.output}",
                films=summary.films,
                left_alone=[*plan.films, *plan.unreadable],
            )
        if self.table and self.ledger and not self.dry_run:
            results.write(self.ledger, self.table)
        self.on_event(RoundEnded(number, summary, self.colouriser.backend.name))
        return summary

    def find(
        self, entries: Mapping[bytes, LedgerEntry], *, overwrite: bool
    ) -> tuple[Plan, list[PendingJob], list[Outcome]]:
        """Find all photos, and sort them into pending and skipped ones."""
        settings_key = settings_key_of(self.colouriser, self.options)
        all_anew = self.options.overwrite or self.retry_failed
        plan = plan_jobs(
            self.paths,
            self.output,
            self.options,
            self.selection,
            saturation=self.colouriser.saturation,
            known={key: entry.output for key, entry in entries.items()},
            is_done=done_before({} if all_anew else entries, settings_key),
            with_films=self.films is not None,
        )
        pending, skipped = find_pending(
            plan.jobs,
            entries,
            settings_key,
            self.options,
            overwrite=overwrite,
            retry=self.retry_failed,
            stamp_of=stamps_below(self.output),
        )
        return plan, pending, skipped

    def tell_of_others(self, plan: Plan, skipped: Sequence[Outcome]) -> None:
        """Report paths, photos and films that will not be coloured and that the user should know about."""
        for reason in plan.refused:
            self.on_event(PathRefused(reason))
        for outcome in skipped:
            if outcome.job.named and outcome.result == "skipped" and not outcome.later:
                self.on_event(PhotoThere(outcome.job))
            if outcome.notes:
                self.on_event(PhotoLeftAlone(outcome.job.source, tuple(outcome.notes)))
        if plan.films:
            self.on_event(FilmsLeftAlone(tuple(plan.films)))
        if plan.unreadable:
            self.on_event(PicturesLeftAlone(kinds_of(plan.unreadable)))

    def colour_pending(self, pending: Sequence[PendingJob], summary: Summary) -> None:
        """Colour photos, and count them in `summary`."""
        full: Outcome | None = None
        try:
            with closing(self.run(pending, self.colouriser, self.options, ledger=self.ledger)) as outcomes:
                for outcome in outcomes:
                    if outcome.disk_full:
                        full = full or outcome
                        continue
                    summary.count(outcome)
                    if outcome.result == "left alone":
                        self.in_colour.add((outcome.job.source, outcome.job.stamp))
                    self.on_event(PhotoEnded(outcome))
        except KeyboardInterrupt:
            summary.stopped = True
        if full:
            self.on_event(DiskFull(full.reason, *still_needed(pending)))


def kinds_of(files: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Count files by suffix, the most frequent one first."""
    counts = Counter(os.path.splitext(file)[1].lower() for file in files)
    return tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0])))


def record_finished(
    ledger: AnyLedger, entries: Mapping[bytes, LedgerEntry], skipped: Iterable[Outcome]
) -> None:
    """Record photos as coloured that a killed run finished without recording them."""
    ledger.write(
        replace(
            entries[outcome.job.key],
            result="coloured",
            written_stamp=outcome.written_stamp,
            at=time.time(),
        )
        for outcome in skipped
        if outcome.written_stamp is not None
    )


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause garbage collection while hundreds of thousands of objects are made that stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
