"""Events that are reported while photos are coloured, and the summary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from colourise.archives.job import FilmResult, FoundFilm, Outcome, PhotoJob

if TYPE_CHECKING:
    from colourise.files.storage import Location


@dataclass
class Summary:
    """How many photos were coloured, skipped and so on."""

    coloured: int = 0
    """Coloured in this run."""
    skipped: int = 0
    """Not coloured, because a coloured version exists."""
    failed: int = 0
    """Could not be coloured; folders that cannot be opened or have no photos count too."""
    left: int = 0
    """Not coloured, because the run was stopped or the disk is full; in a dry run, those to be coloured."""
    later: int = 0
    """Left for a later run by `limit`."""
    stopped: bool = False
    """Whether Ctrl-C stopped the run."""
    in_colour: list[str] = field(default_factory=list)
    """Photos that were left alone because they have colour already, in this run or in an earlier one."""
    left_alone: dict[str, int] = field(default_factory=dict, compare=False)
    """Number of files by suffix that folders hold beside photos: films, and pictures that cannot be read.
    Summaries are compared by their photos alone."""
    failures: list[str] = field(default_factory=list)
    """A line for each failure."""
    films: list[FilmResult] = field(default_factory=list, compare=False)
    """What became of films in folders, if they were to be coloured too; no other number counts them."""

    @property
    def complete(self) -> bool:
        """Tell whether everything is done that was asked for."""
        films = any(film.result in ("failed", "left") for film in self.films)
        return not (self.stopped or self.failed or self.left or films)

    def count(self, outcome: Outcome) -> None:
        """Count the outcome of a photo that was left until now."""
        self.left -= 1
        if outcome.result == "coloured":
            self.coloured += 1
        elif outcome.result == "skipped":
            self.skipped += 1
        elif outcome.result == "left alone":
            self.in_colour.append(str(outcome.job.source))
        else:
            self.failed += 1
            self.failures.append(outcome.reason)

    def __iadd__(self, other: Summary) -> Summary:
        """Add the counts of another round."""
        self.coloured += other.coloured
        self.skipped += other.skipped
        self.failed += other.failed
        self.left += other.left
        self.later += other.later
        self.stopped |= other.stopped
        self.failures += other.failures
        self.films += other.films
        self.in_colour += other.in_colour
        for suffix, count in other.left_alone.items():
            self.left_alone[suffix] = self.left_alone.get(suffix, 0) + count
        return self


@dataclass(frozen=True)
class WaitingForRun:
    """Another run is at work in the output folder, and this one waits for its end."""

    folder: Location
    """The output folder."""


@dataclass(frozen=True)
class PathRefused:
    """A folder has no photos or cannot be opened, or an entry is not a file."""

    reason: str
    """A line with its name and what is wrong."""


@dataclass(frozen=True)
class PhotoLeftAlone:
    """A photo will not be coloured, for a reason that the user should know."""

    source: Location
    """The photo."""
    notes: tuple[str, ...]
    """The reason."""


@dataclass(frozen=True)
class PhotoThere:
    """A photo that the user named has its coloured version already."""

    job: PhotoJob
    """The photo, and where its coloured version is."""


@dataclass(frozen=True)
class FilmsLeftAlone:
    """Films were found among the photos, and are not coloured."""

    films: tuple[str, ...]
    """Their paths."""


@dataclass(frozen=True)
class FilmsStarted:
    """The photos are done, and the films among them follow."""

    films: tuple[FoundFilm, ...]
    """The films."""


@dataclass(frozen=True)
class PicturesLeftAlone:
    """Pictures were found whose formats cannot be read."""

    kinds: tuple[tuple[str, int], ...]
    """Suffixes in lower case, each with the number of its files, the most frequent first."""


@dataclass(frozen=True)
class RoundStarted:
    """All photos are found, and the pending ones are known; a watched folder has many rounds."""

    number: int
    """Number of the round, from 0."""
    pending: int
    """Number of photos to be coloured."""
    found: int
    """Number of photos found, including refused paths."""


@dataclass(frozen=True)
class WatchStarted:
    """Everything that was there is done; photos that arrive in these folders are coloured from now on."""

    folders: tuple[Path, ...]
    """The folders."""


@dataclass(frozen=True)
class PhotoPlanned:
    """A photo would be coloured if this were not a dry run."""

    job: PhotoJob
    """The photo, and where its coloured version would go."""
    reason: str
    """Why it has to be coloured, in a few words."""


@dataclass(frozen=True)
class WorkersStarted:
    """Ray is about to start workers."""

    workers: int
    """Number of workers."""
    machines: int
    """Number of machines in the cluster."""


@dataclass(frozen=True)
class WorkersRestarted:
    """Ray's workers were killed, and their photos handed out again."""

    times: int
    """Number of times."""


@dataclass(frozen=True)
class PhotoEnded:
    """A photo was coloured, has failed, was left alone, or turned out to be unchanged."""

    outcome: Outcome
    """Its outcome."""


@dataclass(frozen=True)
class DiskFull:
    """The run ends early, because the disk is full or read-only."""

    reason: str
    """A line with the file that could not be written."""
    photos: int
    """Number of photos left."""
    size: int
    """Estimated bytes that their coloured versions need."""


@dataclass(frozen=True)
class ReportStarted:
    """The report is being written."""

    file: Path
    """The HTML page."""


@dataclass(frozen=True)
class RoundEnded:
    """Every pending photo is done, as far as it can be."""

    number: int
    """Number of the round, from 0."""
    summary: Summary
    """Counts of this round."""
    backend: str
    """Name of the backend that ran the network."""


Event = (
    WaitingForRun
    | PathRefused
    | PhotoLeftAlone
    | PhotoThere
    | FilmsLeftAlone
    | FilmsStarted
    | PicturesLeftAlone
    | RoundStarted
    | WatchStarted
    | PhotoPlanned
    | WorkersStarted
    | WorkersRestarted
    | PhotoEnded
    | DiskFull
    | ReportStarted
    | RoundEnded
)
OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Ignore an event."""
