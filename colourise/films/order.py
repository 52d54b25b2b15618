"""Decoded frames in the order of their times; a time that is out of order is mended from those around it.

`Clock` deals with gross damage, in the order of the packets. What is left are single pictures that are a
little too late or too early, and formats that store no times.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from colourise.films.film import Damage
from colourise.films.timeline import MOST


def in_order(pictures: Iterable[Any], step: int, damage: Damage) -> Iterator[tuple[Any, int]]:
    """Yield decoded frames with times that rise.

    A time that is out of order is mended from the frames around it: a single frame that is too late or too
    early is put between its neighbours. A frame without a time, or with no room, follows the one before.

    Args:
        pictures: frames as PyAV has them, in the order in which they are shown.
        step: the usual distance of two frames.
        damage: counts the frames whose times are mended or missing.
    """
    queue = _Queue(step, damage)
    for picture in pictures:
        yield from queue.add(picture)
    yield from queue.flush()


class _Queue:
    """Frames that wait until it is known whether their times are right: mostly one, at most `MOST` + 1."""

    def __init__(self, step: int, damage: Damage) -> None:
        self.step, self.damage = step, damage
        self.before: int | None = None  # time of the last frame that has left
        self.waiting: list[
            tuple[Any, int]
        ] = []  # one that is later than `before`, and those not later than it

    def add(self, picture: Any) -> Iterator[tuple[Any, int]]:
        """Take a frame in, and yield those whose times are known by now."""
        pts = picture.pts
        if pts is None:
            yield from self.flush()
            yield self._follow(picture, self.step)
        elif not self.waiting or pts > self.waiting[0][1]:
            yield from self._spread(pts)
            if self.before is None or pts > self.before:
                self.waiting = [(picture, pts)]
            else:
                yield self._follow(picture, 1)
        elif len(self.waiting) == 1 and self._first_is_late(pts):
            self.damage.mended += 1
            even = pts - self.step if self.before is None else (self.before + pts) // 2
            yield self._leave(self.waiting[0][0], even)
            self.waiting = [(picture, pts)]
        else:
            self.waiting.append((picture, pts))
            if len(self.waiting) > MOST:
                yield from self.flush()

    def flush(self) -> Iterator[tuple[Any, int]]:
        """Yield all frames that wait; those out of order follow the first."""
        for picture, pts in self.waiting[:1]:
            yield self._leave(picture, pts)
        for picture, _ in self.waiting[1:]:
            yield self._follow(picture, 1)
        self.waiting = []

    def _spread(self, until: int) -> Iterator[tuple[Any, int]]:
        """Yield all frames that wait; those out of order are put between the first and a time."""
        for place, (picture, _) in enumerate(self.waiting):
            begin = self.waiting[0][1]
            even = begin + (until - begin) * place // len(self.waiting)
            if place and even < begin + place:  # there is no room
                yield self._follow(picture, 1)
                continue
            self.damage.mended += place > 0
            yield self._leave(picture, even)
        self.waiting = []

    def _first_is_late(self, pts: int) -> bool:
        """Tell whether the time of the frame that waits is wrong, rather than that of the frame after it."""
        if self.before is None:
            return True
        late = abs(self.waiting[0][1] - self.before - self.step)
        return pts > self.before + 1 and late > abs(pts - self.before - 2 * self.step)

    def _follow(self, picture: Any, step: int) -> tuple[Any, int]:
        self.damage.times += 1
        return self._leave(picture, 0 if self.before is None else self.before + step)

    def _leave(self, picture: Any, pts: int) -> tuple[Any, int]:
        self.before = pts
        return picture, pts
