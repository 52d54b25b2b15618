"""Read films with FFmpeg (through PyAV): their properties, and their frames with exact times.

Frames are not turned upright; only what the network sees is (`Film.turns`). If a film does not say which
colour matrix it uses, players guess it from the height, and `probe` guesses likewise.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.stream import Disposition
from av.video.reformatter import ColorRange, Interpolation

from colourise.errors import FilmError
from colourise.films import side_data
from colourise.films.clock import Clock, corrected
from colourise.films.fields import declared_order, deinterlaced, marked, order_of
from colourise.films.film import BT601, BT709, UNSPECIFIED, Damage, Film, Frame, damaged
from colourise.films.opening import demux, is_playlist, open_film
from colourise.films.order import in_order
from colourise.films.turning import display_matrix, is_turned_alone, rotation_of
from colourise.lab.pictures import Pixels, one_channel

SD_HEIGHT, SD_WIDTH = 576, 1024  # up to this size players take an untagged film for BT.601
PLANAR = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "gray")
SCALER = Interpolation.BICUBIC | Interpolation.FULL_CHR_H_INT | Interpolation.ACCURATE_RND


def is_video(path: Path) -> bool:
    """Tell by its content whether FFmpeg reads a file as a film, or as a playlist, which `probe` refuses."""
    if is_playlist(path):
        return True
    with suppress(FilmError, av.FFmpegError), open_film(path) as container:
        still = ("image2", "_pipe", "tty")
        streams = video_streams(container)[:1]
        if not streams or any(name in container.format.name for name in still):
            return False
        pictures = (packet for packet in demux(container, streams) if packet.size)
        return len(list(itertools.islice(pictures, 2))) == 2  # an icon is one picture
    return False


def probe(path: Path) -> Film:
    """Read the properties of a film from its header and its first frame.

    Raises:
        FilmError: it is not a film, or none of its frames can be read.
    """
    with open_film(path) as container:
        found = video_streams(container)
        if not found:
            raise no_video_error(path, container)
        stream = found[0]
        stream.thread_type = "AUTO"
        declared = declared_order(stream)
        pictures = decode_packets(container, stream, Damage())
        first = next(pictures, None)
        if first is None:
            raise FilmError(
                "not one picture in it can be read", path=path, advice="copy it again from its source"
            )
        rate = stream.average_rate or stream.guessed_rate or stream.base_rate or Fraction(25)
        length = stream.duration and float(stream.duration * (stream.time_base or 0))
        if not length and container.duration:
            length = container.duration / av.time_base
        notes = []
        if len(found) > 1:
            notes.append(
                f"has {len(found)} streams of pictures; the first is coloured, the others are left out"
            )
        matrix = display_matrix(first)
        return Film(
            path=path,
            container=container.format.name,
            stream=stream.index,
            width=first.width,
            height=first.height,
            rate=rate,
            time_base=stream.time_base or 1 / rate,
            start=Fraction(container.start_time or 0, av.time_base),
            duration=length or None,
            rotation=rotation_of(matrix),
            display_matrix=None if is_turned_alone(matrix) else matrix,
            bits=max(part.bits for part in first.format.components),
            matrix=matrix_of(first),
            full_range=is_full_range(first),
            primaries=first.color_primaries,
            transfer=first.color_trc,
            aspect=stream.codec_context.sample_aspect_ratio or stream.sample_aspect_ratio,
            field_order=order_of(itertools.chain([first], pictures), declared),
            alpha=has_alpha(first),
            has_sound=bool(container.streams.audio),
            notes=tuple(notes),
        )


def no_video_error(path: Path, container: Any) -> FilmError:
    """Return the error for a file without moving pictures, which says what it has instead."""
    kinds = {stream.type for stream in container.streams} - {"data"}
    if not kinds:
        return damaged(path)
    has = "only sound" if kinds == {"audio"} else "no pictures that move"
    return FilmError(f"has {has}", path=path, advice="name a film")


def matrix_of(picture: Any) -> int:
    """Return the AVColorSpace of a frame; if it is not tagged, what players guess from its size."""
    matrix: int = picture.colorspace
    if matrix == UNSPECIFIED and not picture.format.is_rgb:
        return BT601 if picture.height <= SD_HEIGHT and picture.width <= SD_WIDTH else BT709
    return matrix


def is_full_range(picture: Any) -> bool:
    """Tell whether black is 0 in a frame, rather than 16."""
    name = picture.format.name
    if picture.format.is_rgb or name.startswith("gray"):  # FFmpeg takes untagged grey for full range
        return bool(picture.color_range != ColorRange.MPEG)
    return bool(picture.color_range == ColorRange.JPEG or name.startswith("yuvj"))


def frames(
    film: Film, first: Fraction | int, last: Fraction | int, damage: Damage, *, deinterlace: bool = False
) -> Iterator[Frame]:
    """Yield the frames of a film in the order in which they are shown.

    Args:
        film: the film, as `probe` returned it.
        first: frames with a smaller `pts` are skipped.
        last: frames with this `pts` or a greater one are skipped.
        damage: counts what cannot be read.
        deinterlace: whether to deinterlace, with yadif.
    Raises:
        FilmError: the file cannot be opened.
    """
    with open_film(film.path) as container, open_film(film.path) as whole:
        pictures = frames_from_key_frame(container, film, first, damage)
        if pictures is None:
            pictures = decode_packets(whole, video_stream(whole, film), damage, film.clock, first)
        pictures = marked(pictures, declared_order(container.streams[film.stream]))
        if deinterlace:
            pictures = deinterlaced(pictures, container.streams[film.stream])
        step = max(1, round(1 / (film.rate * film.time_base)))
        scaler = av.video.reformatter.VideoReformatter()
        for picture, pts in in_order(pictures, step, damage):
            if pts >= last:
                return
            if pts >= first:
                more = picture if has_more(picture) else None
                yield Frame(to_pixels(picture, film, scaler), pts, picture.duration or 0, more)


def frames_from_key_frame(
    container: Any, film: Film, first: Fraction | int, damage: Damage
) -> Iterator[Any] | None:
    """Seek to a key frame at or before `first`, and decode from there; None if seeking does not work."""
    if first <= film.start / film.time_base or film.clock is not None:
        return None
    stream = video_stream(container, film)
    try:
        container.seek(int(first), stream=stream)
    except av.FFmpegError:
        return None
    pictures = decode_packets(container, stream, damage)
    head = next(pictures, None)
    if head is None or head.pts is None or head.pts > first:  # the index is wrong, or there are no times
        return None
    return itertools.chain([head], pictures)


def video_streams(container: Any) -> list[Any]:
    """Return the video streams that can be decoded, without covers and other still pictures."""
    still = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
    return [s for s in container.streams.video if not s.disposition & still and s.codec_context is not None]


def video_stream(container: Any, film: Film) -> Any:
    """Return the film's video stream, set up to be decoded on all processors."""
    stream = container.streams[film.stream]
    stream.thread_type = "AUTO"
    return stream


def decode_packets(
    container: Any, stream: Any, damage: Damage, clock: Clock | None = None, first: Fraction | int = 0
) -> Iterator[Any]:
    """Yield the decoded frames of a stream, as PyAV has them; damaged packets are skipped and counted.

    Args:
        container: the film.
        stream: its stream.
        damage: counts what cannot be read.
        clock: corrects the times of packets, which are counted from the beginning of the file.
        first: with a clock, frames with a smaller `pts` may be left out.
    """
    number = 0 if clock is None else clock.number_before(first)
    packets = corrected(demux(container, [stream]), clock, number)
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
        except av.EOFError:  # the decoder was flushed already
            return
        except av.FFmpegError:
            damage.packets += 1
        else:
            yield from pictures


def has_more(picture: Any) -> bool:
    """Tell whether a decoded picture has more than pixels: fields, alpha, captions or other side data."""
    return picture.interlaced_frame or has_alpha(picture) or bool(side_data.names(picture))


def has_alpha(picture: Any) -> bool:
    """Tell whether a decoded picture has an alpha channel."""
    return any(part.is_alpha for part in picture.format.components)


def to_pixels(picture: Any, film: Film, scaler: Any) -> Pixels:
    """Convert a decoded frame to sRGB: (H, W) if grey, else (H, W, 3); uint16 if it has over 8 bits."""
    grey = grey_plane(picture, film)
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


def grey_plane(picture: Any, film: Film) -> Pixels | None:
    """Return a frame of 8 bits without any colour as (H, W) uint8, from its Y alone: exact and fast.

    None if the frame has colours, or is stored otherwise.
    """
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
