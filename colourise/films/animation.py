"""Read and write animated GIF and WebP with Pillow: films without sound.

FFmpeg cannot read animated WebP, and writes GIF with one palette for all frames; Pillow does both well.
`probe` and `frames` do what they do in decode.py, and `write_animation` what `mux.join` does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageSequence

from colourise import images
from colourise.errors import FilmError
from colourise.films import decode
from colourise.films.encode import Segment
from colourise.films.film import BT709, PROGRESSIVE, UNSPECIFIED, Damage, Film, Frame, damaged
from colourise.films.options import Encoding
from colourise.images import pillow
from colourise.lab.pictures import one_channel

FORMATS = {".gif": "GIF", ".webp": "WEBP"}
EVERYTHING = (-1 << 62, 1 << 62)  # smallest and greatest pts
DEFAULT_DURATION = 100  # milliseconds of a frame for which the file says nothing or 0, as in browsers
QUALITY = 90  # of WebP
STORED = Encoding("ffv1")  # segments are encoded without loss


def is_animated(path: Path) -> bool:
    """Tell whether a GIF or WebP file has more than one frame."""
    pillow.prepare(images.MAX_PIXELS)
    try:
        with Image.open(path) as image:
            return getattr(image, "n_frames", 1) > 1
    except Exception:  # Pillow raises a dozen kinds; reading the file will say why
        return False


def probe(path: Path) -> Film:
    """Read the properties of an animation.

    Raises:
        FilmError: it cannot be read.
    """
    pillow.prepare(images.MAX_PIXELS)
    try:
        with Image.open(path) as image:
            lengths = [length_of(picture) for picture in ImageSequence.Iterator(image)]
            size = image.size
    except FileNotFoundError as err:
        raise FilmError(str(err.strerror), path=path) from err
    except Exception as err:  # Pillow raises a dozen kinds
        raise damaged(path) from err
    seconds = Fraction(sum(lengths), 1000)
    return Film(
        path=path,
        container=None,
        stream=0,
        width=size[0],
        height=size[1],
        rate=len(lengths) / seconds,
        time_base=Fraction(1, 1000),
        start=Fraction(0),
        duration=float(seconds),
        rotation=0,
        bits=8,
        matrix=BT709,
        full_range=False,
        primaries=UNSPECIFIED,
        transfer=UNSPECIFIED,
        aspect=None,
        field_order=PROGRESSIVE,
    )


def length_of(picture: Image.Image) -> int:
    """Return how many milliseconds a frame is shown."""
    picture.load()  # WebP has the duration only after loading
    return round(picture.info.get("duration") or DEFAULT_DURATION)


def frames(
    film: Film, first: Fraction | int, last: Fraction | int, damage: Damage, *, deinterlace: bool = False
) -> Iterator[Frame]:
    """Yield the frames of an animation; transparent pixels become white.

    Args:
        film: the animation, as `probe` returned it.
        first: frames with a smaller `pts` are skipped.
        last: frames with this `pts` or a greater one are skipped.
        damage: counts what cannot be read.
        deinterlace: has no effect; animations are not interlaced.
    """
    at = 0
    try:
        with Image.open(film.path) as image:
            white = Image.new("RGBA", image.size, "white")
            for picture in ImageSequence.Iterator(image):
                length = length_of(picture)
                rgb = Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")
                if first <= at < last:
                    yield Frame(one_channel(np.asarray(rgb)), at, length)
                at += length
    except (OSError, SyntaxError, ValueError, EOFError):
        damage.broke_off = True


@dataclass(frozen=True)
class AnimationPlan:
    """An output that Pillow writes: frames alone."""

    notes: tuple[str, ...] = ()
    """What is left out, in words."""
    encoding: Encoding = STORED
    """How coloured frames are stored in segments until the animation is written."""


def plan_animation(film: Film, target: Path, encoding: Encoding) -> AnimationPlan:
    """Find out, before work starts, what an animation cannot hold.

    Raises:
        FilmError: codec, crf or preset are given.
    """
    if encoding != Encoding():
        raise FilmError(
            f"--codec, --crf and --preset are not for {target.suffix}", path=target, advice="leave them out"
        )
    return AnimationPlan((f"{target.suffix} has no sound, so it is left out",) * film.has_sound)


def write_animation(film: Film, segments: Sequence[Segment], target: Path, file: IO[bytes]) -> None:
    """Write an animation of coloured frames, turned upright.

    Args:
        film: the source.
        segments: its coloured frames, in the order in which they are shown.
        target: the output; its suffix chooses the format.
        file: where to write.
    """
    kind = FORMATS[target.suffix.lower()]
    times = np.concatenate([segment.times["pts"] for segment in segments])
    last = int(segments[-1].times["duration"][-1]) or round(1 / (film.rate * film.time_base))
    step = Fraction(10 if kind == "GIF" else 1, 1000)  # each format's unit of time
    ticks = [round(int(at) * film.time_base / step) for at in (*times, times[-1] + last)]
    lengths = [int((b - a) * step * 1000) for a, b in itertools.pairwise(ticks)]

    def pictures() -> Iterator[Image.Image]:
        for segment in segments:
            for frame in decode.frames(decode.probe(segment.path), *EVERYTHING, Damage()):
                yield Image.fromarray(np.ascontiguousarray(np.rot90(frame.pixels, film.turns))).convert("RGB")

    coming = pictures()
    options = {"quality": QUALITY} if kind == "WEBP" else {}
    next(coming).save(file, kind, save_all=True, append_images=coming, duration=lengths, loop=0, **options)
