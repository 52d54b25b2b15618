"""The times that the packets of a film should have, where its own are damaged or start anew.

`scan.py` finds out before work starts what is to be done with them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from colourise.words import counted


@dataclass(frozen=True)
class StreamClock:
    """What to do with the times of a stream's packets."""

    firsts: tuple[int, ...] = ()
    """Numbers of the packets at which another offset begins, counted from 0 in the order of the file."""
    offsets: tuple[int, ...] = ()
    """What is added to the times from these packets on, in the stream's time base."""
    mended: dict[int, tuple[int | None, int | None]] = field(default_factory=dict)
    """New pts and dts, offset included, of packets whose own are damaged."""

    def times(self, number: int, pts: int | None, dts: int | None) -> tuple[int | None, int | None]:
        """Return the pts and dts that a packet should have."""
        if number in self.mended:
            return self.mended[number]
        place = bisect_right(self.firsts, number)
        offset = self.offsets[place - 1] if place else 0
        return (None if pts is None else pts + offset), (None if dts is None else dts + offset)


@dataclass(frozen=True)
class Clock:
    """What to do with the times of a film's packets, so that they are on one clock."""

    streams: dict[int, StreamClock]
    """By index of the stream; those that are not here keep their times."""
    start: Fraction
    """Time at which the film begins, in seconds."""
    duration: float
    """Length of its pictures in seconds."""
    key_frames: tuple[tuple[int, int], ...] = ()
    """Corrected pts and number of the key frames' packets; pts rise."""
    restarts: int = 0
    """How often the film's clock starts anew."""
    moved: int = 0
    """Number of places at which the times of one stream alone are wrong for a while."""

    def number_before(self, pts: Any) -> int:
        """Return the number of the packet from which to decode so as not to miss a frame from `pts` on."""
        place = bisect_right(self.key_frames, (pts, 1 << 62))
        return self.key_frames[place - 1][1] if place else 0

    def notes(self) -> list[str]:
        """Describe what is done, one sentence each kind."""
        notes = []
        if self.restarts:
            places = counted(self.restarts, "place")
            notes.append(f"has a clock that starts anew in {places}; it is carried on there")
        if self.moved:
            notes.append(
                f"has {counted(self.moved, 'part')} of sound or pictures with wrong times, now put in line"
            )
        count = sum(len(stream.mended) for stream in self.streams.values())
        if count:
            notes.append(f"has {counted(count, 'damaged time')}, replaced by what the times around say")
        return notes


def corrected(packets: Iterable[Any], clock: Clock | None, first: int = 0) -> Iterator[Any]:
    """Yield packets, from the beginning of a film on, with the times that they should have.

    Args:
        packets: the packets of some streams, in the order of the file.
        clock: corrects their times; None: they are in order.
        first: packets of a stream with a lower number are left out.
    """
    numbers: Counter[int] = Counter()
    for packet in packets:
        if clock is not None and packet.size:
            number = numbers[packet.stream_index]
            numbers[packet.stream_index] += 1
            if number < first:
                continue
            if stream := clock.streams.get(packet.stream_index):
                packet.pts, packet.dts = stream.times(number, packet.pts, packet.dts)
        yield packet
