"""How a film is coloured and written, as the user asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from colourise.errors import FilmError
from colourise.films.steady import STEADINESS

if TYPE_CHECKING:
    from colourise.films.film import Film

Codec = Literal["h264", "hevc", "av1", "ffv1", "prores"]

CRF = {"h264": (18, 51), "hevc": (20, 51), "av1": (25, 63)}  # the default, and the worst
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")


@dataclass(frozen=True)
class Encoding:
    """How coloured pictures are encoded."""

    codec: Codec = "h264"
    """What is written."""
    crf: int | None = None
    """Constant rate factor, lower is better; by default the codec's in `CRF`."""
    preset: str | None = None
    """Speed against size: a name of `PRESETS`, or for av1 a number from 0 to 13."""

    def __post_init__(self) -> None:
        """Refuse what does not go together.

        Raises:
            FilmError: the codec has no such factor, or no such preset.
        """
        if self.crf is not None and self.codec not in CRF:
            raise FilmError(f"--crf is not for {self.codec}, whose quality is fixed", advice="leave it out")
        if self.crf is not None and not 0 <= self.crf <= CRF[self.codec][1]:
            raise FilmError(f"--crf {self.crf}: {self.codec} takes 0 to {CRF[self.codec][1]}")
        if self.preset is None:
            return
        if self.codec == "av1" and not (self.preset.isdecimal() and int(self.preset) <= 13):
            raise FilmError(f"--preset {self.preset}: av1 takes a number, 0 (slow) to 13 (fast)")
        if self.codec in ("h264", "hevc") and self.preset not in PRESETS:
            raise FilmError(f"--preset {self.preset}: choose one of {', '.join(PRESETS)}")
        if self.codec in ("ffv1", "prores"):
            raise FilmError(f"--preset is not for {self.codec}", advice="leave it out")

    def encoder_options(self) -> dict[str, str]:
        """The encoder's own names for all that."""
        if self.codec == "ffv1":
            return {"level": "3", "slicecrc": "1"}
        if self.codec == "prores":
            return {"profile": "hq", "vendor": "apl0"}
        options = {"crf": str(CRF[self.codec][0] if self.crf is None else self.crf)}
        if self.preset:
            options["preset"] = self.preset
        if self.codec == "hevc":
            options["x265-params"] = "log-level=none"
        return options

    def pixel_format(self, film: Film) -> str:
        """How pixels are stored: as finely as the source, with as much colour as the codec commonly has."""
        deep = "10le" if film.bits > 8 else ""
        if self.codec == "prores":
            return "yuv422p10le"
        odd = film.width % 2 or film.height % 2
        return f"yuv444p{deep}" if self.codec == "ffv1" or odd else f"yuv420p{deep}"


@dataclass(frozen=True)
class FilmOptions:
    """How a film is coloured and written."""

    encoding: Encoding = field(default_factory=Encoding)
    """How pictures are encoded."""
    steadiness: float = STEADINESS
    """Of colours, 0 to 1."""
    start: Fraction | float | None = None
    """Seconds from the film's beginning, where to begin."""
    end: Fraction | float | None = None
    """Seconds from the film's beginning, where to end."""
    deinterlace: bool = False
    """Whether half pictures become whole ones."""
    overwrite: bool = False
    """Whether an output that exists is made again."""
    history: bool = True
    """Whether the output's metadata say what was done."""
    compare: bool = False
    """Whether a film of before | after is written too."""
    preview: Fraction | float | None = None
    """Seconds to colour from `start` on, into film.preview.mp4; takes the place of `end`."""

    def __post_init__(self) -> None:
        """Refuse what does not go together.

        Raises:
            FilmError: preview and end are given.
        """
        if self.preview is not None and self.end is not None:
            raise FilmError("--preview and --end both say where to end", advice="choose one")

    def window(self) -> tuple[Fraction | None, Fraction | None]:
        """Return where to begin and to end, in exact seconds from the film's beginning."""
        start, end, preview = (
            None if time is None else Fraction(time) for time in (self.start, self.end, self.preview)
        )
        return start, end if preview is None else (start or 0) + preview


DEFAULTS = FilmOptions()
