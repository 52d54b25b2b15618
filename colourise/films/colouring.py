"""Colour films, from the source to the finished output; continue those that were stopped.

Frames are coloured into segments of some seconds, in a folder beside the output. A run that was stopped is
continued after the last complete segment, with the same result as if it had not been stopped. At the end, the
segments are joined with everything that is copied from the source, and the output appears under its name.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from colourise.colouriser import Colouriser, Model, ModelId, loaded
from colourise.errors import FilmError
from colourise.files.names import FILMS
from colourise.films.compare import write_comparison
from colourise.films.encode import film_errors
from colourise.films.events import (
    FilmEvent,
    FilmFailed,
    FilmFinished,
    FilmOutcome,
    FilmPrepared,
    FilmStarted,
    FilmStopped,
    FilmThere,
    OnFilmEvent,
    ignore,
)
from colourise.films.film import Damage
from colourise.films.job import FilmJob, prepare, settings_key
from colourise.films.losses import find_late, left_out
from colourise.films.naming import comparison_path, output_paths, partial_path
from colourise.films.options import DEFAULTS, FilmOptions
from colourise.films.output import write_output
from colourise.films.pipeline import FilmRun
from colourise.films.work import WorkFolder
from colourise.models.catalogue import FAST_MODEL
from colourise.version import __version__

StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class FilmsSummary:
    """The outcomes of several films."""

    outcomes: tuple[FilmOutcome, ...]
    """Films that were coloured, and the film that was stopped, if any."""
    failures: tuple[FilmFailed, ...]
    """Films that could not be coloured, with the reasons."""
    stopped: bool
    """Whether `stop` was set before all films were done."""
    there: tuple[FilmThere, ...] = ()
    """Films whose coloured versions were there already."""


def colour(
    film: StrPath,
    output: StrPath | None = None,
    *,
    model: Model = FAST_MODEL,
    options: FilmOptions = DEFAULTS,
    on_event: OnFilmEvent = ignore,
    stop: threading.Event | None = None,
) -> FilmOutcome:
    """Colour a film, and copy its sound, subtitles, chapters and metadata.

    A film that was stopped, or whose colouring failed, continues when the same call is made again.

    Args:
        film: the film's path.
        output: a file whose suffix chooses the container, or a folder; by default film.colourised.mp4
            beside film.mp4.
        model: name or path of a model, a `Colouriser`, or a function that returns one; loaded only after
            the film was found fit to be coloured.
        options: how it is coloured and written.
        on_event: called with a `FilmPrepared`, a `FilmStarted`, a `FilmProgress` after every frame, and a
            `FilmFinished` or `FilmStopped`.
        stop: once it is set, colouring stops, and what is done becomes a film that plays, film.part.mp4.
    Raises:
        FilmError: the film cannot be read, or cannot be written as the options ask.
        ModelError: there is no such model.
    """
    source = Path(film)
    (target,) = output_paths([source], output, options, saturation=saturation_of(model, options))
    return colour_one(source, target, loader(model), options, on_event, stop)


def colour_all(
    films: Sequence[StrPath],
    output: StrPath | None = None,
    *,
    model: Model = FAST_MODEL,
    options: FilmOptions = DEFAULTS,
    places: Sequence[str] | None = None,
    on_event: OnFilmEvent = ignore,
    stop: threading.Event | None = None,
) -> FilmsSummary:
    """Colour films one after the other; a film that fails is reported, and the next one follows.

    Args:
        films: the films' paths.
        output: a folder, or for a single film a file; by default each goes beside its source.
        model: as for `colour`; it is loaded at most once.
        options: how they are coloured and written.
        places: folders below `output`, one for each film, where their outputs go; by default that folder.
        on_event: called as for `colour`, with a `FilmFailed` after each film that fails, and with a
            `FilmThere` for each whose output is there already.
        stop: once it is set, the current film is stopped, and no other is begun.
    Raises:
        ModelError: there is no such model.
    """
    load = loader(model)
    plan = planned(films, output, model=model, options=options, places=places)
    targets = [target for _, target, _ in plan]
    outcomes: list[FilmOutcome] = []
    failed: list[FilmFailed] = []
    there: list[FilmThere] = []
    stop = stop or threading.Event()
    for source, target, there_already in plan:
        if stop.is_set():
            return FilmsSummary(tuple(outcomes), tuple(failed), stopped=True, there=tuple(there))
        try:
            if targets.count(target) > 1:
                raise FilmError(
                    f"another film would become {target} too", path=source, advice="colour them apart"
                )
            if there_already:
                there.append(FilmThere(source, target))
                on_event(there[-1])
                continue
            outcomes.append(colour_one(source, target, load, options, on_event, stop))
        except FilmError as error:
            failed.append(FilmFailed(source, error))
            on_event(failed[-1])
    stopped = bool(outcomes) and not outcomes[-1].complete
    return FilmsSummary(tuple(outcomes), tuple(failed), stopped, tuple(there))


def planned(
    films: Sequence[StrPath],
    output: StrPath | None,
    *,
    model: Model = FAST_MODEL,
    options: FilmOptions = DEFAULTS,
    places: Sequence[str] | None = None,
) -> list[tuple[Path, Path, bool]]:
    """Return what `colour_all` would do: each film, its output, and whether that is there already and stays.

    A file in a place that the user chose for a film that he named is never taken for its output, nor is one
    that could be another film's: film.colourised.mkv that of film.mkv or film.avi.
    """
    sources, saturation = [Path(film) for film in films], saturation_of(model, options)
    targets = output_paths(sources, output, options, saturation=saturation, places=places)

    def shares(source: Path, target: Path) -> bool:
        others = [source.with_suffix(suffix) for suffix in FILMS - {source.suffix.lower()}]
        there = [other for other in others if other.exists()]
        return target in output_paths(there, output, options, saturation=saturation) if there else False

    def stays(source: Path, target: Path) -> bool:
        if options.overwrite or (output and places is None):
            return False
        files = (target, comparison_path(target)) if options.compare else (target,)
        there = source.is_file() and all(file.is_file() and not file.is_symlink() for file in files)
        return there and (places is not None or not shares(source, target))

    pairs = zip(sources, targets, strict=True)
    return [(source, target, stays(source, target)) for source, target in pairs]


def saturation_of(model: Model, options: FilmOptions) -> float:
    """Return how strong the colours will be."""
    if options.saturation is not None:
        return options.saturation
    return model.saturation if isinstance(model, Colouriser) else 1.0


def loader(model: Model) -> Callable[[], Colouriser]:
    """Return a function that loads a model when it is first called, and returns the same model afterwards."""

    return cache(lambda: loaded(model))


def colour_one(
    source: Path,
    target: Path,
    load: Callable[[], Colouriser],
    options: FilmOptions,
    on_event: OnFilmEvent,
    stop: threading.Event | None,
) -> FilmOutcome:
    """Prepare a film, load the model, and colour the film, with an event after each."""
    job = prepare(source, target, options)
    on_event(FilmPrepared(source, target, job.notes))
    colouriser = load() if options.saturation is None else load().at(options.saturation)
    return colour_job(job, colouriser, on_event=on_event, stop=stop)


def colour_job(
    job: FilmJob,
    colouriser: Colouriser,
    *,
    on_event: OnFilmEvent = ignore,
    stop: threading.Event | None = None,
) -> FilmOutcome:
    """Colour a film that was prepared.

    Args:
        job: the film, as `prepare` returned it.
        colouriser: the model that colours it.
        on_event: called with a `FilmStarted`, a `FilmProgress` after every frame, and a `FilmFinished` or
            `FilmStopped`.
        stop: once it is set, colouring stops.
    Raises:
        FilmError: it cannot be read or written.
    """
    stop = stop or threading.Event()
    on_event(FilmStarted(job.film.path))
    with WorkFolder(job.target, settings_key(job, colouriser), job.film, job.options.encoding) as work:
        run = FilmRun(job, work, colouriser, on_event, stop)
        run.colour()
        progress, complete = run.progress(), not stop.is_set()
        if complete and not work.segments:
            raise FilmError(
                "has no picture there that can be read",
                path=job.film.path,
                advice="look at --start and --end",
            )
        target = finish(job, work, colouriser.model, run.damage, stopped=not complete)
        if complete and job.options.compare:
            write_comparison(job, colouriser)
    late = [thing for thing in find_late(job.film, job.plan, run.seen, job.traits) if thing not in job.lost]
    said = left_out(late, job.target, job.plan.encoding)
    anew = ("was begun anew: what there was of it was made in another way",) * work.begun_anew
    notes = (*job.notes, *anew, *said, *run.damage.notes())
    outcome = FilmOutcome(
        job.film.path, target, run.done, run.scenes, notes, run.damage, progress.speed, complete
    )
    event: FilmEvent = FilmFinished(outcome) if complete else FilmStopped(outcome)
    on_event(event)
    return outcome


def finish(job: FilmJob, work: WorkFolder, model: ModelId, damage: Damage, *, stopped: bool) -> Path:
    """Join the segments into the coloured film, or into the playable part of it; return where that is.

    Raises:
        FilmError: it cannot be written.
    """
    film, target, options = job.film, job.target, job.options
    part = partial_path(target)
    part_is_ours = work.folder / "part"  # marks an existing partial film as ours
    if work.segments:
        with film_errors(part if stopped else target, "the same command goes on from here"):
            write_output(
                film,
                work.segments,
                job.plan,
                part if stopped else target,
                damage,
                start=job.start,
                end=work.ends if stopped else job.end,
                comment=f"coloured by colourise {__version__} with {model}" if options.history else "",
                overwrite=part_is_ours.exists() if stopped else options.overwrite,
            )
    if stopped:
        part_is_ours.touch()
        return part
    if part_is_ours.exists() and not part.is_symlink():
        part.unlink(missing_ok=True)
    work.remove()
    return target
