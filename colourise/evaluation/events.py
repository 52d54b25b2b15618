"""What scoring, comparing and building a study report while they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from colourise.errors import PhotoError

if TYPE_CHECKING:
    from colourise.data.photos import Source
    from colourise.lab.pictures import Pixels


@dataclass(frozen=True)
class ScoredPhoto:
    """A photo that has been scored."""

    source: Source
    """Where it is."""
    truth: Pixels
    """(size, size, 3) uint8."""
    predicted: dict[str, Pixels]
    """What each model made of its grey version, of the same shape."""
    measures: dict[str, dict[str, float]]
    """Of each model, as `Scores.add` gives them."""


@dataclass(frozen=True)
class PhotosFound:
    """It is known how many photos there are; each of them is reported next, when it is done."""

    count: int
    """Number of photos that are scored, or shown in a study."""


@dataclass(frozen=True)
class PhotoScored:
    """A photo was coloured by every model and compared with what it is."""

    photo: ScoredPhoto
    """The photo, what the models made of it, and its measures."""


@dataclass(frozen=True)
class PhotoLeftOut:
    """A photo is exactly grey: it has no colours to compare with."""

    source: Source
    """The photo."""


@dataclass(frozen=True)
class PhotoFailed:
    """A photo cannot be read; the next one follows."""

    source: Source
    """The photo."""
    error: PhotoError
    """Why."""


@dataclass(frozen=True)
class FilmBegun:
    """A film is going to be scored."""

    film: Path
    """The film."""


@dataclass(frozen=True)
class FrameScored:
    """A frame of a version of a film was scored."""

    film: Path
    """The film."""
    version: str
    """"NAME, frame by frame" or "NAME, steadied"."""


@dataclass(frozen=True)
class PhotoShown:
    """A photo has its place in a study, in all versions that are shown of it."""

    photo: str
    """Its path below the data folder."""


PhotoEvent = PhotosFound | PhotoScored | PhotoLeftOut | PhotoFailed
FilmEvent = FilmBegun | FrameScored
StudyEvent = PhotosFound | PhotoFailed | PhotoShown
Event = PhotoEvent | FilmEvent | StudyEvent
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Let an event pass."""


def raise_failures(event: Event) -> None:
    """Stop at the first photo that cannot be read.

    Raises:
        PhotoError: the event's.
    """
    if isinstance(event, PhotoFailed):
        raise event.error
