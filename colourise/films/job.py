"""Prepare a film: everything that is found out and checked before work starts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from colourise.colouriser import Colouriser, seen_size
from colourise.errors import FilmError
from colourise.files.stamp import Stamp
from colourise.films.animation import AnimationPlan
from colourise.films.film import PROGRESSIVE, Film
from colourise.films.losses import foresee, left_out
from colourise.films.naming import comparison_path
from colourise.films.options import FilmOptions
from colourise.films.output import plan_output
from colourise.films.source import probe
from colourise.films.streams import StreamPlan
from colourise.version import __version__

HDR = (16, 18)  # AVColorTransferCharacteristic: PQ and HLG


@dataclass(frozen=True)
class FilmJob:
    """A film to colour, with everything that was found out before work starts."""

    film: Film
    """The source."""
    plan: StreamPlan | AnimationPlan
    """What its output holds."""
    target: Path
    """Where the coloured film goes."""
    options: FilmOptions
    """How it is coloured and written; the encoding is that of the segments."""
    start: Fraction | None
    """Where colouring begins, in seconds on the film's own clock; None: at its beginning."""
    end: Fraction | None
    """Where colouring ends, in seconds on the film's own clock; None: at its end."""
    notes: tuple[str, ...]
    """What the user should know before work starts."""
    lost: frozenset[str] = frozenset()
    """What the output leaves out, in words."""
    traits: frozenset[str] = frozenset()
    """What the film's first pictures have beside pixels, and was compared with the output."""


def prepare(source: Path, target: Path, options: FilmOptions) -> FilmJob:
    """Probe a film, check that its output can be written, and make the output's folder.

    Args:
        source: the film.
        target: where the coloured film goes; the suffix chooses the container.
        options: how it is coloured and written.
    Raises:
        FilmError: it is not a film, or cannot be coloured as the options ask.
    """
    film = probe(source, options.window()[1])
    if options.deinterlace:
        film = replace(film, field_order=PROGRESSIVE)
    check_target(film, target, options)
    start, end = window_of(film, options)
    plan = plan_output(film, target, options.encoding)
    options = replace(options, encoding=plan.encoding)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        reason = f"the output folder cannot be made ({err.strerror})"
        raise FilmError(reason, path=target.parent, advice="choose another") from err
    lost, traits = foresee(film, plan)
    notes = (*film.notes, *plan.notes, *left_out(lost, target, plan.encoding), *remarks(film, options))
    return FilmJob(film, plan, target, options, start, end, notes, frozenset(lost), traits)


def check_target(film: Film, target: Path, options: FilmOptions) -> None:
    """Check that the output and the comparison may be written.

    Raises:
        FilmError: one of them is the source, a folder, a link, or a file that may not be overwritten.
    """
    for file in (target, comparison_path(target)) if options.compare else (target,):
        if file.exists() and file.samefile(film.path):
            raise FilmError("would be written over", path=film.path, advice="choose another output")
        if file.is_symlink():
            raise FilmError("is a link, and none is followed", path=file, advice="choose another output")
        if file.is_dir():
            raise FilmError("is a folder", path=file, advice="choose another output")
        if file.exists() and not options.overwrite:
            raise FilmError("is there already", path=file, advice="--overwrite makes it again")


def remarks(film: Film, options: FilmOptions) -> Iterator[str]:
    """Yield what the user should know about the frames."""
    if film.interlaced:
        yield "is interlaced, and stays so; --deinterlace makes whole pictures"
    if options.encoding.codec in ("h264", "hevc") and "444" in options.encoding.pixel_format(film):
        yield f"its odd size, {film.width} x {film.height}, takes 4:4:4 colour, which not every player has"
    if options.encoding.pixel_format(film).startswith("yuv422p") and options.encoding.codec == "h264":
        yield f"its fields of {film.height // 2} lines take 4:2:2 colour, which not every player has"
    if film.transfer in HDR:
        yield "is HDR, and its light is taken for that of a common film; look at a --preview first"
    if film.bits > 8 and options.encoding.codec == "h264":
        yield "becomes 10-bit H.264, which few players have; --codec hevc is commoner"


def window_of(film: Film, options: FilmOptions) -> tuple[Fraction | None, Fraction | None]:
    """Return where to begin and where to end, in seconds on the film's own clock.

    Raises:
        FilmError: no frame lies between.
    """
    first, last = options.window()
    start = None if first is None else film.start + first
    end = None if last is None else film.start + last
    if first is not None and film.duration is not None and first >= film.duration:
        raise FilmError(
            f"has only {film.duration:.1f} seconds", path=film.path, advice="choose an earlier --start"
        )
    if end is not None and end <= (start if start is not None else film.start):
        raise FilmError("--end is not after --start; nothing would be left", path=film.path)
    return start, end


def estimated_frames(job: FilmJob) -> int | None:
    """Estimate how many frames are coloured; None if the file does not say how long it is."""
    film = job.film
    if film.duration is None and job.end is None:
        return None
    start = job.start if job.start is not None else film.start
    last = film.start + Fraction(film.duration) if film.duration is not None else job.end
    end = min(last, job.end) if job.end is not None and last is not None else last
    return None if end is None else max(1, round((end - start) * film.rate))


def settings_key(job: FilmJob, colouriser: Colouriser) -> str:
    """Return everything that the coloured frames depend on, as one text.

    A half-made film is continued only if this text is the same, so keys and values stay those of version 0.1.
    """
    film, options = job.film, job.options
    stamp = Stamp.of(film.path)
    encoding, (start, end) = options.encoding, options.window()
    decides = {
        "version": __version__,
        "source": [str(film.path.resolve()), stamp and [stamp.size, stamp.changed]],
        "model": [str(colouriser.model), colouriser.input_size, colouriser.saturation],
        "encoding": {"codec": encoding.codec, "crf": encoding.crf, "preset": encoding.preset},
        "steadiness": options.steadiness,
        "start": start,
        "end": end,
        "deinterlace": options.deinterlace,
        "overwrite": False,  # frames do not depend on these three, which version 0.1 wrote too
        "history": True,
        "compare": False,
    }
    seen = seen_size(film.height, film.width, colouriser.input_size, colouriser.backend.stride)
    if seen[0] != seen[1]:  # version 0.1 squashed frames into a square
        decides["seen"] = seen
    if film.interlaced:  # version 0.1 did not mark its pictures so
        decides["fields"] = film.field_order
    if film.display_matrix is not None:  # version 0.1 took mirrored pictures for turned ones
        decides["display_matrix"] = film.display_matrix
    if film.clock is not None:  # such films could not be finished before
        decides["clock"] = 1
    if (film.bits > 10 and encoding.codec == "ffv1") or (film.alpha and encoding.codec in ("ffv1", "prores")):
        decides["pixel_format"] = encoding.pixel_format(film)  # version 0.1 kept 10 bits, and no alpha
    return json.dumps(decides, sort_keys=True, default=str)
