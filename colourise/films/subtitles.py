"""Turn subtitles of text that a container cannot hold as they are into a kind of text that it can hold."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

CODECS = ("subrip", "mov_text", "webvtt")
STYLED = ("ass", "ssa")  # kinds whose fonts and places the others cannot say
MILLISECONDS = Fraction(1, 1000)


class SubtitleConverter:
    """Decodes packets of subtitles and encodes them anew into a stream of the output.

    Args:
        output: the container that is written; a stream is added to it.
        stream: the source's stream.
        codec: FFmpeg's name of the encoder, from `CODECS`.
        zero: seconds on the source's clock that become the output's zero.
        start: seconds on the source's clock; subtitles that begin earlier are left out.
        end: seconds on the source's clock; subtitles that begin later are left out.
    Raises:
        ValueError: the container has no such subtitles, or those of the source are pictures.
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
        self.zero, self.start, self.end = zero, start, end
        self.damaged = 0  # packets
        self.decoder = stream.codec_context
        self.decoder.open(strict=False)
        if not self.decoder.subtitle_header:
            raise ValueError(f"{stream.name} subtitles are no text")
        self.stream = output.add_stream(codec)
        self.stream.time_base = MILLISECONDS
        encoder = self.stream.codec_context
        encoder.time_base = MILLISECONDS
        encoder.subtitle_header = self.decoder.subtitle_header

    def convert(self, packet: Any) -> Iterator[Any]:
        """Yield the packet of the output's stream for one of the source's; a damaged one gives none."""
        at = (packet.pts if packet.pts is not None else packet.dts or 0) * packet.time_base
        if (self.start is not None and at < self.start) or (self.end is not None and at >= self.end):
            return
        try:
            subtitle = self.decoder.decode2(packet)
            if subtitle is None or not len(subtitle):
                return
            made = self.stream.codec_context.encode_subtitle(subtitle)
        except av.FFmpegError:
            self.damaged += 1
        else:
            lasts = (packet.duration or 0) * packet.time_base / MILLISECONDS
            made.pts = made.dts = round((at - self.zero) / MILLISECONDS)
            made.duration = round(lasts) or made.duration
            made.time_base, made.stream = MILLISECONDS, self.stream
            yield made

    def flush(self) -> Iterator[Any]:
        """Yield nothing, as no packet is held back."""
        return iter(())
