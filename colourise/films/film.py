"""What a film is, apart from its pictures; one picture of it; and what could not be read."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from colourise.errors import FilmError
from colourise.lab.pictures import Pixels

BT709, BT601, UNSPECIFIED = 1, 6, 2  # AVColorSpace


@dataclass(frozen=True)
class Film:
    """What a film is, apart from its pictures."""

    path: Path
    """The file."""
    container: str | None
    """FFmpeg's name of its format; None for an animation, which Pillow reads."""
    stream: int
    """Which of its streams has the pictures."""
    width: int
    """Of the stored pictures, in pixels."""
    height: int
    """Likewise."""
    rate: Fraction
    """Pictures a second, on the average."""
    time_base: Fraction
    """Seconds that a unit of every `pts` takes."""
    start: Fraction
    """Seconds at which the film begins."""
    duration: float | None
    """Seconds, if the file says so."""
    rotation: int
    """Degrees, counter-clockwise, by which a player turns the pictures: a multiple of 90."""
    bits: int
    """Of each colour channel: 8, or more."""
    matrix: int
    """AVColorSpace of the pictures; a guess where the file does not say."""
    full_range: bool
    """Whether black is 0 rather than 16."""
    primaries: int
    """AVColorPrimaries."""
    transfer: int
    """AVColorTransferCharacteristic."""
    aspect: Fraction | None
    """Width of a pixel over its height."""
    interlaced: bool
    """Whether its pictures are two half pictures each."""
    has_sound: bool = False
    """Whether there is anything to hear."""
    notes: tuple[str, ...] = ()
    """What the user must hear."""

    @property
    def turns(self) -> int:
        """Quarter turns, counter-clockwise, that bring a stored picture upright."""
        return self.rotation // 90 % 4


@dataclass(frozen=True)
class Frame:
    """One picture of a film."""

    pixels: Pixels
    """(H, W) grey or (H, W, 3) sRGB, uint8 or uint16, as it is stored: not turned."""
    pts: int
    """When it is shown, in the film's time base."""
    duration: int
    """How long, in the same; 0 if nobody knows."""


@dataclass
class Damage:
    """What could not be read."""

    packets: int = 0
    """Packets that could not be decoded and were passed over."""
    broke_off: bool = False
    """Whether the file ends within a packet."""
    times: int = 0
    """Pictures without a time, or with one that was taken."""

    def notes(self) -> list[str]:
        """It in words."""
        notes = []
        if self.packets:
            notes.append(
                f"{self.packets} damaged packets were passed over; the pictures around may be damaged"
            )
        if self.broke_off:
            notes.append("the file breaks off; it was coloured as far as it goes")
        if self.times:
            notes.append(f"{self.times} pictures had no time of their own and follow the one before")
        return notes


def damaged(path: Path) -> FilmError:
    """Make the error that says of a file that it cannot be opened."""
    reason = "damaged or cut off in its header, or no film"
    return FilmError(reason, path=path, advice="copy it again from its source")
