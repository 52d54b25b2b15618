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
    """A photo, what the models made of it, and how good that is."""

    source: Source
    """The photo's file, or its place in a shard."""
    truth: Pixels
    """(size, size, 3) uint8."""
    predicted: dict[str, Pixels]
    """Each model's version of it, coloured from grey, of the same shape."""
    measures: dict[str, dict[str, float]]
    """Measures of each model, as `Scores.add` returns them."""


@dataclass(frozen=True)
class PhotosFound:
    """The photos are listed; each of them is reported when it is done."""

    count: int
    """Number of photos to score, or to show in a study."""


@dataclass(frozen=True)
class PhotoScored:
    """A photo was coloured by every model and scored."""

    photo: ScoredPhoto
    """The photo with the models' versions of it and their measures."""


@dataclass(frozen=True)
class PhotoLeftOut:
    """A photo was left out: it is exactly grey, so there are no colours to compare with."""

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
    """Scoring a film has begun."""

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
    """A photo was added to a study, in all the versions of it that are shown."""

    photo: str
    """Its path below the data folder."""


PhotoEvent = PhotosFound | PhotoScored | PhotoLeftOut | PhotoFailed
FilmEvent = FilmBegun | FrameScored
StudyEvent = PhotosFound | PhotoFailed | PhotoShown
Event = PhotoEvent | FilmEvent | StudyEvent
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Do nothing."""


def raise_failures(event: Event) -> None:
    """Raise the error of a photo that cannot be read.

    Raises:
        PhotoError: if the event is a `PhotoFailed`.
    """
    if isinstance(event, PhotoFailed):
        raise event.error
