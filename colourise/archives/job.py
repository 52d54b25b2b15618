"""One photo to colour, and how."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from colourise.files.stamp import Stamp


@dataclass(frozen=True)
class Job:
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
class Settings:
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
