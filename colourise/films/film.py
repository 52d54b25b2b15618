"""The properties of a film, one of its frames, and the damage found in it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from colourise.errors import FilmError
from colourise.films.clock import Clock
from colourise.lab.pictures import Pixels
from colourise.words import counted

RGB, BT709, UNSPECIFIED, BT601 = 0, 1, 2, 6  # AVColorSpace
PROGRESSIVE, TOP_FIRST, BOTTOM_FIRST = 1, 2, 3  # AVFieldOrder


@dataclass(frozen=True)
class Film:
    """The properties of a film: everything that is known before its frames are read."""

    path: Path
    """The file."""
    container: str | None
    """FFmpeg's name of its format; None for an animation, which Pillow reads."""
    stream: int
    """Index of its video stream."""
    width: int
    """Width of the stored frames in pixels."""
    height: int
    """Height of the stored frames in pixels."""
    rate: Fraction
    """Frames a second, on average."""
    time_base: Fraction
    """Unit of every `pts`, in seconds."""
    start: Fraction
    """Time of the beginning on the film's own clock, in seconds."""
    duration: float | None
    """Length in seconds; None: the file does not say."""
    rotation: int
    """Degrees by which a player turns the frames counter-clockwise: a multiple of 90."""
    bits: int
    """Bits of each colour channel, 8 or more."""
    matrix: int
    """AVColorSpace of the frames; a guess if the file does not say."""
    full_range: bool
    """Whether black is 0 rather than 16."""
    primaries: int
    """AVColorPrimaries."""
    transfer: int
    """AVColorTransferCharacteristic."""
    aspect: Fraction | None
    """Width of a pixel over its height."""
    field_order: int
    """AVFieldOrder of the frames: which of their two fields is shown first, or that they have none."""
    display_matrix: tuple[int, ...] | None = None
    """How a player shows the frames, if that is more than a turn by `rotation`: see turning.py."""
    alpha: bool = False
    """Whether the frames have an alpha channel."""
    has_sound: bool = False
    """Whether it has an audio stream."""
    notes: tuple[str, ...] = ()
    """What the user should know about it."""
    clock: Clock | None = None
    """What to do with the times of its packets; None: they are in order."""

    @property
    def interlaced(self) -> bool:
        """Tell whether its frames consist of two fields."""
        return self.field_order > PROGRESSIVE

    @property
    def turns(self) -> int:
        """Return the number of counter-clockwise quarter turns that bring a stored frame upright."""
        return self.rotation // 90 % 4


@dataclass(frozen=True)
class Frame:
    """One frame of a film."""

    pixels: Pixels
    """(H, W) grey or (H, W, 3) sRGB, uint8 or uint16, as stored: not turned upright."""
    pts: int
    """Time at which it is shown, in the film's time base."""
    duration: int
    """How long it is shown, in the film's time base; 0: unknown."""
    picture: Any = None
    """The decoded picture, if it has more than pixels: fields, alpha, captions or other side data."""


@dataclass
class Damage:
    """What could not be read or copied of a film; counted while it is decoded and its output written."""

    packets: int = 0
    """Number of packets that could not be decoded and were skipped."""
    broke_off: bool = False
    """Whether the file ends in the middle of a packet."""
    times: int = 0
    """Number of frames without a time, or with the time of an earlier frame."""
    mended: int = 0
    """Number of frames whose time was out of order, and was made from those around."""
    refused: Counter[str] = field(default_factory=Counter)
    """Number of packets that the output's container did not take, by what they hold: sound, subtitles."""

    def notes(self) -> list[str]:
        """Describe the damage, one sentence each kind."""
        notes = []
        if self.packets:
            notes.append(
                f"{self.packets} damaged packets were passed over; the pictures around may be damaged"
            )
        if self.broke_off:
            notes.append("the file breaks off; it was coloured as far as it goes")
        if self.times:
            notes.append(f"{self.times} pictures had no time of their own and follow the one before")
        if self.mended:
            notes.append(f"{self.mended} pictures had damaged times and were put between their neighbours")
        for kind, count in self.refused.items():
            notes.append(f"{counted(count, 'packet')} of {kind} could not be copied")
        return notes


def damaged(path: Path) -> FilmError:
    """Return the error for a file that cannot be opened as a film."""
    reason = "damaged or cut off in its header, or no film"
    return FilmError(reason, path=path, advice="copy it again from its source")
