"""Choose what writes a film: Pillow for animations, FFmpeg for everything else."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from colourise.errors import FilmError
from colourise.files.atomic import atomic
from colourise.files.names import ANIMATED
from colourise.films.animation import AnimationPlan, plan_animation, write_animation
from colourise.films.encode import Segment
from colourise.films.film import Damage, Film
from colourise.films.mux import join
from colourise.films.options import Encoding
from colourise.films.streams import StreamPlan, plan_streams


def plan_output(film: Film, target: Path, encoding: Encoding) -> StreamPlan | AnimationPlan:
    """Find out, before work starts, what the output can hold.

    Args:
        film: the source.
        target: the output; its suffix chooses the container.
        encoding: how coloured frames are to be encoded.
    Raises:
        FilmError: it cannot hold the coloured frames.
    """
    chosen = plan_animation if target.suffix.lower() in ANIMATED else plan_streams
    return chosen(film, target, encoding)


def write_output(
    film: Film,
    segments: Sequence[Segment],
    plan: StreamPlan | AnimationPlan,
    target: Path,
    damage: Damage,
    *,
    start: Fraction | None,
    end: Fraction | None,
    comment: str = "",
    overwrite: bool = False,
) -> None:
    """Write a film from coloured segments; it appears under its name when it is complete.

    Args:
        film: the source.
        segments: its coloured frames, in order.
        plan: the output's streams, as `plan_output` returned them.
        target: the output.
        damage: counts what could not be copied.
        start: seconds on the film's clock that become the output's zero; by default its clock is kept.
        end: seconds from which on nothing is copied.
        comment: added to the metadata.
        overwrite: whether to replace an existing output.
    Raises:
        FilmError: a segment was changed after it was written, or the output is a link.
        FileExistsError: the output exists.
        OSError: the disk is full.
    """
    if target.is_symlink():  # others may write here too, and `atomic` follows links
        raise FilmError("is a link, and none is followed", path=target, advice="remove it")
    with atomic(target, overwrite=overwrite) as file:
        if isinstance(plan, AnimationPlan):
            write_animation(film, segments, target, file)
        else:
            join(film, segments, plan, file, damage, start=start, end=end, comment=comment)
