"""Join segments into one film, and copy the source's sound, subtitles, chapters, attachments and metadata.

Packets are copied unchanged. From the decoder to the joined file, times are whole numbers in the time base of
the source's video stream, so that variable frame rates and start offsets survive.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import IO, Any

import av

from colourise.errors import FilmError
from colourise.films.clock import corrected
from colourise.films.encode import Segment
from colourise.films.film import Damage, Film
from colourise.films.opening import demux, file_url, open_film
from colourise.films.streams import Converter, StreamPlan, convert_stream, copy_stream

CLOCKS = ("mpegts", "mpeg")  # formats whose clock does not start at zero
KINDS = {"audio": "sound", "subtitle": "subtitles", "video": "covers"}
MUXERS_OWN = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")  # metadata


def join(
    film: Film,
    segments: Sequence[Segment],
    plan: StreamPlan,
    file: IO[bytes],
    damage: Damage,
    *,
    start: Fraction | None = None,
    end: Fraction | None = None,
    comment: str = "",
) -> None:
    """Write one file with the coloured frames and everything that is copied.

    Args:
        film: the source.
        segments: its coloured frames, in order.
        plan: what is copied, and into which container.
        file: where to write.
        damage: counts packets that the container does not take, such as damaged ones.
        start: seconds on the film's clock that become the output's zero; by default its clock is kept.
        end: seconds from which on nothing is copied.
        comment: added to the metadata.
    Raises:
        FilmError: a segment was changed after it was written.
        OSError: the disk is full.
    """
    # The first packet of AAC commonly has a negative time; Matroska would shift all streams because of it
    options = {"avoid_negative_ts": "disabled"} if plan.container == "matroska" else {}
    zero = start if start is not None else film.start if film.container in CLOCKS else Fraction(0)
    with (
        open_film(plan.source or segments[0].path) as source,
        av.open(file_url(segments[0].path)) as first,
        av.open(file, "w", format=plan.container, container_options=options, buffer_size=1 << 20) as output,
    ):
        output.metadata.update({k: v for k, v in source.metadata.items() if k.lower() not in MUXERS_OWN})
        if comment:
            output.metadata["comment"] = "; ".join(filter(None, [output.metadata.get("comment"), comment]))
        pictures = output.add_stream_from_template(first.streams.video[0], opaque=True)
        describe(pictures, film, source.streams[film.stream], plan.container)
        copies: dict[int, Any] = {}
        converters: dict[int, Converter] = {}
        encoders = dict(plan.converted)
        for index in sorted((*plan.copied, *encoders)):  # streams stay in order: the first is played
            stream = source.streams[index]
            if index in encoders:
                converters[index] = convert_stream(
                    output, stream, encoders[index], zero=zero, start=start, end=end
                )
            else:
                copies[index] = copy_stream(output, stream)
        if source.chapters():
            output.set_chapters(list(shifted_chapters(source.chapters(), zero, end)))
        output.start_encoding()
        packets = heapq.merge(
            coloured_packets(film, segments, pictures, round(zero / film.time_base)),
            copied_packets(film, source, copies, converters, zero, start, end),
            key=lambda packet: (packet.dts or 0) * packet.time_base,
        )
        others = [*copies.values(), *(converter.stream for converter in converters.values())]
        for packet in packets:
            with refusals(damage, packet.stream, others):
                output.mux_one(packet)
        with refusals(damage, pictures, others):  # some are looked at only when they leave a queue
            output.close()
        for converter in converters.values():
            if converter.damaged:
                damage.refused[KINDS[converter.stream.type]] += converter.damaged


@contextmanager
def refusals(damage: Damage, stream: Any, copies: Collection[Any]) -> Iterator[None]:
    """Count a copied packet that the container refuses: its time goes back, or it cannot be parsed.

    Args:
        damage: where it is counted.
        stream: the output's stream whose packet is written; one that waited in a queue may be meant.
        copies: the output's streams that are copied or encoded anew.
    """
    try:
        yield
    except (av.ArgumentError, av.InvalidDataError):
        if not copies:
            raise
        kind = (stream if stream in copies else next(iter(copies))).type
        damage.refused[KINDS.get(kind, kind)] += 1


def describe(pictures: Any, film: Film, source: Any, container: str) -> None:
    """Give the output's video stream the frame rate, tags and rotation of the source's."""
    pictures.time_base, pictures.framerate = film.time_base, film.rate
    if container in ("mp4", "mov") and pictures.codec_context.name == "hevc":
        pictures.codec_context.codec_tag = "hvc1"  # without which Apple's players show nothing
    if pictures.codec_context.name == "prores" and film.alpha:
        pictures.codec_context.codec_tag = "ap4h"  # 4444, the kind that has alpha
    pictures.metadata.update(source.metadata)
    pictures.metadata.pop("encoder", None)
    pictures.disposition = source.disposition
    if film.display_matrix:
        pictures.set_display_matrix(film.display_matrix)
    elif film.rotation:
        pictures.set_display_rotation(film.rotation)


def coloured_packets(film: Film, segments: Iterable[Segment], stream: Any, zero: int) -> Iterator[Any]:
    """Yield the packets of all segments with their exact times, minus `zero`."""
    last = -1 << 62
    for segment in segments:
        place = 0
        with av.open(file_url(segment.path)) as container:
            for packet in container.demux(video=0):
                if not packet.size:
                    continue
                if place < len(segment.times["pts"]):
                    pts, dts, duration = (
                        int(segment.times[name][place]) for name in ("pts", "dts", "duration")
                    )
                    last = min(max(dts, last + 1), pts)  # dts of a new encoder overlap the last ones
                    packet.stream, packet.time_base = stream, film.time_base
                    packet.pts, packet.dts, packet.duration = pts - zero, last - zero, duration
                    yield packet
                place += 1
        if place != len(segment.times["pts"]):
            raise FilmError(
                "was changed by somebody else", path=segment.path, advice="remove its folder and run again"
            )


def copied_packets(
    film: Film,
    source: Any,
    copies: dict[int, Any],
    converters: dict[int, Converter],
    zero: Fraction,
    start: Fraction | None,
    end: Fraction | None,
) -> Iterator[Any]:
    """Yield the packets that are copied unchanged, from `start` to `end`, with their times minus `zero`.

    Those of streams that are encoded anew are yielded as their converters make them.
    """
    streams = [source.streams[index] for index in sorted((*copies, *converters))]
    packets = corrected(demux(source, streams), film.clock) if streams else iter(())
    after: dict[int, int] = {}  # by stream: time of its next packet, for packets without a time
    while True:
        try:
            packet = next(packets, None)
        except av.FFmpegError:  # the file is cut off
            packet = None
        if packet is None:
            for converter in converters.values():
                yield from converter.flush()
            return
        if not packet.size:
            continue
        if packet.pts is None and packet.dts is None:
            packet.pts = packet.dts = after.get(packet.stream.index, 0)
        after[packet.stream.index] = (packet.dts if packet.pts is None else packet.pts) + (
            packet.duration or 0
        )
        at = (packet.pts if packet.pts is not None else packet.dts) * packet.time_base
        if packet.stream.index in converters:
            yield from converters[packet.stream.index].convert(packet)
            continue
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
    """Yield chapters on the output's clock, without those that lie outside."""
    for chapter in chapters:
        base = chapter["time_base"]
        first, last = round(zero / base), 1 << 62 if end is None else round(end / base)
        if chapter["end"] > first and chapter["start"] < last:
            start = max(chapter["start"], first) - first
            yield {**chapter, "start": start, "end": min(chapter["end"], last) - first}
