"""Where a film's pictures come from: FFmpeg, or Pillow for animations."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from colourise.files.names import ANIMATED, EXTENSIONS, FILMS

if TYPE_CHECKING:
    from colourise.films.film import Damage, Film, Frame


class Reader(Protocol):
    """Reads films of some formats: a module with these two functions."""

    def probe(self, path: Path) -> Film:
        """Find out what a film is, from its header and its first picture."""

    def frames(
        self,
        film: Film,
        first: Fraction | int,
        last: Fraction | int,
        damage: Damage,
        *,
        deinterlace: bool = False,
    ) -> Iterator[Frame]:
        """Yield its pictures from `first` on and before `last`, both in its time base."""


def reader_of(path: Path) -> Reader:
    """Choose what reads a film: Pillow animations, FFmpeg everything else."""
    from colourise.films import animation, decode

    return animation if path.suffix.lower() in ANIMATED else decode


def is_film(path: Path) -> bool:
    """Whether a file that the user named is a film: by its suffix, or else by its content."""
    suffix = path.suffix.lower()
    if suffix in ANIMATED and path.is_file():
        from colourise.films import animation

        return animation.is_animated(path)
    if suffix in FILMS or suffix in EXTENSIONS or not path.is_file():
        return suffix in FILMS and not path.is_dir()
    from colourise.films import decode  # which takes a while to import

    return decode.is_video(path)


def probe(path: Path) -> Film:
    """Find out what a film is, from its header and its first picture.

    Raises:
        FilmError: it is no film, or has no picture that can be read.
    """
    return reader_of(path).probe(path)


def frames(
    film: Film,
    *,
    start: Fraction | None = None,
    end: Fraction | None = None,
    after: int | None = None,
    deinterlace: bool = False,
    damage: Damage | None = None,
) -> Iterator[Frame]:
    """Yield the pictures of a film in the order in which they are shown.

    Args:
        film: what `probe` found.
        start: seconds on the film's own clock before which pictures are left out.
        end: seconds from which on they are.
        after: `pts` of a picture up to which they are left out as well.
        deinterlace: make whole pictures of half ones, with yadif.
        damage: counts what cannot be read.
    Raises:
        FilmError: the file cannot be opened.
    """
    from colourise.films.film import Damage

    damage = damage or Damage()
    first = max(
        start / film.time_base if start is not None else -1 << 62, -1 << 62 if after is None else after + 1
    )
    last = end / film.time_base if end is not None else 1 << 62
    yield from reader_of(film.path).frames(film, first, last, damage, deinterlace=deinterlace)
