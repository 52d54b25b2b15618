"""What colouring photos reports while it runs, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from colourise.archives.job import Outcome, PhotoJob


@dataclass
class Summary:
    """Counts of photos, and whether the run was stopped."""

    coloured: int = 0
    """Coloured in this run."""
    skipped: int = 0
    """Not coloured, because there is a coloured version already."""
    failed: int = 0
    """Could not be coloured; folders that cannot be opened, or have no photos, count too."""
    left: int = 0
    """Not done, because the run was stopped or the disk is full; in a dry run, those to be coloured."""
    later: int = 0
    """Left for a later run by `limit`."""
    stopped: bool = False
    """Whether Ctrl-C stopped the run."""
    failures: list[str] = field(default_factory=list)
    """A line for each that failed."""

    @property
    def complete(self) -> bool:
        """Tell whether everything that was asked for is done."""
        return not (self.stopped or self.failed or self.left)

    def count(self, outcome: Outcome) -> None:
        """Count a photo that was left until now."""
        self.left -= 1
        if outcome.result == "coloured":
            self.coloured += 1
        elif outcome.result == "skipped":
            self.skipped += 1
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
        return self


@dataclass(frozen=True)
class WaitingForRun:
    """Another run is at work in the output folder; its end is waited for."""

    folder: Path
    """The output folder."""


@dataclass(frozen=True)
class PathRefused:
    """A folder has no photos, or cannot be opened, or a path is no file."""

    reason: str
    """A line with its name and what is wrong."""


@dataclass(frozen=True)
class PhotoLeftAlone:
    """A photo is not coloured, and the user should know why."""

    source: Path
    """The photo."""
    notes: tuple[str, ...]
    """Why."""


@dataclass(frozen=True)
class FilmsLeftAlone:
    """Films were found among the photos; they are coloured by themselves."""

    films: tuple[str, ...]
    """Their paths."""


@dataclass(frozen=True)
class RoundStarted:
    """All photos are found, and those that are to be coloured are known; a watched folder has many rounds."""

    number: int
    """0 for the first one."""
    pending: int
    """How many photos are to be coloured."""
    found: int
    """How many were found, refused paths included."""


@dataclass(frozen=True)
class PhotoPlanned:
    """A photo would be coloured, were this no dry run."""

    job: PhotoJob
    """The photo, and where its coloured version would go."""
    reason: str
    """Why it is to be coloured, in a word or a few."""


@dataclass(frozen=True)
class WorkersStarted:
    """Ray has workers for the photos."""

    workers: int
    """How many."""
    machines: int
    """On how many machines."""


@dataclass(frozen=True)
class WorkersRestarted:
    """Workers of Ray were killed, and their photos handed out again."""

    times: int
    """How often."""


@dataclass(frozen=True)
class PhotoEnded:
    """A photo was coloured, has failed, or turned out to be the one that was coloured before."""

    outcome: Outcome
    """How it ended."""


@dataclass(frozen=True)
class DiskFull:
    """The run ends early: every other photo would meet the same full or read-only disk."""

    reason: str
    """A line with the file that could not be written."""
    photos: int
    """How many are left."""
    size: int
    """About how many bytes their coloured versions need."""


@dataclass(frozen=True)
class ReportStarted:
    """The report is being written."""

    file: Path
    """Its page."""


@dataclass(frozen=True)
class RoundEnded:
    """Everything that was found is done, as far as it can be."""

    number: int
    """0 for the first round."""
    summary: Summary
    """Counts of this round."""
    backend: str
    """What ran the network."""


Event = (
    WaitingForRun
    | PathRefused
    | PhotoLeftAlone
    | FilmsLeftAlone
    | RoundStarted
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
    """Do nothing with an event."""
