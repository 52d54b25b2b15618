"""One file of all segments and of the source's sound, subtitles, chapters, attachments and metadata.

Packets are copied as they are. Times are whole numbers of the source stream's own time base from the
decoder to the joined file, so variable rates and start offsets survive; where a file gives none, they
follow from its rate.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import IO, Any

import av

from colourise.errors import FilmError
from colourise.films.decode import open_film
from colourise.films.encode import Segment
from colourise.films.film import Film
from colourise.films.streams import StreamPlan, copy_stream

CLOCKS = ("mpegts", "mpeg")  # formats whose clock starts anywhere
MUXERS_OWN = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")


def join(
    film: Film,
    segments: Sequence[Segment],
    plan: StreamPlan,
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
        open_film(plan.source or segments[0].path) as source,
        av.open(os.fspath(segments[0].path)) as first,
        av.open(file, "w", format=plan.container, container_options=options, buffer_size=1 << 20) as output,
    ):
        output.metadata.update({k: v for k, v in source.metadata.items() if k.lower() not in MUXERS_OWN})
        if comment:
            output.metadata["comment"] = "; ".join(filter(None, [output.metadata.get("comment"), comment]))
        pictures = output.add_stream_from_template(first.streams.video[0], opaque=True)
        describe(pictures, film, source.streams[film.stream], plan.container)
        copies = {index: copy_stream(output, source.streams[index]) for index in plan.copied}
        if source.chapters():
            output.set_chapters(list(shifted_chapters(source.chapters(), zero, end)))
        output.start_encoding()
        packets = heapq.merge(
            coloured_packets(film, segments, pictures, round(zero / film.time_base)),
            copied_packets(source, copies, zero, start, end),
            key=lambda packet: (packet.dts or 0) * packet.time_base,
        )
        for packet in packets:
            output.mux_one(packet)


def describe(pictures: Any, film: Film, source: Any, container: str) -> None:
    """Give the output's stream of pictures the rate, tags and turn of the source's."""
    pictures.time_base, pictures.framerate = film.time_base, film.rate
    if container in ("mp4", "mov") and pictures.codec_context.name == "hevc":
        pictures.codec_context.codec_tag = "hvc1"  # without which Apple's players show nothing
    pictures.metadata.update(source.metadata)
    pictures.metadata.pop("encoder", None)
    pictures.disposition = source.disposition
    if film.rotation:
        pictures.set_display_rotation(film.rotation)


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
            raise FilmError(
                "was changed by somebody else", path=segment.path, advice="remove its folder and run again"
            )


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


def shifted_chapters(chapters: Iterable[Any], zero: Fraction, end: Fraction | None) -> Iterator[Any]:
    """Chapters on the output's clock, without those that lie outside."""
    for chapter in chapters:
        base = chapter["time_base"]
        first, last = round(zero / base), 1 << 62 if end is None else round(end / base)
        if chapter["end"] > first and chapter["start"] < last:
            start = max(chapter["start"], first) - first
            yield {**chapter, "start": start, "end": min(chapter["end"], last) - first}
