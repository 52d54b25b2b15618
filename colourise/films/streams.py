"""Plan the output's streams: find out, before work starts, what its container can hold.

FFmpeg's tables do not tell: .ts, for one, takes streams that nobody can read again. So the first packets of
each stream are written to memory, and read again.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from colourise.errors import FilmError
from colourise.films.decode import video_streams
from colourise.films.encode import add_encoder, add_pictures
from colourise.films.film import Film
from colourise.films.opening import ELSEWHERE, demux, open_film
from colourise.films.options import Encoding
from colourise.films.sound import CODECS, LOSSLESS, SoundConverter, codecs_for, layout_of
from colourise.films.subtitles import CODECS as SUBTITLES, STYLED, SubtitleConverter

Converter = SoundConverter | SubtitleConverter

TIMELESS = ("avi", "asf")  # formats that do not store when each frame is shown
TURNING = ("mp4", "mov", "matroska", "webm", "3gp", "ipod", "psp")  # formats that can store a rotation
LAID_OUT = ("mp4", "flv")  # formats in which FFmpeg fails, or even aborts, if nobody says where channels lie
KINDS = {"audio": "sound", "subtitle": "subtitles", "video": "a cover", "attachment": "a file"}
REFUSALS = (av.ArgumentError, av.InvalidDataError)  # of single packets
TROUBLES = (av.FFmpegError, ValueError, AttributeError)  # of streams that a container does not hold


@dataclass(frozen=True)
class StreamPlan:
    """The streams of an output that FFmpeg writes."""

    container: str
    """FFmpeg's name of the output's format."""
    encoding: Encoding
    """How coloured frames are encoded."""
    source: Path | None = None
    """File that chapters, metadata and copied streams come from; None for an animation, which has none."""
    copied: tuple[int, ...] = ()
    """Indices of the source's streams whose packets are copied."""
    converted: tuple[tuple[int, str], ...] = ()
    """Indices of the source's streams that are encoded anew, and FFmpeg's names of the encoders."""
    notes: tuple[str, ...] = ()
    """What is encoded anew, in words."""
    lost: tuple[str, ...] = ()
    """What is left out, in words."""


def plan_streams(film: Film, target: Path, encoding: Encoding) -> StreamPlan:
    """Choose the output's container and the streams that it can hold.

    Args:
        film: the source.
        target: the output; its suffix chooses the container.
        encoding: how coloured frames are to be encoded.
    Raises:
        FilmError: there is no such container, or it cannot hold the coloured frames.
    """
    container = container_for(film, target, encoding)
    if film.container is None:
        return StreamPlan(container, encoding)
    copied, converted, notes, lost = [], [], [], []
    with open_film(film.path) as source:
        pictures = video_streams(source)
        others = [s for s in source.streams if s.index != film.stream and s not in pictures]
        begin = first_packets(source, others)
        for stream in others:
            if container in ("mp4", "mov") and stream.type == "data":
                if not is_own_data(source, stream):
                    lost.append(named(stream))
                continue
            if can_hold(container, encoding, stream, begin.get(stream.index, ())):
                copied.append(stream.index)
            elif codec := conversion(container, encoding, film, stream):
                converted.append((stream.index, codec))
                notes.append(
                    f"its {named(stream)} {becomes(stream, codec)}, as {target.suffix} cannot hold it"
                )
            elif stream.type != "data" or not is_own_data(source, stream):
                lost.append(named(stream))
    return StreamPlan(
        container, encoding, film.path, tuple(copied), tuple(converted), tuple(notes), tuple(lost)
    )


def is_own_data(source: Any, stream: Any) -> bool:
    """Tell whether a stream of data has time codes or chapters, which go to other places of the output."""
    return "timecode" in stream.metadata or bool(source.chapters())


def named(stream: Any) -> str:
    """Return what a stream is, in words."""
    name = getattr(stream, "name", None) or stream.metadata.get("filename")
    return KINDS.get(stream.type, stream.type) + (f" ({name})" if name else "")


def becomes(stream: Any, codec: str) -> str:
    """Say what is made of a stream that is encoded anew."""
    if stream.type == "subtitle":
        return f"become {codec}" + (" without their fonts and places" if stream.name in STYLED else "")
    return f"becomes {CODECS[codec]}" + (" without loss" if codec in LOSSLESS else "")


def container_for(film: Film, target: Path, encoding: Encoding) -> str:
    """Return FFmpeg's name of the container that a target's suffix stands for.

    Raises:
        FilmError: there is none, or it cannot hold the coloured frames.
    """
    try:
        muxer = av.open(io.BytesIO(), "w", format=muxer_for(target)).format
        container: str = muxer.name
        if container in ELSEWHERE or muxer.no_file:  # it would write several files, or none
            raise ValueError(container)
    except (av.FFmpegError, ValueError) as err:
        raise FilmError(
            "no film can have this suffix", path=target, advice="choose mp4, mkv, mov or another"
        ) from err
    if container in TIMELESS:
        raise FilmError(
            f"{target.suffix} keeps no times of pictures", path=target, advice="choose mp4, mov or mkv"
        )
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            add_pictures(trial, film, encoding)
            trial.start_encoding()
    except (av.FFmpegError, ValueError) as err:
        odd = encoding.codec == "av1" and "444" in encoding.pixel_format(film)
        why = "av1 has no odd sizes" if odd else f"{target.suffix} cannot hold {encoding.codec}"
        raise FilmError(why, path=target, advice="choose another --codec, or -o FILM.mkv") from err
    if film.rotation and container not in TURNING:
        raise FilmError(
            f"{target.suffix} cannot say that a film is turned", path=target, advice="choose mp4, mov or mkv"
        )
    return container


def can_hold(container: str, encoding: Encoding, stream: Any, packets: Sequence[Any]) -> bool:
    """Tell whether a container takes a stream unchanged: its first packets are written, and read again."""
    file = io.BytesIO()
    try:
        with trial_output(file, container, encoding) as trial:
            copy = copy_stream(trial, stream)
            trial.start_encoding()
            for packet in packets:  # some streams are refused only with a packet
                packet.stream = copy
                with suppress(*REFUSALS):
                    trial.mux_one(packet)
    except TROUBLES:
        return False
    # Packets that are damaged themselves say nothing about the container
    return not packets or plays(file, stream) or (stream.type == "audio" and not decodes(stream, packets))


@contextmanager
def trial_output(file: io.BytesIO, container: str, encoding: Encoding) -> Iterator[Any]:
    """Open an output in memory with a small black picture, without which some formats cannot be read."""
    size = 64  # pixels; SVT-AV1 takes no fewer
    with av.open(file, "w", format=container) as output:
        stream = add_encoder(output, encoding, 25, encoding.encoder_options())
        stream.width = stream.height = size
        if encoding.codec == "prores":
            stream.pix_fmt = "yuv422p10le"
        yield output
        rgb = av.VideoFrame.from_ndarray(np.zeros((size, size, 3), np.uint8))
        black = rgb.reformat(format=stream.pix_fmt)
        with suppress(*REFUSALS):
            output.mux([*stream.encode(black), *stream.encode(None)])
            output.close()


def plays(file: io.BytesIO, stream: Any) -> bool:
    """Tell whether what was written to a `trial_output` for a stream of the source can be read."""
    file.seek(0)
    with suppress(*TROUBLES), av.open(file, "r") as trial:
        if stream.type == "audio":
            return any(decodes(sound, trial.demux(sound)) for sound in trial.streams.audio)
        return bool(trial.streams.subtitles) if stream.type == "subtitle" else len(trial.streams) > 1
    return False


def decodes(sound: Any, packets: Iterable[Any]) -> bool:
    """Tell whether any of a stream's packets of sound gives samples."""
    for packet in packets:
        with suppress(av.FFmpegError):
            if any(frame.samples for frame in sound.decode(packet if packet.size else None)):
                return True
    return False


def conversion(container: str, encoding: Encoding, film: Film, stream: Any) -> str | None:
    """Return the first encoder whose packets a container holds; None: the stream cannot be converted."""
    if stream.codec_context is None or stream.type not in ("audio", "subtitle"):
        return None
    for codec in codecs_for(container, stream) if stream.type == "audio" else SUBTITLES:
        file = io.BytesIO()
        with suppress(*TROUBLES), open_film(film.path) as source:
            again = source.streams[stream.index]
            with trial_output(file, container, encoding) as trial:
                converter = convert_stream(trial, again, codec)
                trial.start_encoding()
                for packet in first_packets(source, [again]).get(again.index, ()):
                    trial.mux(list(converter.convert(packet)))
                trial.mux(list(converter.flush()))
            if plays(file, again):
                return codec
    return None


def first_packets(source: Any, streams: list[Any]) -> dict[int, list[Any]]:
    """Return the packets of each stream by its index that are among the first 200."""
    found: dict[int, list[Any]] = {}
    with suppress(av.FFmpegError):
        for packet in itertools.islice(demux(source, streams), 200) if streams else ():
            if packet.size:
                found.setdefault(packet.stream.index, []).append(packet)
    return found


def muxer_for(target: Path) -> str:
    """Return the name of FFmpeg's muxer for a suffix."""
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
    """Add a stream to the output that takes the packets of a source's stream unchanged."""
    copy = output.add_stream_from_template(stream, opaque=True)
    if stream.type == "audio" and "channels" in stream.layout.name and output.format.name in LAID_OUT:
        copy.codec_context.layout = layout_of(stream)
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition
    return copy


def convert_stream(
    output: Any,
    stream: Any,
    codec: str,
    *,
    zero: Fraction = Fraction(0),
    start: Fraction | None = None,
    end: Fraction | None = None,
) -> Converter:
    """Add a stream to the output that takes what a converter makes of a source's stream."""
    kind = SoundConverter if stream.type == "audio" else SubtitleConverter
    converter: Converter = kind(output, stream, codec, zero=zero, start=start, end=end)
    converter.stream.metadata.update(stream.metadata)
    converter.stream.metadata.pop("encoder", None)
    converter.stream.disposition = stream.disposition
    return converter
