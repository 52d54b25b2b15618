"""Plan the output's streams: find out, before work starts, what its container can hold."""

from __future__ import annotations

import io
import itertools
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from colourise.errors import FilmError
from colourise.films.decode import video_streams
from colourise.films.encode import add_pictures
from colourise.films.film import Film
from colourise.films.opening import ELSEWHERE, open_film
from colourise.films.options import Encoding

TIMELESS = ("avi", "asf")  # formats that do not store when each frame is shown
TURNING = ("mp4", "mov", "matroska", "webm", "3gp", "ipod", "psp")  # formats that can store a rotation


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
    notes: tuple[str, ...] = ()
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
    copied, notes = [], []
    with open_film(film.path) as source:
        pictures = video_streams(source)
        others = [s for s in source.streams if s.index != film.stream and s not in pictures]
        begin = first_packets(source, others)
        for stream in others:
            if stream.type == "data" and container in ("mp4", "mov"):
                continue  # time codes and chapters: this container writes its own
            if can_hold(container, stream, begin.get(stream.index)):
                copied.append(stream.index)
            else:
                kinds = {"audio": "sound", "subtitle": "subtitles", "video": "cover"}
                name = getattr(stream, "name", None) or "of an unknown kind"
                what = f"{kinds.get(stream.type, stream.type)} ({name})"
                other = "nut" if container == "matroska" else "mkv"
                notes.append(f"{target.suffix} cannot hold its {what}, which is left out; {other} may")
        if source.chapters() and container in ("mpegts", "flv"):
            notes.append(f"{target.suffix} cannot hold its chapters, which are left out")
    return StreamPlan(container, encoding, film.path, tuple(copied), tuple(notes))


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


def can_hold(container: str, stream: Any, packet: Any) -> bool:
    """Tell whether a container takes a stream unchanged, by writing its first packet if that is known."""
    try:
        with av.open(io.BytesIO(), "w", format=container) as trial:
            copy = copy_stream(trial, stream)
            trial.start_encoding()
            if packet is not None:  # some streams are refused only with a packet
                packet.stream = copy
                trial.mux_one(packet)
    except (av.FFmpegError, ValueError, AttributeError):
        return False
    return True


def first_packets(source: Any, streams: list[Any]) -> dict[int, Any]:
    """Return the first packet of each stream by its index, as far as the first 200 packets have one."""
    found: dict[int, Any] = {}
    with suppress(av.FFmpegError):
        for packet in itertools.islice(source.demux(streams), 200) if streams else ():
            if packet.size:
                found.setdefault(packet.stream.index, packet)
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
    copy.metadata.update(stream.metadata)
    copy.disposition = stream.disposition
    return copy
