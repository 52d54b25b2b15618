"""One photo to colour, how, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from colourise.files.stamp import Stamp


@dataclass(frozen=True)
class PhotoJob:
    """One photo to colour."""

    source: Path
    """The photo."""
    target: Path
    """Where its coloured version goes."""
    named: bool
    """Whether the user named this file, rather than a folder above it."""
    sheet: Path | None = None
    """Where its before | after picture goes, if there is to be one."""
    key: bytes = b""
    """What a ledger knows it by: its place below the output folder, with its own name."""
    stamp: Stamp | None = None
    """Its size and time when the folder was walked; None: it could not be looked at."""


@dataclass(frozen=True)
class PhotoOptions:
    """How photos are written."""

    format: str | None = None
    """Output format; by default the source's."""
    quality: int | None = None
    """1 to 100 for lossy formats; by default each format's own."""
    overwrite: bool = False
    """Whether outputs that exist are made again."""
    compare: bool = False
    """Whether a before | after picture is written too."""
    history: bool = True
    """Whether the output's metadata say what was done to it."""


@dataclass
class Outcome:
    """What became of a job."""

    job: PhotoJob
    """The job."""
    result: Literal["coloured", "skipped", "failed"]
    """"skipped": its coloured version was there already."""
    reason: str = ""
    """Why it failed, in one line."""
    notes: list[str] = field(default_factory=list)
    """What the user must hear about a coloured photo."""
    seconds: float = 0.0
    """What it took, waiting included."""
    hash: bytes = b""
    """SHA-256 of the photo's bytes, where a ledger asks for it."""
    disk_full: bool = False
    """Whether every later photo would fail for the same reason: the disk is full."""
    written_stamp: Stamp | None = None
    """What is in the place of its coloured version at the end, where a ledger asks for it."""
