"""Say what an output leaves out, by comparing a film with a rehearsal of its output.

Some pictures of the film are encoded and written as the output will be, though uncoloured and without sound.
The film and this small output are looked at alike; what only the film has will be left out.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

import av
import numpy as np

from colourise.errors import FilmError
from colourise.films import side_data
from colourise.films.animation import AnimationPlan
from colourise.films.decode import decode_packets, has_alpha, to_pixels, video_stream
from colourise.films.encode import Encoder, Segment
from colourise.films.fields import LOOKED_AT, declared_order, marked
from colourise.films.film import Damage, Film, Frame
from colourise.films.mux import join
from colourise.films.opening import open_film
from colourise.films.options import Encoding
from colourise.films.streams import StreamPlan
from colourise.films.turning import display_matrix, linear

NAMES = {
    "A53_CC": "captions inside the picture",
    "AFD": "the active part of the picture (AFD)",
    "FIELDS": "the marks of interlaced pictures",
    "ICC_PROFILE": "its ICC profile",
    "S12M_TIMECODE": "time codes inside the picture",
    "SPHERICAL": "its spherical projection",
    "STEREO3D": "its two eyes (3D)",
    **dict.fromkeys(
        (
            *("AMBIENT_VIEWING_ENVIRONMENT", "CONTENT_LIGHT_LEVEL", "MASTERING_DISPLAY_METADATA"),
            *("DOVI_METADATA", "DOVI_RPU_BUFFER", "DYNAMIC_HDR_PLUS", "DYNAMIC_HDR_VIVID"),
        ),
        "HDR metadata",
    ),
}
"""Words for traits; others go by FFmpeg's name."""
MUXERS_OWN = (
    *("bps", "compatible_brands", "duration", "encoder", "handler_name", "language", "major_brand"),
    *("minor_version", "number_of_", "software", "variant_bitrate", "vendor_id", "_statistics"),
)
"""What names of metadata begin with that muxers and encoders write by themselves."""
ERRORS = (av.FFmpegError, OSError, FilmError, ValueError, StopIteration)


@dataclass(frozen=True)
class Facts:
    """What a film or an output has beside the pixels of its pictures."""

    bits: int
    """Bits of each colour channel."""
    traits: frozenset[str]
    """Fields, alpha, and FFmpeg's names of side data."""
    turn: tuple[float, ...]
    """How a player turns or mirrors pictures."""
    chapters: int
    """Number of chapters."""
    tags: frozenset[str]
    """Names of metadata."""

    @classmethod
    def of(cls, container: Any, stream: Any, pictures: Sequence[Any]) -> Self:
        """Look at a container, one of its streams, and some pictures of that."""
        tags = {name.lower() for name in (*container.metadata, *stream.metadata)}
        return cls(
            min(16, max(part.bits for part in pictures[0].format.components)),
            frozenset().union(*map(traits_of, pictures)),
            linear(display_matrix(pictures[0])),
            len(container.chapters()),
            frozenset(name for name in tags if not name.startswith(MUXERS_OWN)),
        )

    def lost(self, after: Facts) -> list[str]:
        """Return what an output lacks of these facts, in words."""
        things = sorted(
            {NAMES.get(trait, trait.lower().replace("_", " ")) for trait in self.traits - after.traits}
        )
        if after.bits < self.bits:
            things.append(f"{self.bits - after.bits} of its {self.bits} bits")
        if after.turn != self.turn:
            things.append("how it is turned or mirrored")
        if after.chapters < self.chapters:
            things.append("chapters")
        if tags := sorted(self.tags - after.tags):
            things.append(f"metadata ({', '.join(tags)})")
        return things


def traits_of(picture: Any) -> set[str]:
    """Return what a decoded picture has beside its pixels: fields, alpha and side data."""
    more = {"ALPHA": has_alpha(picture), "FIELDS": picture.interlaced_frame}
    return side_data.names(picture) | {name for name, there in more.items() if there}


class Sightings:
    """Keeps the first picture with each trait."""

    def __init__(self) -> None:
        self.pictures: dict[str, Any] = {}

    def see(self, picture: Any) -> None:
        """Keep a picture if it has a trait that none before had."""
        for trait in traits_of(picture):
            self.pictures.setdefault(trait, picture)


def foresee(film: Film, plan: StreamPlan | AnimationPlan) -> tuple[list[str], frozenset[str]]:
    """Return what an output will leave out, in words, and the traits of the film's first pictures."""
    if isinstance(plan, AnimationPlan) or plan.source is None:
        return [], frozenset()
    seen = Sightings()
    try:
        with open_film(film.path) as container:
            stream = video_stream(container, film)
            pictures = marked(decode_packets(container, stream, Damage()), declared_order(stream))
            first = next(pictures)
            for picture in itertools.chain([first], itertools.islice(pictures, LOOKED_AT - 1)):
                seen.see(picture)
        lost = [*compare(film, plan, [first, *seen.pictures.values()]), *time_code(first)]
    except ERRORS:
        lost = []  # why it cannot be written will be said when it is
    if not film.interlaced and NAMES["FIELDS"] in lost:  # it is deinterlaced
        lost.remove(NAMES["FIELDS"])
    return [*lost, *plan.lost], frozenset(seen.pictures)


def time_code(first: Any) -> list[str]:
    """Return the time code of a film's first picture in MPEG-2, which no output has, unless it is zero.

    Source: FFmpeg, av_timecode_make_mpeg_tc_string.
    """
    with suppress(ValueError):
        for data in side_data.pieces(first):
            bits = int.from_bytes(bytes(data)[:4], "little") if data.type.name == "GOP_TIMECODE" else 0
            parts = bits >> 19 & 31, bits >> 13 & 63, bits >> 6 & 63, bits & 63
            if any(parts):
                return ["its time code from {:02}:{:02}:{:02}:{:02} on".format(*parts)]
    return []


def find_late(
    film: Film, plan: StreamPlan | AnimationPlan, seen: Sightings, known: frozenset[str]
) -> list[str]:
    """Return what an output leaves out of pictures that have other traits than the film's first ones."""
    if isinstance(plan, AnimationPlan) or plan.source is None or seen.pictures.keys() <= known:
        return []
    with suppress(*ERRORS):
        return compare(film, plan, list(seen.pictures.values()))
    return []


def left_out(lost: Sequence[str], target: Path, encoding: Encoding) -> list[str]:
    """Return what an output leaves out, as one sentence, if that is anything."""
    if not lost:
        return []
    return [f"left out: {', '.join(lost)}, which {target.suffix} with {encoding.codec} cannot hold"]


def compare(film: Film, plan: StreamPlan, pictures: Sequence[Any]) -> list[str]:
    """Return what an output will leave out of a film's pictures and of its header, in words."""
    unique = list({id(picture): picture for picture in pictures}.values())
    with open_film(film.path) as source:
        before = Facts.of(source, source.streams[film.stream], unique)
    return before.lost(rehearse(film, plan, unique))


def rehearse(film: Film, plan: StreamPlan, pictures: Iterable[Any]) -> Facts:
    """Write an output with some uncoloured pictures alone, and return what it has.

    Raises:
        FFmpegError, FilmError, OSError: it cannot be written.
    """
    encoding = plan.encoding
    fast = {"h264": "ultrafast", "hevc": "ultrafast", "av1": "13"}.get(encoding.codec)
    scaler = av.video.reformatter.VideoReformatter()
    begin, step = round(film.start / film.time_base), max(1, round(1 / (film.rate * film.time_base)))
    file = io.BytesIO()
    with TemporaryDirectory(prefix="colourise-") as place:
        path = Path(place, "segment.mkv")
        with Encoder(path, film, replace(encoding, preset=fast)) as encoder:
            for number, picture in enumerate(pictures):
                pixels = to_pixels(picture, film, scaler)
                pixels = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, 2)
                frame = Frame(pixels, begin + number * step, step, picture)
                encoder.write(encoder.prepare(pixels, frame))
        alone = replace(plan, copied=(), converted=())
        join(film, [Segment(path, encoder.times.arrays())], alone, file, damage=Damage())
    file.seek(0)
    with av.open(file, "r") as output:
        stream = output.streams.video[0]
        return Facts.of(output, stream, list(output.decode(stream)))
