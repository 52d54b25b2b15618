"""Find in the packet times of one stream those that are damaged, and those at which another clock begins.

The limits are ffmpeg's: a clock jumps if a time is over 0.1 s earlier or 10 s later than it should be. Clocks
start anew only in formats that can be joined byte by byte, such as MPEG-TS and MPEG-PS. In others, a later
time is taken as it is, and only a grossly earlier one counts.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

MOST = 16  # pictures that a codec may show in another order than that in which it stores them
NONE = -1 << 63  # for a time that the file does not say
FEW = 100  # packets that may have wrong times in a row; a file may store one time for so many
NEAR = 50  # packets, among which lies whatever a packet is compared with
BESIDE = 2.0  # seconds by which streams beside each other in the file may differ from what is usual

Floats = NDArray[np.float64]


@dataclass
class Track:
    """What is known of the packets of one stream, in the order of the file."""

    index: int
    """The stream's index."""
    time_base: Fraction
    """Unit of `pts`, `dts` and `duration`, in seconds."""
    timed: bool
    """Whether its times follow each other closely, as those of sound and of the film's pictures do."""
    pts: array[int] = field(default_factory=lambda: array("q"))
    """Times at which they are shown or heard, or NONE."""
    dts: array[int] = field(default_factory=lambda: array("q"))
    """Times at which they are decoded, or NONE."""
    duration: array[int] = field(default_factory=lambda: array("q"))
    """How long they last; 0: unknown."""
    place: array[int] = field(default_factory=lambda: array("q"))
    """Where in the file they are."""
    keys: list[int] = field(default_factory=list)
    """Numbers of those from which decoding can begin."""

    def add(self, pts: int | None, dts: int | None, duration: int | None, place: int) -> None:
        """Add the next packet."""
        self.pts.append(NONE if pts is None else pts)
        self.dts.append(NONE if dts is None else dts)
        self.duration.append(duration or 0)
        self.place.append(place)

    def stamp(self, number: int) -> tuple[int | None, int | None]:
        """Return the pts and dts of a packet."""
        pts, dts = self.pts[number], self.dts[number]
        return (None if pts == NONE else pts), (None if dts == NONE else dts)

    def stamps(self) -> Iterator[tuple[int | None, int | None]]:
        """Yield the pts and dts of all packets."""
        return map(self.stamp, range(len(self.pts)))


class Timeline:
    """The times of one stream in seconds: which are damaged, and where another clock begins.

    Args:
        track: its packets.
        loose: whether its format allows a clock that starts anew.
        pictures: whether it is the film's video stream, whose packets may be shown in another order.
    """

    def __init__(self, track: Track, *, loose: bool, pictures: bool) -> None:
        self.track, self.loose, self.pictures = track, loose, pictures
        unit = float(track.time_base)
        pts, dts = np.array(track.pts, np.int64), np.array(track.dts, np.int64)
        sorted_by_dts = 2 * (dts != NONE).sum() >= (pts != NONE).sum()
        given = dts if pictures and sorted_by_dts else np.where(dts != NONE, dts, pts)
        self.numbers = np.flatnonzero(given != NONE)
        """Numbers of the packets that are looked at."""
        self.times: Floats = (given[self.numbers] * unit).astype(np.float64)
        """Their times: dts, or pts where there is none."""
        self.shown: Floats = np.where(pts != NONE, pts * unit, np.nan)[self.numbers]
        """Their pts; NaN if they have none."""
        steps = np.diff(self.times)
        self.spacing = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
        """Usual distance of two packets."""
        reordered = (MOST + 1) * self.spacing if pictures and not sorted_by_dts else 0.0
        self.back = max(0.1, reordered) if loose else max(1.0, (MOST + 1) * self.spacing)
        """How much earlier than the one before a time may be."""
        self.forward = 10.0 if loose else np.inf
        """How much later than expected a time may be."""
        self.odd: set[int] = set()
        """Places in `times` of those that are damaged."""
        self.odd_shown: set[int] = set()
        """Places in `shown` of those that are damaged."""
        self.moved: set[int] = set()
        """Places in `shown` of those that are damaged just as `times` are, and keep their distance."""
        self.jumps: list[int] = []
        """Places in `times` at which another clock begins."""
        delays = (self.shown - self.times)[np.isfinite(self.shown)]
        self.delay = float(np.median(delays)) if len(delays) else 0.0
        """Usual distance of pts from dts."""
        self._judge()
        self._short_ends()

    @property
    def whole(self) -> bool:
        """Tell whether all times are in order."""
        return not (self.odd or self.odd_shown or self.jumps)

    def _continues(self, since: int, at: int) -> bool:
        """Tell whether a time continues an earlier one, with room for the packets between them."""
        room, step = self.spacing * (at - since), self.times[at] - self.times[since]
        return bool(room / 2 <= step <= room + 1.0)

    def _judge(self) -> None:
        """Sort irregular times into damaged ones and jumps."""
        steps = np.diff(self.times)
        done = 0
        irregular = (steps < -self.back) | (steps > self.spacing + self.forward)
        for at in (np.flatnonzero(irregular) + 1).tolist():
            if at <= done:
                continue
            before, after = self._before_excursion(at), self._after_excursion(at)
            if before is not None:
                self.odd.update(range(before + 1, at))
            elif after is not None:
                self.odd.update(range(at, after))
                done = after
            else:
                self.jumps.append(at)

    def _is_pause(self, at: int, other: Timeline | None) -> bool:
        """Tell whether a step forwards is a pause: pictures from before it are shown after it."""
        if other is not None and (other.has_gap(self.where(at)) or not self.in_line(at, other)):
            return False
        ahead = self.shown[max(0, at - MOST) : at] >= self.times[at]
        return self.times[at] > self.times[at - 1] and bool(ahead.any())

    def _before_excursion(self, at: int) -> int | None:
        """Return the place of the time that `at` continues, if the few between were too late; else None."""
        start = self.jumps[-1] if self.jumps else 0
        if self.times[at] >= self.times[at - 1]:
            return None
        for before in range(at - 2, max(start, at - 1 - FEW) - 1, -1):
            if at - 1 - before > before + 1 - start:  # the others are the few
                return None
            if before not in self.odd and self._continues(before, at):
                entered = self.times[before + 1] - self.times[before] > 1.5 * self.spacing
                return before if entered else None
        return None

    def _after_excursion(self, at: int) -> int | None:
        """Return the place of the time that continues the one before `at`, if it comes soon and from afar."""
        start = self.jumps[-1] if self.jumps else 0
        few = min(FEW, at - start)
        for after in range(at + 1, min(at + few + 1, len(self.times))):
            step = self.times[after] - self.times[after - 1]
            if self._continues(at - 1, after) and not 0 <= step <= 1.5 * self.spacing:
                return after
        return None

    def _short_ends(self) -> None:
        """Take a clock of one or two packets, at the beginning or the end, for damaged times."""
        if len(self.times) >= 8 and self.jumps and self.jumps[0] <= 2:
            self.odd.update(range(self.jumps.pop(0)))
        if len(self.times) >= 8 and self.jumps and self.jumps[-1] >= len(self.times) - 2:
            self.odd.update(range(self.jumps.pop(), len(self.times)))

    def parts(self) -> Iterator[slice]:
        """Yield the stretches of `times` that are on one clock."""
        for first, end in pairwise([0, *self.jumps, len(self.times)]):
            yield slice(first, end)

    def compare(self, other: Timeline | None) -> None:
        """Drop jumps that are pauses, and add those near the ends that another stream shows to be no gaps."""
        if not self.loose or not len(self.times):
            return
        self.jumps = [at for at in self.jumps if not self._is_pause(at, other)]
        if other is not None:
            ends = (np.flatnonzero(np.diff(self.times) > BESIDE) + 1).tolist()
            ends = [at for at in ends if self._parts_an_end(at) and not other.has_gap(self.where(at))]
            ends = [at for at in ends if self.in_line(at, other) != self.in_line(at, other, before=True)]
            self.jumps = sorted({*self.jumps, *ends})

    def _parts_an_end(self, at: int) -> bool:
        """Tell whether a step parts a few packets, which follow each other evenly, from the others."""
        few = slice(0, at) if at <= len(self.times) // 2 else slice(at, None)
        steps = np.diff(self.times[few])
        even = bool((steps <= 1.5 * self.spacing).all())
        return even and len(steps) < FEW and not self.odd & {at - 1, at}

    def mend(self) -> None:
        """Give damaged times the place between their neighbours."""
        apart = self.shown - self.times  # as the file has them
        for part in self.parts() if self.odd else ():
            places = np.arange(part.start, part.stop)
            lost = np.isin(places, list(self.odd))
            known = places[~lost]
            if len(known):
                outside = np.minimum(places - known[0], 0) + np.maximum(places - known[-1], 0)
                between = np.interp(places, known, self.times[known]) + self.spacing * outside
                self.times[part] = np.where(lost, between, self.times[part])
        if self.pictures:
            self._judge_shown(apart)
            self._mend_shown()
        elif self.odd:
            self.odd_shown = self.odd
            lost = np.isin(np.arange(len(self.times)), list(self.odd))
            self.shown = np.where(lost, self.times + self.delay, self.shown)

    def _judge_shown(self, apart: Floats) -> None:
        """Find pts that no order of decoding explains: far from the dts of all packets around.

        Args:
            apart: how much later than dts each pts is in the file.
        """
        reach = 2 * MOST + 1
        for part in self.parts():
            times, shown = self.times[part], self.shown[part]
            place = np.arange(len(times))
            late = shown - self.delay
            end, start = place + reach, place - reach
            edge = MOST * self.spacing + (self.forward if part.stop == len(self.times) else self.back)
            most = times[end.clip(max=len(times) - 1)] + np.where(end < len(times), self.back, edge)
            edge = MOST * self.spacing + self.forward if part.start == 0 else self.back
            least = times[start.clip(min=0)] - np.where(start >= 0, self.back, edge)
            odd, doubted = (late > most) | (shown < least), np.isin(place + part.start, list(self.odd))
            delays = (shown - times)[~(odd | doubted | np.isnan(shown))]
            if len(delays):  # where dts is damaged, pts is held to what is usual in the film
                first, last = delays.min() - self.spacing, delays.max() + self.spacing
                odd |= doubted & ((shown < times + first) | (shown > times + last))
                both = odd & doubted & (apart[part] >= first) & (apart[part] <= last)
                self.shown[part] = np.where(both, times + apart[part], shown)
                odd &= ~both
                self.moved.update((part.start + np.flatnonzero(both)).tolist())
            self.odd_shown.update((part.start + np.flatnonzero(odd)).tolist())

    def _mend_shown(self) -> None:
        """Put pictures whose pts are damaged where the pictures around leave a gap."""
        for part in self.parts() if self.odd_shown else ():
            for at in sorted(self.odd_shown & set(range(part.start, part.stop))):
                first, end = max(part.start, at - NEAR), min(part.stop, at + NEAR)
                lost = {other for other in self.odd_shown if other >= at}
                around = [self.shown[other] for other in range(first, end) if other not in lost]
                known = sorted(time for time in around if not math.isnan(time))
                edges = first == part.start, end == part.stop
                self.shown[at] = vacancy(known, self.times[at] + self.delay, edges)
        self.odd_shown |= self.moved

    def ends(self, at: int) -> float:
        """Return when the packets before a place end."""
        start = max([0, at - NEAR, *(jump for jump in self.jumps if jump < at)])
        if self.pictures and np.isfinite(self.shown[start:at]).any():
            return float(np.nanmax(self.shown[start:at])) + self.spacing
        lasts = self.track.duration[self.numbers[at - 1]] * float(self.track.time_base)
        return float(self.times[at - 1]) + (lasts or self.spacing)

    def begins(self, at: int) -> float:
        """Return when the packets from a place on begin."""
        end = min([jump for jump in self.jumps if jump > at], default=len(self.times))
        if self.pictures and np.isfinite(self.shown[at : min(end, at + NEAR)]).any():
            return float(np.nanmin(self.shown[at : min(end, at + NEAR)]))
        return float(self.times[at])

    def gap(self, at: int) -> float:
        """Return how much later a packet comes than the one before it ends."""
        lasts = self.track.duration[self.numbers[at - 1]] * float(self.track.time_base)
        return float(self.times[at] - self.times[at - 1]) - (lasts or self.spacing)

    def where(self, at: int) -> int:
        """Return the place in the file of a packet."""
        return self.track.place[self.numbers[at]]

    def in_line(self, at: int, other: Timeline | None, *, before: bool = False) -> bool:
        """Tell whether packets are about as late as usual, compared with those beside them in the file.

        Args:
            at: the place from which on the packets are looked at.
            other: another stream.
            before: whether to look at those before this place instead.
        """
        if other is None:
            return True
        mine = np.array(self.track.place, np.int64)[self.numbers]
        theirs = np.array(other.track.place, np.int64)[other.numbers]
        beside = (np.searchsorted(theirs, mine, side="right") - 1).clip(min=0)
        late = self.times - other.times[beside]
        off = np.abs(late - np.median(late))
        if np.median(off) > BESIDE / 2:  # the streams are not side by side
            return True
        return bool(np.median(off[max(0, at - NEAR) : at] if before else off[at : at + NEAR]) <= BESIDE)

    def has_gap(self, where: int) -> bool:
        """Tell whether times step forwards near a place in the file."""
        at = self.place_after(where)
        return bool((np.diff(self.times[max(0, at - NEAR) : at + NEAR]) > BESIDE).any())

    def place_after(self, where: int) -> int:
        """Return the place of the first packet that lies from a place in the file on."""
        return bisect_left(self.numbers, where, key=self.track.place.__getitem__)


def vacancy(times: list[float], near: float, edges: tuple[bool, bool]) -> float:
    """Return a time that is missing among others: the one closest to `near`, or `near` itself.

    Args:
        times: the times of pictures, in seconds; they rise.
        near: about when another one is shown.
        edges: whether it may be the first and the last of all.
    """
    if len(times) < 2:
        return near
    steps = np.diff(times)
    usual = float(np.median(steps))
    gaps = np.flatnonzero(steps >= 1.5 * usual).tolist()
    places = [times[gap] + min(usual, float(steps[gap]) / 2) for gap in gaps]
    places = [place for place in places if abs(place - near) <= MOST * usual]
    if not places:
        places += [times[0] - usual] * edges[0] + [times[-1] + usual] * edges[1]
    return min(places or [near], key=lambda place: abs(place - near))
