"""A film that is to be coloured, and all that is found out before work starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from colourise.colouriser import Colouriser
from colourise.errors import FilmError
from colourise.files.stamp import Stamp
from colourise.films import output
from colourise.films.animation import AnimationPlan
from colourise.films.film import Film
from colourise.films.naming import sheet_of
from colourise.films.options import Settings
from colourise.films.source import look
from colourise.films.streams import Plan
from colourise.version import __version__

HDR = (16, 18)  # AVColorTransferCharacteristic: PQ and HLG


@dataclass(frozen=True)
class Job:
    """A film that is to be coloured, and all that was found out before work starts."""

    film: Film
    """The source."""
    plan: Plan | AnimationPlan
    """What becomes of its streams."""
    target: Path
    """The coloured film."""
    settings: Settings
    """How."""
    start: Fraction | None
    """Seconds on the film's own clock where it begins to be coloured; None: at its beginning."""
    end: Fraction | None
    """Seconds on the film's own clock where that ends; None: at its end."""
    notes: tuple[str, ...]
    """What the user must hear before work starts."""


def prepare(source: Path, target: Path, settings: Settings) -> Job:
    """Look at a film, and at what its output can hold.

    Args:
        source: the film.
        target: its coloured version; the suffix chooses the container.
        settings: how it is coloured and written.
    Raises:
        FilmError: it is no film, or cannot become what is asked for.
    """
    film = look(source)
    check_target(film, target, settings)
    start, end = window_of(film, settings)
    plan = output.plan(film, target, settings.encoding)
    settings = replace(settings, encoding=plan.encoding)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise FilmError(f"cannot be made a folder ({err.strerror})", path=target.parent) from err
    notes = (*film.notes, *plan.notes, *remarks(film, settings))
    return Job(film, plan, target, settings, start, end, notes)


def check_target(film: Film, target: Path, settings: Settings) -> None:
    """Refuse an output that cannot be meant.

    Raises:
        FilmError: with what to do instead.
    """
    for file in (target, sheet_of(target)) if settings.compare else (target,):
        if file.exists() and file.samefile(film.path):
            raise FilmError("would be written over", path=film.path, advice="choose another output")
        if file.is_dir():
            raise FilmError("is a folder", path=file, advice="choose another output")
        if file.exists() and not settings.overwrite:
            raise FilmError("is there already", path=file, advice="--overwrite makes it again")


def remarks(film: Film, settings: Settings) -> Iterator[str]:
    """What the user must hear about the pictures."""
    if film.interlaced and not settings.deinterlace:
        yield "is interlaced, and stays so; --deinterlace makes whole pictures"
    if settings.encoding.codec in ("h264", "hevc") and "444" in settings.encoding.pixel_format(film):
        yield f"its odd size, {film.width} x {film.height}, takes 4:4:4 colour, which not every player has"
    if film.transfer in HDR:
        yield "is HDR, and its light is taken for that of a common film; look at a --preview first"
    if film.bits > 8 and settings.encoding.codec == "h264":
        yield f"its {film.bits} bits become 10-bit H.264, which few players have; --codec hevc is commoner"


def window_of(film: Film, settings: Settings) -> tuple[Fraction | None, Fraction | None]:
    """From where to where on the film's own clock.

    Raises:
        FilmError: there is nothing between.
    """
    first, last = settings.window()
    start = None if first is None else film.start + first
    end = None if last is None else film.start + last
    if first is not None and film.duration is not None and first >= film.duration:
        raise FilmError(
            f"has only {film.duration:.1f} seconds", path=film.path, advice="choose an earlier --start"
        )
    if end is not None and end <= (start if start is not None else film.start):
        raise FilmError("--end is not after --start; nothing would be left", path=film.path)
    return start, end


def frames_about(job: Job) -> int | None:
    """About how many frames are meant."""
    film = job.film
    if film.duration is None and job.end is None:
        return None
    start = job.start if job.start is not None else film.start
    last = film.start + Fraction(film.duration) if film.duration is not None else job.end
    end = min(last, job.end) if job.end is not None and last is not None else last
    return None if end is None else max(1, round((end - start) * film.rate))


def how_of(job: Job, colouriser: Colouriser) -> str:
    """All that decides about the pictures as one text, equal for equal ones.

    Half-made films are known by it: its keys and values are those of version 0.1.
    """
    film, settings = job.film, job.settings
    stamp = Stamp.of(film.path)
    encoding, (start, end) = settings.encoding, settings.window()
    decides = {
        "version": __version__,
        "source": [str(film.path.resolve()), stamp and [stamp.size, stamp.changed]],
        "model": [str(colouriser.model), colouriser.input_size, colouriser.saturation],
        "encoding": {"codec": encoding.codec, "crf": encoding.crf, "preset": encoding.preset},
        "steadiness": settings.steadiness,
        "start": start,
        "end": end,
        "deinterlace": settings.deinterlace,
        "overwrite": False,  # these three decide about no picture, and are always the same
        "history": True,
        "compare": False,
    }
    return json.dumps(decides, sort_keys=True, default=str)
