"""A photo to colour, how it is to be written, and the outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from colourise.files.stamp import Stamp

if TYPE_CHECKING:
    from colourise.files.storage import Location

HAS_COLOUR = "has colour already"
ColourPhotos = Literal["leave", "recolour"]


@dataclass(frozen=True)
class PhotoJob:
    """A photo to colour."""

    source: Location
    """The photo."""
    target: Location
    """Where its coloured version goes."""
    named: bool
    """Whether the user named this file, rather than a folder above it."""
    exact: bool = False
    """Whether a file that is at the target already is in the way, rather than taken for its coloured version:
    the user chose its place, or it could be another photo's."""
    sheet: Location | None = None
    """Where its before | after picture goes; None: there is to be none."""
    key: bytes = b""
    """Its key in the ledger: its path below the output folder, with the photo's own name."""
    stamp: Stamp | None = None
    """Size and time when the folder was walked; None: they could not be read."""
    root: Location | None = None
    """The folder, or the very file, that the user named for the output; None: the photo's own folder."""


@dataclass(frozen=True)
class PhotoOptions:
    """How photos are written."""

    format: str | None = None
    """Output format, such as "png"; None: the photo's own."""
    quality: int | None = None
    """1 to 100 for lossy formats; None: each format's own default."""
    overwrite: bool = False
    """Whether existing outputs are overwritten."""
    compare: bool = False
    """Whether a before | after picture is written too."""
    history: bool = True
    """Whether the output's metadata record how it was made."""
    colour_photos: ColourPhotos | None = None
    """Whether photos that have colour already are left alone or coloured anew; None: only those that the user
    named are coloured."""

    def leaves(self, job: PhotoJob) -> bool:
        """Tell whether a photo is left alone if it has colour already."""
        return self.colour_photos == "leave" or (self.colour_photos is None and not job.named)


@dataclass(frozen=True)
class FoundFilm:
    """A film below a folder."""

    source: Path
    """The film."""
    place: str
    """The folder below the output folder where its coloured version belongs; empty: that folder itself."""


@dataclass(frozen=True)
class FilmResult:
    """What became of a film below a folder."""

    source: Path
    """The film."""
    target: Path
    """Its coloured version."""
    result: Literal["coloured", "skipped", "failed", "left"]
    """"skipped": its coloured version was there already. "left": it was stopped, or not begun."""
    reason: str = ""
    """Why it failed, in one line."""


@dataclass
class Outcome:
    """How a job ended."""

    job: PhotoJob
    """The job."""
    result: Literal["coloured", "skipped", "failed", "left alone"]
    """"skipped": its coloured version was there already; "left alone": it has colour already."""
    reason: str = ""
    """Why it failed or was left alone, in one line."""
    notes: list[str] = field(default_factory=list)
    """What the user should know about a coloured photo."""
    seconds: float = 0.0
    """Time taken, including waiting."""
    hash: bytes = b""
    """SHA-256 of the photo's bytes, if there is a ledger."""
    disk_full: bool = False
    """Whether every later photo would fail too, because the disk is full or read-only."""
    written_stamp: Stamp | None = None
    """Size and time of the file at the target when the job ended, if there is a ledger."""
    later: bool = False
    """Whether it was skipped though it has no coloured version yet, and is left to a later run."""
