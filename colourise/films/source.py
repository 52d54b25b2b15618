"""Choose what reads a film: Pillow for animations, FFmpeg for everything else.

The readers are imported when they are needed, as FFmpeg takes a while to load.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from colourise.files.names import ANIMATED, EXTENSIONS, FILMS

if TYPE_CHECKING:
    from colourise.films.film import Damage, Film, Frame


class Reader(Protocol):
    """A module that reads films of some formats with these two functions."""

    def probe(self, path: Path) -> Film:
        """Read the properties of a film."""

    def frames(
        self,
        film: Film,
        first: Fraction | int,
        last: Fraction | int,
        damage: Damage,
        *,
        deinterlace: bool = False,
    ) -> Iterator[Frame]:
        """Yield the frames whose `pts` is at least `first` and below `last`."""


def reader_of(path: Path) -> Reader:
    """Return the module that reads a film."""
    from colourise.films import animation, decode

    return animation if path.suffix.lower() in ANIMATED else decode


def is_film(path: Path) -> bool:
    """Tell whether a file that the user named is a film, by its suffix or else by its content."""
    suffix = path.suffix.lower()
    if suffix in ANIMATED and path.is_file():
        from colourise.films import animation

        return animation.is_animated(path)
    if suffix in FILMS or suffix in EXTENSIONS or not path.is_file():
        return suffix in FILMS and not path.is_dir()
    from colourise.films import decode

    return decode.is_video(path)


def probe(path: Path, until: Fraction | None = None) -> Film:
    """Read the properties of a film from its header and its first frame, and look at its packets' times.

    Args:
        path: the film.
        until: seconds from its beginning; if it is coloured only so far, times beyond do not matter.
    Raises:
        FilmError: it is not a film, or none of its frames can be read.
    """
    film = reader_of(path).probe(path)
    if film.container is None:
        return film
    from colourise.films.scan import with_clock

    return with_clock(film, until)


def frames(
    film: Film,
    *,
    start: Fraction | None = None,
    end: Fraction | None = None,
    after: int | None = None,
    deinterlace: bool = False,
    damage: Damage | None = None,
) -> Iterator[Frame]:
    """Yield the frames of a film in the order in which they are shown.

    Args:
        film: the film, as `probe` returned it.
        start: where to begin, in seconds on the film's own clock.
        end: where to end, in seconds on the film's own clock.
        after: `pts` of a frame; it and all frames before it are skipped.
        deinterlace: whether to deinterlace, with yadif.
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
