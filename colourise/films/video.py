"""Films in and out, through PyAV: pictures with their exact times, and everything else copied.

`look` says what a film is, `frames` reads its pictures, `Encoder` writes coloured ones into a segment of the
film, and `join` makes one file of all segments and of the source's sound, subtitles, chapters, attachments
and metadata, whose packets are copied as they are.

Three things to notice. Times are whole numbers of the source stream's own time base from the decoder to the
joined file, so variable rates and start offsets survive; where a file gives none, they follow from its rate.
Pictures are not turned: the angle is copied, and only what the network sees is turned upright (`Film.turns`).
And players guess the matrix of an untagged film from its height, as `look` does; the output is tagged.
"""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import IO, Any, Literal, Self

import av
import av.filter
import cv2
import numpy as np
from av.codec.context import Flags
from av.stream import Disposition
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

from colourise.errors import FilmError
from colourise.lab.pictures import Pixels, one_channel

Codec = Literal["h264", "hevc", "av1", "ffv1", "prores"]

ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "ffv1": "ffv1", "prores": "prores_ks"}
CRF = {"h264": (18, 51), "hevc": (20, 51), "av1": (25, 63)}  # the default, and the worst
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
DAMAGED = "damaged or cut off in its header, or no film; copy it again from its source"
TIMELESS = ("avi", "asf")  # formats that do not tell when pictures are shown
ANIMATION = "animation"  # our name for the formats of animations.py
ANIMATIONS = (".gif", ".webp")
CLOCKS = ("mpegts", "mpeg")  # formats whose clock starts anywhere
MUXERS_OWN = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
SD_HEIGHT, SD_WIDTH = 576, 1024  # up to here a player takes an untagged film for BT.601
BT709, BT601, UNSPECIFIED = 1, 6, 2  # AVColorSpace
PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray")
SCALER = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND


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
            raise FilmError(f"--crf is not for {self.codec}, whose quality is fixed; leave it out")
        if self.crf is not None and not 0 <= self.crf <= CRF[self.codec][1]:
            raise FilmError(f"--crf {self.crf}: {self.codec} takes 0 to {CRF[self.codec][1]}")
        if self.preset is None:
            return
        if self.codec == "av1" and not (self.preset.isdecimal() and int(self.preset) <= 13):
            raise FilmError(f"--preset {self.preset}: av1 takes a number, 0 (slow) to 13 (fast)")
        if self.codec in ("h264", "hevc") and self.preset not in PRESETS:
            raise FilmError(f"--preset {self.preset}: choose one of {', '.join(PRESETS)}")
        if self.codec in ("ffv1", "prores"):
            raise FilmError(f"--preset is not for {self.codec}; leave it out")

    def options(self) -> dict[str, str]:
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
class Film:
    """What a film is, apart from its pictures."""

    path: Path
    """The file."""
    container: str
    """FFmpeg's name of its format."""
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
        told = []
        if self.packets:
            told.append(
                f"{self.packets} damaged packets were passed over; the pictures around may be damaged"
            )
        if self.broke_off:
            told.append("the file breaks off; it was coloured as far as it goes")
        if self.times:
            told.append(f"{self.times} pictures had no time of their own and follow the one before")
        return told


# Reading


def moves(path: Path) -> bool:
    """Whether a file, whatever its name says, is a film that FFmpeg can read."""
    with suppress(FilmError), open_film(path) as container:
        still = ("image2", "_pipe", "tty")
        return not any(name in container.format.name for name in still) and bool(pictures_of(container))
    return False


def look(path: Path) -> Film:
    """Find out what a film is, from its header and its first picture.

    Raises:
        FilmError: it is no film, or has no picture that can be read.
    """
    if path.suffix.lower() in ANIMATIONS:
        from colourise.films import animation

        return animation.look(path)
    with open_film(path) as container:
        found = pictures_of(container)
        if not found:
            kinds = {stream.type for stream in container.streams} - {"data"}
            if not kinds:
                raise FilmError(f"{path}: {DAMAGED}")
            has = "only sound" if kinds == {"audio"} else "no pictures that move"
            raise FilmError(f"{path}: has {has}; name a film")
        stream = found[0]
        stream.thread_type = "AUTO"
        first = next(decoded(container, stream, Damage()), None)
        if first is None:
            raise FilmError(f"{path}: not one picture in it can be read; copy it again from its source")
        full = first.color_range == ColorRange.JPEG or first.format.name.startswith("yuvj")
        if first.format.name.startswith("gray"):  # which FFmpeg takes for full unless it is told
            full = first.color_range != ColorRange.MPEG
        matrix = first.colorspace
        if matrix == UNSPECIFIED and not first.format.is_rgb:
            matrix = BT601 if first.height <= SD_HEIGHT and first.width <= SD_WIDTH else BT709
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
        length = stream.duration and float(stream.duration * (stream.time_base or 0))
        if not length and container.duration:
            length = container.duration / av.time_base
        notes = []
        if len(found) > 1:
            notes.append(
                f"has {len(found)} streams of pictures; the first is coloured, the others are left out"
            )
        if first.rotation % 90:
            notes.append(f"is turned by {first.rotation} degrees, which is not kept")
        return Film(
            path,
            container.format.name,
            stream.index,
            first.width,
            first.height,
            rate,
            stream.time_base or 1 / rate,
            Fraction(container.start_time or 0, av.time_base),
            length or None,
            0 if first.rotation % 90 else first.rotation,
            max(part.bits for part in first.format.components),
            matrix,
            full or (first.format.is_rgb and first.color_range != ColorRange.MPEG),
            first.color_primaries,
            first.color_trc,
            stream.codec_context.sample_aspect_ratio or stream.sample_aspect_ratio,
            first.interlaced_frame,
            tuple(notes),
        )


def frames(
    film: Film,
    *,
    start: Fraction | None = None,
    end: Fraction | None = None,
    after: int | None = None,
    deinterlace: bool = False,
    damage: Damage | None = None,
) -> Iterator[Frame]:
    """The pictures of a film in the order in which they are shown.

    Args:
        film: what `look` found.
        start: seconds on the film's own clock before which pictures are left out.
        end: seconds from which on they are.
        after: `pts` of a picture up to which they are left out as well.
        deinterlace: make whole pictures of half ones, with yadif.
        damage: counts what cannot be read.
    Raises:
        FilmError: the file cannot be opened.
    """
    damage = damage or Damage()
    first = max(
        start / film.time_base if start is not None else -1 << 62, -1 << 62 if after is None else after + 1
    )
    last = end / film.time_base if end is not None else 1 << 62
    if film.container == ANIMATION:
        from colourise.films import animation

        yield from (frame for frame in animation.frames(film, damage) if first <= frame.pts < last)
        return
    with open_film(film.path) as container, open_film(film.path) as whole:
        pictures = sought(container, film, first, damage)
        if pictures is None:
            pictures = decoded(whole, stream_of(whole, film), damage)
        if deinterlace:
            pictures = deinterlaced(pictures, stream_of(container, film))
        step = max(1, round(1 / (film.rate * film.time_base)))
        scaler = av.video.reformatter.VideoReformatter()
        before: int | None = None
        for picture in pictures:
            pts = picture.pts
            if pts is None or (before is not None and pts <= before):
                damage.times += 1
                pts = 0 if before is None else before + (step if pts is None else 1)
            before = pts
            if pts >= last:
                return
            if pts >= first:
                yield Frame(to_pixels(picture, film, scaler), pts, picture.duration or 0)


def sought(container: Any, film: Film, first: Fraction | int, damage: Damage) -> Iterator[Any] | None:
    """Pictures from a key frame not after `first` on; None where the file must be read from its start."""
    if first <= film.start / film.time_base:
        return None
    stream = stream_of(container, film)
    try:
        container.seek(int(first), stream=stream)
    except av.FFmpegError:
        return None
    pictures = decoded(container, stream, damage)
    head = next(pictures, None)
    if head is None or head.pts is None or head.pts > first:  # an index that lies, or no times
        return None
    return itertools.chain([head], pictures)


def open_film(path: Path) -> Any:
    """The file, opened.

    Raises:
        FilmError: it cannot be.
    """
    try:
        return av.open(os.fspath(path), metadata_errors="replace")
    except (av.FileNotFoundError, av.IsADirectoryError, av.PermissionError) as err:
        raise FilmError(f"{path}: {err.strerror}") from err
    except (av.FFmpegError, ValueError, OSError) as err:
        raise FilmError(f"{path}: {DAMAGED}") from err


def pictures_of(container: Any) -> list[Any]:
    """Streams of moving pictures that can be decoded: covers and other still attachments are none."""
    still = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
    return [s for s in container.streams.video if not s.disposition & still and s.codec_context is not None]


def stream_of(container: Any, film: Film) -> Any:
    """The film's stream of pictures, to be decoded by all processors."""
    stream = container.streams[film.stream]
    stream.thread_type = "AUTO"
    return stream


def decoded(container: Any, stream: Any, damage: Damage) -> Iterator[Any]:
    """Pictures of a stream as FFmpeg has them; what is damaged is passed over."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:
            damage.broke_off = True
            packet = None
        if packet is None:
            with suppress(av.FFmpegError):
                yield from stream.decode(None)
            return
        try:
            pictures = packet.decode()
        except av.EOFError:  # it was flushed already
            return
        except av.FFmpegError:
            damage.packets += 1
        else:
            yield from pictures


def deinterlaced(pictures: Iterable[Any], stream: Any) -> Iterator[Any]:
    """Whole pictures of half ones, as many and at the same times."""
    graph = av.filter.Graph()
    source, sink = graph.add_buffer(template=stream), graph.add("buffersink")
    graph.link_nodes(source, graph.add("yadif", "mode=send_frame:deint=interlaced"), sink).configure()
    for picture in itertools.chain(pictures, [None]):  # None ends a filter
        graph.vpush(picture)
        while True:
            try:
                whole: Any = graph.vpull()
                whole.pts = round(whole.pts * whole.time_base / stream.time_base)  # yadif counts in halves
                yield whole
            except (av.BlockingIOError, av.EOFError):
                break


def to_pixels(picture: Any, film: Film, scaler: Any) -> Pixels:
    """A decoded picture as sRGB, (H, W) where it is grey, else (H, W, 3); uint16 where it has over 8 bits."""
    grey = grey_of(picture, film)
    if grey is not None:
        return grey
    if not picture.format.is_rgb:
        picture.colorspace = film.matrix
        picture.color_range = ColorRange.JPEG if film.full_range else ColorRange.MPEG
    rgb = scaler.reformat(
        picture,
        film.width,
        film.height,
        "rgb24" if film.bits == 8 else "rgb48le",
        dst_color_range=ColorRange.JPEG,
        interpolation=SCALER,
    )
    return one_channel(rgb.to_ndarray())


def grey_of(picture: Any, film: Film) -> Pixels | None:
    """A picture of 8 bits that has no colour at all, (H, W) uint8, from its Y alone: exact, and quickly."""
    size = picture.height, picture.width
    if picture.format.name not in PLANAR or size != (film.height, film.width):
        return None
    planes = [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in picture.planes
    ]
    if any((plane != 128).any() for plane in planes[1:]):
        return None
    levels = np.arange(256.0) if film.full_range else (np.arange(256) - 16) * 255 / 219
    grey: Pixels = cv2.LUT(planes[0], np.rint(levels.clip(0, 255)).astype(np.uint8))
    return grey


# Writing


@dataclass
class Times:
    """When the packets of a segment are decoded and shown, in the film's time base."""

    pts: list[int] = field(default_factory=list)
    """When each is shown."""
    dts: list[int] = field(default_factory=list)
    """When each is decoded."""
    duration: list[int] = field(default_factory=list)
    """How long it is shown."""

    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """To be stored."""
        return {name: np.array(getattr(self, name), np.int64) for name in ("pts", "dts", "duration")}


class Encoder:
    """Writes coloured pictures into a segment: a Matroska file that has nothing else.

    Matroska rounds times to milliseconds, so the exact ones are kept beside it, in `times`.

    Args:
        path: the file.
        film: the source.
        encoding: how pictures are encoded.
    """

    def __init__(self, path: Path, film: Film, encoding: Encoding) -> None:
        os.environ.setdefault("SVT_LOG", "1")  # errors only
        self.film, self.times = film, Times()
        self.format = encoding.pixel_format(film)
        self.scaler = av.video.reformatter.VideoReformatter()
        self.container = av.open(os.fspath(path), "w", format="matroska")
        self.stream = add_pictures(self.container, film, encoding)

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Write what the encoder still holds, unless something failed, and close."""
        try:
            if error[0] is None:
                self._mux(self.stream.encode(None))
        finally:
            self.container.close()

    def prepare(self, pixels: Pixels, frame: Frame) -> Any:
        """A coloured picture (H, W, 3) as the codec stores it; may be done by another thread."""
        rgb = av.VideoFrame.from_ndarray(pixels, "rgb24" if pixels.dtype == np.uint8 else "rgb48le")
        rgb.color_range = ColorRange.JPEG
        picture = self.scaler.reformat(
            rgb,
            format=self.format,
            dst_colorspace=SWS[matrix_of(self.film)],
            dst_color_range=ColorRange.JPEG if self.film.full_range else ColorRange.MPEG,
            interpolation=SCALER,
        )
        picture.pts, picture.time_base, picture.duration = frame.pts, self.film.time_base, frame.duration
        return picture

    def write(self, picture: Any) -> None:
        """Encode what `prepare` made."""
        self._mux(self.stream.encode(picture))

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            self.times.pts.append(packet.pts)
            self.times.dts.append(packet.pts if packet.dts is None else packet.dts)
            self.times.duration.append(packet.duration or 0)
            self.container.mux(packet)


SWS = {
    BT709: Colorspace.ITU709,
    BT601: Colorspace.ITU601,
    5: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    4: Colorspace.FCC,
    9: Colorspace.BT2020,
}


def matrix_of(film: Film) -> int:
    """AVColorSpace of the output: the source's where that is one for Y, Cb and Cr."""
    return film.matrix if film.matrix in SWS else BT709


def add_pictures(container: Any, film: Film, encoding: Encoding) -> Any:
    """A stream for coloured pictures, tagged as the source is."""
    stream = container.add_stream(ENCODERS[encoding.codec], rate=film.rate, options=encoding.options())
    context = stream.codec_context
    context.width, context.height = film.width, film.height
    context.pix_fmt = encoding.pixel_format(film)
    context.time_base = film.time_base
    context.colorspace = matrix_of(film)
    context.color_range = ColorRange.JPEG if film.full_range else ColorRange.MPEG
    context.color_primaries, context.color_trc = film.primaries, film.transfer
    context.flags |= Flags.frame_duration | Flags.global_header
    context.thread_count = 0
    if film.aspect:
        context.sample_aspect_ratio = film.aspect
    return stream


# Joining


@dataclass(frozen=True)
class Plan:
    """What becomes of a film's streams in the output."""

    container: str
    """FFmpeg's name of the output's format."""
    copied: tuple[int, ...]
    """Streams whose packets are copied."""
    notes: tuple[str, ...]
    """What cannot be, in words."""


def plan(film: Film, target: Path, encoding: Encoding) -> Plan:
    """Find out, before work starts, what the output's container can hold.

    Raises:
        FilmError: not even the pictures, or there is no such container.
    """
    if target.suffix.lower() in ANIMATIONS:
        heard = film.container != ANIMATION and has_sound(film)
        return Plan(ANIMATION, (), (f"{target.suffix} has no sound, so it is left out",) * heard)
    try:
        container = av.open(io.BytesIO(), "w", format=muxer_of(target)).format.name
    except (av.FFmpegError, ValueError) as err:
        raise FilmError(f"{target}: no film can have this suffix; choose mp4, mkv, mov or another") from err
    try:
        if container in TIMELESS:
            raise FilmError(f"{target}: {target.suffix} keeps no times of pictures; choose mp4, mov or mkv")
        with av.open(io.BytesIO(), "w", format=container) as trial:
            add_pictures(trial, film, encoding)
            trial.start_encoding()
    except (av.FFmpegError, ValueError) as err:
        odd = encoding.codec == "av1" and "444" in encoding.pixel_format(film)
        why = "av1 has no odd sizes" if odd else f"{target.suffix} cannot hold {encoding.codec}"
        raise FilmError(f"{target}: {why}; choose another --codec, or -o FILM.mkv") from err
    if film.rotation and container not in ("mp4", "mov", "matroska", "webm", "3gp", "ipod", "psp"):
        raise FilmError(f"{target}: {target.suffix} cannot say that a film is turned; choose mp4, mov or mkv")
    if film.container == ANIMATION:
        return Plan(container, (), ())
    copied, notes = [], []
    with open_film(film.path) as source:
        others = [s for s in source.streams if s.index != film.stream and s not in pictures_of(source)]
        begin = first_packets(source, others)
        for stream in others:
            if stream.type == "data" and container in ("mp4", "mov"):
                continue  # times and chapters, of which this container makes its own
            try:
                with av.open(io.BytesIO(), "w", format=container) as trial:
                    copy = copy_stream(trial, stream)
                    trial.start_encoding()
                    if packet := begin.get(stream.index):  # some are refused only when there is one
                        packet.stream = copy
                        trial.mux_one(packet)
                copied.append(stream.index)
            except (av.FFmpegError, ValueError, AttributeError):
                kinds = {"audio": "sound", "subtitle": "subtitles", "video": "cover"}
                name = getattr(stream, "name", None) or "of an unknown kind"
                what = f"{kinds.get(stream.type, stream.type)} ({name})"
                other = "nut" if container == "matroska" else "mkv"
                notes.append(f"{target.suffix} cannot hold its {what}, which is left out; {other} may")
        if source.chapters() and container in ("mpegts", "flv"):
            notes.append(f"{target.suffix} cannot hold its chapters, which are left out")
    return Plan(container, tuple(copied), tuple(notes))


def has_sound(film: Film) -> bool:
    """Whether there is anything to hear."""
    with open_film(film.path) as source:
        return bool(source.streams.audio)


def first_packets(source: Any, streams: list[Any]) -> dict[int, Any]:
    """The first packet of each stream, by its index, of those that begin soon."""
    found: dict[int, Any] = {}
    with suppress(av.FFmpegError):
        for packet in itertools.islice(source.demux(streams), 200) if streams else ():
            if packet.size:
                found.setdefault(packet.stream.index, packet)
    return found


def muxer_of(target: Path) -> str:
    """FFmpeg's name of the format that a suffix stands for."""
    named = {
        ".mkv": "matroska",
        ".ts": "mpegts",
        ".m2ts": "mpegts",
        ".mts": "mpegts",
        ".m4v": "mp4",
        ".wmv": "asf",
    }
    return named.get(target.suffix.lower(), target.suffix.lower()[1:])


def copy_stream(output: Any, stream: Any) -> Any:
    """A stream of the output that takes a source stream's packets as they are."""
    copy = output.add_stream_from_template(stream, opaque=True)
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition
    return copy


@dataclass(frozen=True)
class Segment:
    """A part of the coloured pictures that is whole."""

    path: Path
    """A Matroska file with nothing else."""
    times: dict[str, NDArray[np.int64]]
    """pts, dts and duration of its packets, in the film's time base."""


def join(
    film: Film,
    segments: list[Segment],
    plan: Plan,
    file: IO[bytes],
    *,
    start: Fraction | None = None,
    end: Fraction | None = None,
    comment: str = "",
) -> None:
    """Make one file of coloured pictures and of all that is copied.

    Args:
        film: the source.
        segments: its coloured pictures.
        plan: what is copied.
        file: takes the result.
        start: seconds on the film's clock that become the output's zero; by default its clock is kept.
        end: seconds from which on nothing is copied.
        comment: added to the metadata.
    Raises:
        FilmError: a segment is not what it was when it was written.
        OSError: the disk is full.
    """
    # Matroska would move everything to where nothing is below zero, as the first packet of AAC commonly is
    options = {"avoid_negative_ts": "disabled"} if plan.container == "matroska" else {}
    zero = start if start is not None else film.start if film.container in CLOCKS else Fraction(0)
    with (
        open_film(film.path if film.container != ANIMATION else segments[0].path) as source,
        av.open(os.fspath(segments[0].path)) as first,
        av.open(file, "w", format=plan.container, container_options=options, buffer_size=1 << 20) as output,
    ):
        output.metadata.update({k: v for k, v in source.metadata.items() if k.lower() not in MUXERS_OWN})
        if comment:
            output.metadata["comment"] = "; ".join(filter(None, [output.metadata.get("comment"), comment]))
        pictures = output.add_stream_from_template(first.streams.video[0], opaque=True)
        pictures.time_base, pictures.framerate = film.time_base, film.rate
        if plan.container in ("mp4", "mov") and pictures.codec_context.name == "hevc":
            pictures.codec_context.codec_tag = "hvc1"  # without which Apple's players show nothing
        pictures.metadata.update(source.streams[film.stream].metadata)
        pictures.metadata.pop("encoder", None)
        pictures.disposition = source.streams[film.stream].disposition
        if film.rotation:
            pictures.set_display_rotation(film.rotation)
        copies = {index: copy_stream(output, source.streams[index]) for index in plan.copied}
        if source.chapters():
            output.set_chapters(list(moved(source.chapters(), zero, end)))
        output.start_encoding()
        ours = coloured_packets(film, segments, pictures, round(zero / film.time_base))
        waiting = next(ours, None)
        for packet in copied_packets(source, copies, zero, start, end):
            while (
                waiting is not None and waiting.dts * film.time_base <= (packet.dts or 0) * packet.time_base
            ):
                output.mux_one(waiting)
                waiting = next(ours, None)
            output.mux_one(packet)
        while waiting is not None:
            output.mux_one(waiting)
            waiting = next(ours, None)


def coloured_packets(film: Film, segments: Iterable[Segment], stream: Any, zero: int) -> Iterator[Any]:
    """The packets of all segments with their exact times, less `zero`."""
    last = -1 << 62
    for segment in segments:
        place = 0
        with av.open(os.fspath(segment.path)) as container:
            for packet in container.demux(video=0):
                if not packet.size:
                    continue
                if place < len(segment.times["pts"]):
                    pts, dts, duration = (
                        int(segment.times[name][place]) for name in ("pts", "dts", "duration")
                    )
                    last = min(max(dts, last + 1), pts)  # an encoder that begins again looks back
                    packet.stream, packet.time_base = stream, film.time_base
                    packet.pts, packet.dts, packet.duration = pts - zero, last - zero, duration
                    yield packet
                place += 1
        if place != len(segment.times["pts"]):
            raise FilmError(f"{segment.path}: was changed by somebody else; remove its folder and run again")


def copied_packets(
    source: Any, copies: dict[int, Any], zero: Fraction, start: Fraction | None, end: Fraction | None
) -> Iterator[Any]:
    """What is copied as it is, from `start` on and up to `end`, with times less `zero`."""
    packets = source.demux([source.streams[index] for index in copies]) if copies else iter(())
    after: dict[int, int] = {}  # by stream, when its next packet is due, for those that do not say
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:  # the file breaks off
            return
        if packet is None:
            return
        if not packet.size:
            continue
        if packet.pts is None and packet.dts is None:
            packet.pts = packet.dts = after.get(packet.stream.index, 0)
        after[packet.stream.index] = (packet.dts if packet.pts is None else packet.pts) + (
            packet.duration or 0
        )
        at = (packet.pts if packet.pts is not None else packet.dts) * packet.time_base
        copy = copies[packet.stream.index]
        cover = packet.stream.type == "video"
        if not cover and ((start is not None and at < start) or (end is not None and at >= end)):
            continue
        shift = 0 if cover else round(zero / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = copy
        yield packet


def moved(chapters: Iterable[Any], zero: Fraction, end: Fraction | None) -> Iterator[Any]:
    """Chapters on the output's clock, without those that lie outside."""
    for chapter in chapters:
        base = chapter["time_base"]
        first, last = round(zero / base), 1 << 62 if end is None else round(end / base)
        if chapter["end"] > first and chapter["start"] < last:
            start = max(chapter["start"], first) - first
            yield {**chapter, "start": start, "end": min(chapter["end"], last) - first}
