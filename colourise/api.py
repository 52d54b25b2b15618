"""colourise for Python programs: photos, folders and films, each in one call.

These functions do what the command line does, with its options by name; docs/python.md shows them at work.
The wings have more: `archives.colour`, `films.colour`, `evaluation.compare`, `training.train`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from colourise import archives, films, images
from colourise.models.catalogue import DEFAULT_MODEL, FAST_MODEL

if TYPE_CHECKING:
    from colourise.archives.archive import ColourFilms
    from colourise.archives.events import Event
    from colourise.archives.job import ColourPhotos
    from colourise.archives.photo import ColouredPhoto
    from colourise.colouriser import Model
    from colourise.films.events import FilmEvent, FilmOutcome, OnFilmEvent
    from colourise.films.options import FilmOptions

StrPath = str | Path


def read(photo: StrPath | bytes | BinaryIO) -> images.Photo:
    """Read a photo: its pixels, upright and in sRGB at their own depth, and what belongs to them.

    Args:
        photo: a path, the bytes of a file, or an open binary file.
    Raises:
        PhotoError: it cannot be read.
    """
    return images.read(Path(photo) if isinstance(photo, str | Path) else photo)


def write(
    photo: images.Photo,
    target: StrPath | BinaryIO,
    *,
    format: str | None = None,  # noqa: A002
    quality: int | None = None,
    overwrite: bool = False,
) -> list[str]:
    """Write a photo, all of it or nothing, and return what could not be kept, a line each.

    Args:
        photo: what `read` gave, perhaps with other pixels.
        target: a path, whose suffix chooses the format, or an open binary file.
        format: such as "png"; by default what the target's suffix says, for an open file what was read.
        quality: 1 to 100 for JPEG, WebP, AVIF and HEIC.
        overwrite: whether the target may exist already.
    Raises:
        PhotoError: the file cannot be written, or not in this format.
    """
    place = Path(target) if isinstance(target, str | Path) else target
    return images.write(photo, place, format=format, quality=quality, overwrite=overwrite)


def available_models() -> list[str]:
    """List the models that `load_model` takes by name: shipped, downloaded, or on the Hugging Face Hub."""
    from colourise.models import library

    return library.available_models()


def colour_photo(
    photo: StrPath | bytes | BinaryIO,
    output: StrPath | BinaryIO | None = None,
    *,
    model: Model = DEFAULT_MODEL,
    format: str | None = None,  # noqa: A002
    quality: int | None = None,
    overwrite: bool = False,
    compare: bool = False,
    history: bool = True,
) -> ColouredPhoto:
    """Colour one photo, from a file to a file, as `colourise photo.jpg` does.

    One that has colour already gets other colours, and a note says so.

    Args:
        photo: a path, the bytes of a file, or an open binary file.
        output: a path, a folder, or an open binary file; by default `photo.colourised.jpg` beside the photo.
        model: its name or path, or what `load_model` gave (which is faster for many photos).
        format: output format, such as "png"; by default the photo's.
        quality: 1 to 100 for JPEG, WebP, AVIF and HEIC.
        overwrite: whether an output that exists is replaced.
        compare: whether a before | after picture is written too.
        history: whether the output's metadata record what was done.
    Returns:
        Where the coloured photo is, and notes on it.
    Raises:
        PhotoError: it cannot be read, or its coloured version cannot be written.
    """
    options = archives.PhotoOptions(
        format=format, quality=quality, overwrite=overwrite, compare=compare, history=history
    )
    return archives.colour_photo(photo, output, model=model, options=options)


def colour_folder(
    folder: StrPath | Sequence[StrPath],
    output: StrPath | None = None,
    *,
    model: Model | None = None,
    format: str | None = None,  # noqa: A002
    quality: int | None = None,
    overwrite: bool = False,
    compare: bool = False,
    history: bool = True,
    colour_photos: ColourPhotos | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    since: datetime | None = None,
    limit: int | None = None,
    retry_failed: bool = False,
    follow_symlinks: bool = False,
    report: StrPath | None = None,
    csv: StrPath | None = None,
    workers: int | None = None,
    films: FilmOptions | None = None,
    on_event: Callable[[Event | FilmEvent], None] | None = None,
) -> archives.Summary:
    """Colour a folder of photos and everything below it, as `colourise archive/ -o coloured/` does.

    A photo that fails does not stop the others: it is counted, and its reason is in the summary. Calling it
    again continues: it colours what is missing, what has changed and what failed.

    Args:
        folder: a folder, or several folders and photos.
        output: the folder in which the same tree appears; by default each photo's result lies beside it.
        model: its name or path, or what `load_model` gave; by default the best one for photos, the fast one
            for films.
        format: output format, such as "png"; by default each photo's.
        quality: 1 to 100 for JPEG, WebP, AVIF and HEIC.
        overwrite: whether outputs that exist are replaced.
        compare: whether before | after pictures are written too.
        history: whether the outputs' metadata record what was done.
        colour_photos: "leave" or "recolour" photos that have colour already; by default those in folders are
            left alone, and those that are named coloured.
        include: patterns of names, such as "*.tif"; by default all photos.
        exclude: patterns of names to skip.
        since: only photos changed since then.
        limit: at most this many photos in this run.
        retry_failed: only photos that failed before.
        follow_symlinks: whether symbolic links to folders are followed.
        report: a web page to write, with before | after pictures and failures.
        csv: a list to write, with a line for each photo.
        workers: photos coloured at the same time; by default processors + 1.
        films: how films in the folder are coloured, such as `FilmOptions()`; None: they are left alone.
        on_event: called with each event of `archives.events`, such as a `PhotoEnded` for every photo, and
            with those of `films.events`.
    Returns:
        How many were coloured, were there already, and failed, with the reasons; which were left alone,
        because they have colour already; its `films` tells of each film.
    Raises:
        ColouriseError: nothing can be done at all: no such folder, no permission, no such model.
    """
    options = archives.PhotoOptions(
        format=format,
        quality=quality,
        overwrite=overwrite,
        compare=compare,
        history=history,
        colour_photos=colour_photos,
    )
    selection = archives.Selection(
        include=tuple(include),
        exclude=tuple(exclude),
        since=since.timestamp() if since else None,
        follow=follow_symlinks,
    )
    hear = on_event or (lambda event: None)
    colour_films = None
    if films is not None:
        colour_films = films_of_folders(output, model=model or FAST_MODEL, options=films, on_event=hear)
    return archives.colour(
        folder,
        output,
        model=model or DEFAULT_MODEL,
        options=options,
        selection=selection,
        limit=limit,
        retry_failed=retry_failed,
        report=report,
        csv=csv,
        workers=workers,
        films=colour_films,
        on_event=hear,
    )


def films_of_folders(
    output: StrPath | None,
    *,
    model: Model,
    options: FilmOptions,
    on_event: OnFilmEvent,
    stop: threading.Event | None = None,
) -> ColourFilms:
    """Return what colours the films that `archives.colour` finds in folders, for its argument `films`.

    Args:
        output: the folder in which the same tree appears; None: each film's output lies beside it.
        model: its name or path, or what `load_model` gave.
        options: how films are coloured.
        on_event: called with each event of `films.events`.
        stop: setting it ends the work; what is coloured so far becomes a film of its own.
    """

    def colour(found: Sequence[archives.FoundFilm], dry_run: bool) -> list[archives.FilmResult]:
        sources, places = [film.source for film in found], [film.place for film in found]
        plan = films.planned(sources, output, model=model, options=options, places=places)
        ended = {
            source: archives.FilmResult(source, target, "skipped" if there else "left")
            for source, target, there in plan
        }
        if not dry_run:
            total = films.colour_all(
                sources, output, model=model, options=options, places=places, on_event=on_event, stop=stop
            )
            for outcome in total.outcomes:
                if outcome.complete:
                    ended[outcome.source] = replace(ended[outcome.source], result="coloured")
            for one in total.failures:
                ended[one.source] = replace(ended[one.source], result="failed", reason=str(one.error))
        return list(ended.values())

    return colour


def colour_film(
    film: StrPath,
    output: StrPath | None = None,
    *,
    model: Model = FAST_MODEL,
    options: FilmOptions | None = None,
    on_event: OnFilmEvent | None = None,
    stop: threading.Event | None = None,
) -> FilmOutcome:
    """Colour a film, with its sound and in steady colours, as `colourise film.mp4` does.

    A film that was stopped is continued by the same call.

    Args:
        film: its path.
        output: a file, whose suffix chooses the container, or a folder; by default `film.colourised.mp4`.
        model: its name or path, or what `load_model` gave.
        options: such as `FilmOptions(preview=10)` from `colourise.films`.
        on_event: called with each event of `films.events`, such as a `FilmProgress` after every frame.
        stop: setting it ends the call; what is coloured so far becomes a film of its own.
    Raises:
        FilmError: it cannot be read or written.
    """
    return films.colour(
        film,
        output,
        model=model,
        options=options or films.FilmOptions(),
        on_event=on_event or (lambda event: None),
        stop=stop,
    )
