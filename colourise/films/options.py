"""Options for films: codec and quality, steadiness, and which part to colour."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from colourise.errors import FilmError
from colourise.films.film import BOTTOM_FIRST
from colourise.films.steady import STEADINESS

if TYPE_CHECKING:
    from colourise.films.film import Film

Codec = Literal["h264", "hevc", "av1", "ffv1", "prores"]

CRF = {"h264": (18, 51), "hevc": (20, 51), "av1": (25, 63)}  # default and worst value
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")


@dataclass(frozen=True)
class Encoding:
    """How coloured frames are encoded."""

    codec: Codec = "h264"
    """Video codec of the output."""
    crf: int | None = None
    """Constant rate factor, lower is better; None: the codec's default in `CRF`."""
    preset: str | None = None
    """Trade-off of speed against size: a name from `PRESETS`, or for av1 a number from 0 to 13."""

    def __post_init__(self) -> None:
        """Check that the codec has this factor and preset.

        Raises:
            FilmError: it does not.
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

    def encoder_options(self, film: Film | None = None) -> dict[str, str]:
        """Return the options that FFmpeg's encoder takes; None: for any progressive film."""
        if self.codec == "ffv1":
            return {"level": "3", "slicecrc": "1"}
        if self.codec == "prores":
            profile = "4444" if film is not None and film.alpha else "hq"
            return {"profile": profile, "vendor": "apl0"}
        options = {"crf": str(CRF[self.codec][0] if self.crf is None else self.crf)}
        if self.preset:
            options["preset"] = self.preset
        if self.codec == "h264" and film is not None and film.interlaced:
            options["x264-params"] = "bff=1" if film.field_order == BOTTOM_FIRST else "tff=1"
        if self.codec == "hevc":
            options["x265-params"] = "log-level=none"
        return options

    def pixel_format(self, film: Film) -> str:
        """Return FFmpeg's pixel format: the film's bit depth and alpha, as far as the codec has them."""
        if self.codec == "prores":
            return "yuva444p10le" if film.alpha else "yuv422p10le"
        if self.codec == "ffv1":
            return ffv1_format(film)
        deep = "10le" if film.bits > 8 else ""
        if film.width % 2 or film.height % 2:
            return f"yuv444p{deep}"
        # A field of 4:2:0 has an even number of lines, in H.264
        halved = self.codec == "h264" and film.interlaced and film.height % 4
        return f"yuv422p{deep}" if halved else f"yuv420p{deep}"


def ffv1_format(film: Film) -> str:
    """Return FFmpeg's pixel format in which FFV1 holds all bits of a film.

    In YUV of more than 10 bits and full range, swscale is off by up to 1 in 256; RGB is exact.
    """
    rgb = film.bits > 10 and film.full_range
    depths = (8, 10, 12, 16) if film.alpha and not rgb else (8, 10, 12, 14, 16)
    depth = next((depth for depth in depths if film.bits <= depth), 16)
    name = ("gbrap" if film.alpha else "gbrp") if rgb else ("yuva444p" if film.alpha else "yuv444p")
    return name if depth == 8 else f"{name}{depth}le"


@dataclass(frozen=True)
class FilmOptions:
    """How a film is coloured and written."""

    encoding: Encoding = field(default_factory=Encoding)
    """Codec, quality and speed of the output."""
    steadiness: float = STEADINESS
    """How strongly colours are steadied over time, 0 (as predicted) to 1."""
    start: Fraction | float | None = None
    """Where to begin, in seconds from the film's beginning."""
    end: Fraction | float | None = None
    """Where to end, in seconds from the film's beginning."""
    deinterlace: bool = False
    """Whether to deinterlace, with yadif."""
    overwrite: bool = False
    """Whether to replace an existing output."""
    history: bool = True
    """Whether to record the model in the output's metadata."""
    compare: bool = False
    """Whether to write a side-by-side film of before and after as well."""
    preview: Fraction | float | None = None
    """Seconds to colour from `start` on; the output is named film.preview.mp4. Replaces `end`."""
    saturation: float | None = None
    """The colours are multiplied by this: 0 is grey, 1 as predicted; None: as the model has it."""

    def __post_init__(self) -> None:
        """Check that options do not contradict each other.

        Raises:
            FilmError: both `preview` and `end` are given.
        """
        if self.preview is not None and self.end is not None:
            raise FilmError("--preview and --end both say where to end", advice="choose one")

    def window(self) -> tuple[Fraction | None, Fraction | None]:
        """Return where to begin and where to end, in exact seconds from the film's beginning."""
        start, end, preview = (
            None if time is None else Fraction(time) for time in (self.start, self.end, self.preview)
        )
        return start, end if preview is None else (start or 0) + preview


DEFAULTS = FilmOptions()
