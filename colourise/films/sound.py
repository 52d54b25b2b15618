"""Encode sound anew that a container cannot hold as it is, without loss where the container allows that.

Sample rate, channels, length and the time of every sample stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av
import av.filter

CODECS = {
    "flac": "FLAC",
    "pcm_s16le": "PCM",
    "pcm_s24le": "PCM",
    "aac": "AAC",
    "libopus": "Opus",
    "mp2": "MP2",
}
LOSSLESS = ("flac", "pcm_s16le", "pcm_s24le")
GAP = 0.04  # seconds by which sound may be off before silence is put in, or samples are left out
BIT_RATE = 192_000  # of two channels
SHALLOW = ("u8", "u8p", "s16", "s16p")  # sample formats of at most 16 bits


def codecs_for(container: str, stream: Any) -> list[str]:
    """Return the encoders to try for a stream of sound, the best one first.

    FLAC and PCM have 16 bits if the sound has no more, else 24. QuickTime gets PCM: its players know no FLAC.
    There is none for sound of which nothing is known, as it has no packet that can be decoded.
    """
    if stream.codec_context is None or stream.codec_context.format is None:
        return []
    few = stream.codec_context.format.name in SHALLOW
    left = [codec for codec in CODECS if codec != ("pcm_s24le" if few else "pcm_s16le")]
    return sorted(left, key=lambda codec: not codec.startswith("pcm")) if container == "mov" else left


class SoundConverter:
    """Decodes packets of sound and encodes them anew into a stream of the output.

    Args:
        output: the container that is written; a stream is added to it.
        stream: the source's stream.
        codec: FFmpeg's name of the encoder, from `codecs_for`.
        zero: seconds on the source's clock that become the output's zero.
        start: seconds on the source's clock before which samples are left out.
        end: seconds on the source's clock from which on samples are left out.
    Raises:
        ValueError: the container has no such sound, or the encoder no such rate or channels.
    """

    def __init__(
        self,
        output: Any,
        stream: Any,
        codec: str,
        *,
        zero: Fraction = Fraction(0),
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        self.source, self.start, self.end = stream, start, end
        context = stream.codec_context
        self.rate = rate_for(codec, context.sample_rate)
        self.stream = output.add_stream(
            codec, rate=self.rate, layout=layout_of(context), format=format_for(codec, context.format.name)
        )
        encoder = self.stream.codec_context
        encoder.time_base = self.stream.time_base = Fraction(1, self.rate)
        if codec not in LOSSLESS:
            encoder.bit_rate = BIT_RATE * max(2, context.channels) // 2
        self.shift = round(zero * self.rate)
        self.graph: Any = None
        self.shape: tuple[Any, ...] = ()  # of the frames that the graph takes
        self.damaged = 0  # packets
        self.expected: int | None = None  # pts of the next frame, in its time base

    def convert(self, packet: Any) -> Iterator[Any]:
        """Yield packets of the output's stream for one of the source's; damaged ones give none."""
        try:
            frames = self.source.decode(packet)
        except av.FFmpegError:
            self.damaged += 1
            frames = []
        for frame in frames:
            yield from self._encode(self._filtered(frame))

    def flush(self) -> Iterator[Any]:
        """Yield the last packets."""
        with suppress(av.FFmpegError):
            for frame in self.source.decode(None):
                yield from self._encode(self._filtered(frame))
        if self.graph is not None:
            yield from self._encode(self._filtered(None))
        yield from self._shifted(self.stream.encode(None))

    def _filtered(self, frame: Any) -> Iterator[Any]:
        """Yield samples of the output's format on the output's clock; None flushes them."""
        if frame is not None:
            frame.time_base = frame.time_base or self.source.time_base
            shape = frame.format.name, frame.layout.name, frame.sample_rate, frame.time_base
            if self.graph is not None and shape != self.shape:  # the sound changes its form halfway
                yield from self._filtered(None)
                self.graph = None
            if self.graph is None:
                self.shape, self.graph = shape, self._graph(frame)
            if frame.pts is None:
                frame.pts = self.expected
            if frame.pts is not None:
                self.expected = frame.pts + round(frame.samples / frame.sample_rate / frame.time_base)
        self.graph.push(frame)
        while True:
            try:
                yield self.graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return

    def _graph(self, frame: Any) -> Any:
        """Build the filters: samples at their times, in the encoder's format, from `start` to `end`."""
        encoder, graph = self.stream.codec_context, av.filter.Graph()
        limits = {
            name: str(round(at * self.rate))
            for name, at in (("start_pts", self.start), ("end_pts", self.end))
            if at is not None
        }
        wanted = {
            "sample_rates": str(self.rate),
            "sample_fmts": encoder.format.name,
            "channel_layouts": encoder.layout.name,
        }
        nodes = [
            graph.add_abuffer(
                sample_rate=frame.sample_rate,
                format=frame.format.name,
                layout=layout_of(frame),
                time_base=frame.time_base,
            ),
            graph.add("aresample", f"{self.rate}:async=1:min_hard_comp={GAP}"),
            graph.add("aformat", **wanted),
            *([graph.add("atrim", **limits)] if limits else []),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        encoder.open(strict=False)  # only then it has a frame size
        if encoder.frame_size:
            graph.set_audio_frame_size(encoder.frame_size)
        return graph

    def _encode(self, frames: Iterator[Any]) -> Iterator[Any]:
        for frame in frames:
            yield from self._shifted(self.stream.encode(frame))

    def _shifted(self, packets: list[Any]) -> Iterator[Any]:
        for packet in packets:
            for name in ("pts", "dts"):
                at = getattr(packet, name)
                setattr(packet, name, None if at is None else at - self.shift)
            yield packet


def layout_of(sound: Any) -> str:
    """Return the channel layout of a codec or a frame; if it has none, the usual one of as many channels."""
    layout = sound.layout
    return f"{layout.nb_channels}c" if "channels" in layout.name else str(layout.name)


def rate_for(codec: str, rate: int) -> int:
    """Return the samples a second that an encoder takes: those of the source, or else 48,000."""
    rates = av.Codec(codec, "w").audio_rates
    return rate if rates is None or rate in rates else 48000


def format_for(codec: str, source: str) -> str:
    """Return the encoder's sample format: of 16 bits for sound that has no more, else its finest one."""
    names = [kind.name for kind in av.Codec(codec, "w").audio_formats or ()]
    return min(names, key=lambda name: (name in SHALLOW) != (source in SHALLOW))
