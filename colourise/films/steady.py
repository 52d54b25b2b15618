"""Steady colour: L of consecutive frames -> ab that does not flicker.

A network that sees each frame alone gives a wall another brown in every frame. Here, colours are carried
along the motion instead. Optical flow (OpenCV's DIS, on L at the network's size) finds where each point of a
frame was before and will be next. Two signs show how far the flow can be trusted: forward and backward flow
should cancel out, and L should be the same at both ends. The ab of a frame is then the weighted mean of what
the network predicted for the same points in frames before and after it; a prediction weighs less the farther
away its frame is and the less the flow can be trusted. So the network need not see every frame: between the
frames that it sees, colours come from both sides, and what was just uncovered has its colour from later
frames.

Where almost nothing can be carried over, there is a cut, and each scene is steadied by itself.

The two sides are two recursions, as in a fixed-lag Kalman smoother: forwards through the whole scene, and
backwards from AHEAD frames later. `State` is everything that the forward recursion remembers, so a film can
be continued after any frame that has one.

Written by hand because we know of no maintained library that does this on ab at the network's size, with a
bounded number of frames in memory and a state to continue from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from colourise.errors import FilmError
from colourise.lab.pictures import Floats

Payload = TypeVar("Payload")

STEADINESS = 0.9
EVERY = 8  # the network sees at least every EVERY-th frame, unless nothing changes
KNOWN = 0.5  # if less of a frame can be traced to one that the network saw, it looks again
CHUNK = 16  # frames that are steadied at a time
AHEAD = 8  # later frames that count as well
STILL = 0.25  # if L has changed less on average since the network looked, it need not look again
CUT = 0.35  # if colours can be carried to less of a frame, a scene begins
ALIKE = 6.0  # difference in L at which a point is doubted
LEAST = 1e-6  # weight that a colour keeps along the worst flow, so that every point has a colour
ENOUGH = 100.0  # greatest weight of a colour


@dataclass
class State:
    """Everything that is remembered from one frame to the next."""

    carried: Floats
    """(h, w, 3): a and b times their weight, and the weight."""
    L: Floats
    """(h, w): L of the last frame."""
    seen: Floats
    """(h, w): L of the last frame that the network saw."""
    since: int
    """How many frames ago the network saw it."""
    known: float
    """Share of the last frame that can be traced to it."""

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the state as arrays, by name, to be stored."""
        return {name: np.asarray(value) for name, value in vars(self).items()}

    @classmethod
    def of(cls, arrays: dict[str, NDArray[np.generic]]) -> State:
        """Restore a state from stored arrays."""
        carried, L, seen = (np.asarray(arrays[name], np.float32) for name in ("carried", "L", "seen"))
        return cls(carried, L, seen, int(arrays["since"]), float(arrays["known"]))


@dataclass
class Coloured(Generic[Payload]):
    """A frame with its colours."""

    frame: Payload
    """What belongs to the frame."""
    ab: Floats
    """(2, h, w) float32."""
    cut: bool
    """Whether a scene begins with it."""
    state: State | None = None
    """From which to continue with the next frame; not every frame has one."""


@dataclass
class Link:
    """How colours are carried from one frame to its neighbour."""

    way: Floats
    """(h, w, 2): x and y of each point in the neighbour."""
    trust: Floats
    """(h, w): how far that can be trusted, 0 to 1."""


@dataclass
class _Entry(Generic[Payload]):
    """A frame that waits for its colours."""

    frame: Payload
    """What belongs to the frame."""
    L: Floats
    """(h, w): its L."""
    seen: Floats
    """(h, w): L of the last frame that the network sees, which is this frame or an earlier one."""
    since: int
    """How many frames ago the network saw it."""
    known: float
    """Share of this frame that can be traced to it."""
    back: Link | None
    """Link to the frame before; None for the first frame of a scene."""
    ahead: Link | None = None
    """Link to the frame after, once it is read and belongs to the scene."""
    said: Floats | None = None
    """(2, h, w): the network's prediction, once it was asked."""

    @property
    def cut(self) -> bool:
        """Tell whether a scene begins with it."""
        return self.back is None


def steady(
    frames: Iterable[tuple[Payload, Floats]],
    predict: Callable[[Sequence[Floats]], Floats],
    *,
    steadiness: float = STEADINESS,
    state: State | None = None,
) -> Iterator[Coloured[Payload]]:
    """Colour the frames of a film so that colours do not flicker.

    Args:
        frames: whatever belongs to a frame, and its L (h, w) float32, for all frames in their order.
        predict: the network: L of N frames, (h, w) each -> ab (N, 2, h, w).
        steadiness: share of a colour's weight that is left after a frame, 0 to 1. 0 takes each frame's ab as
            predicted; 1 never forgets within a scene.
        state: state after the frame before the first, if a film is continued.
    Returns:
        Each frame with its ab; up to CHUNK + AHEAD frames are held in memory.
    Raises:
        FilmError: the steadiness is out of range.
    """
    if not 0 <= steadiness <= 1:
        raise FilmError(
            f"--steadiness {steadiness:g}: choose from 0 (as predicted) to 1 (as steady as can be)"
        )
    waiting: list[_Entry[Payload]] = []
    coming, ended = iter(frames), False
    flow = Flow()
    while True:
        while not ended and len(waiting) < CHUNK + AHEAD:
            following = next(coming, None)
            if following is None:
                ended = True
            else:
                waiting.append(_linked(*following, waiting, state, flow, steadiness))
        if not waiting:
            return
        scene = next((place for place, entry in enumerate(waiting) if place and entry.cut), len(waiting))
        whole = ended or scene < len(waiting)
        count = scene if whole else CHUNK
        _ask(waiting[:scene], predict)
        if waiting[0].cut:
            state = None
        for entry, ab, carried in _smoothed(waiting[:scene], count, state, steadiness):
            state = State(carried, entry.L, entry.seen, entry.since, entry.known)
            yield Coloured(entry.frame, ab, entry.cut, state if entry is waiting[count - 1] else None)
        del waiting[:count]


def _linked(
    frame: Payload,
    L: Floats,
    waiting: list[_Entry[Payload]],
    state: State | None,
    flow: Flow,
    steadiness: float,
) -> _Entry[Payload]:
    """Link a new frame with the one before, if any, and decide whether the network sees it."""
    last = waiting[-1] if waiting else state
    if last is None:
        return _Entry(frame, L, L, 0, 1.0, None)
    back, ahead = flow(last.L, L)
    trust = float(back.trust.mean())
    if trust < CUT and float(np.abs(L - last.L).mean()) > STILL:
        return _Entry(frame, L, L, 0, 1.0, None)
    if isinstance(last, _Entry):
        last.ahead = ahead
    since, known = last.since + 1, last.known * trust
    changed = float(np.abs(L - last.seen).mean()) > STILL
    if steadiness == 0 or (changed and (since >= EVERY or known < KNOWN)):
        return _Entry(frame, L, L, 0, 1.0, back)
    return _Entry(frame, L, last.seen, since, known, back)


def _ask(scene: list[_Entry[Payload]], predict: Callable[[Sequence[Floats]], Floats]) -> None:
    """Run the network on the frames that it is to see, in one batch."""
    asked = [entry for entry in scene if entry.since == 0 and entry.said is None]
    if asked:
        for entry, ab in zip(asked, predict([entry.L for entry in asked]), strict=True):
            entry.said = ab


def _smoothed(
    scene: list[_Entry[Payload]], count: int, state: State | None, steadiness: float
) -> Iterator[tuple[_Entry[Payload], Floats, Floats]]:
    """Yield the first `count` frames of a scene's rest, with their ab and what each carries on."""
    later: list[Floats | None] = [None] * len(scene)  # for each frame, what later frames say
    for place in range(len(scene) - 2, -1, -1):
        link, said = scene[place].ahead, _with(later[place + 1], scene[place + 1].said)
        if link is not None and said is not None:
            later[place] = _carry(said, link, steadiness)
    carried = state.carried if state is not None else None
    for entry, after in zip(scene[:count], later, strict=False):
        before = None if carried is None or entry.back is None else _carry(carried, entry.back, steadiness)
        carried = _with(before, entry.said)
        if carried is None:
            raise AssertionError("a scene begins with a frame that the network sees")
        both = carried if after is None else carried + after
        ab = both[..., :2] / both[..., 2:]
        yield entry, np.ascontiguousarray(ab.transpose(2, 0, 1)), carried


def _with(carried: Floats | None, said: Floats | None) -> Floats | None:
    """Add a prediction (2, h, w), whose weight is 1, to carried colours (h, w, 3)."""
    if said is None:
        return carried
    fresh = np.concatenate([said.transpose(1, 2, 0), np.ones((*said.shape[1:], 1), np.float32)], 2)
    return fresh if carried is None else carried + fresh


def _carry(said: Floats, link: Link, steadiness: float) -> Floats:
    """Carry weighted colours (h, w, 3) along a link to the neighbour, where they weigh less."""
    moved: Floats = cv2.remap(said, link.way, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    weight = moved[..., 2]
    kept = np.minimum(weight, np.float32(ENOUGH)) * link.trust * np.float32(steadiness)
    moved *= (np.maximum(kept, np.float32(LEAST)) / weight)[..., None]
    return moved


class Flow:
    """Optical flow between frames, and how far it can be trusted.

    Args:
        preset: OpenCV's preset, of speed against accuracy.
    """

    def __init__(self, preset: int = cv2.DISOPTICAL_FLOW_PRESET_FAST) -> None:
        self.dis = cv2.DISOpticalFlow.create(preset)
        self.grid: Floats = np.zeros((0, 0, 2), np.float32)

    def __call__(self, before: Floats, after: Floats) -> tuple[Link, Link]:
        """Link two frames of L (h, w) each: the later one back, and the earlier one ahead."""
        if self.grid.shape[:2] != before.shape:
            ys, xs = np.mgrid[: before.shape[0], : before.shape[1]]
            self.grid = np.stack([xs, ys], 2).astype(np.float32)
        grey = [cv2.convertScaleAbs(L, alpha=2.55) for L in (before, after)]
        ahead = self.dis.calc(grey[0], grey[1], None)
        back = self.dis.calc(grey[1], grey[0], None)
        return self._link(back, ahead, after, before), self._link(ahead, back, before, after)

    def _link(self, there: Floats, return_: Floats, here: Floats, neighbour: Floats) -> Link:
        way = self.grid + there
        height, width = here.shape
        returned = cv2.remap(return_, way, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        error, length = _squared(there + returned), _squared(there) + _squared(returned)
        unlike = here - cv2.remap(neighbour, way, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        unlike -= np.median(unlike[::4, ::4])  # a flickering lamp changes no colours
        doubt = error / (np.float32(1) + np.float32(0.1) * length)
        doubt += np.square(cv2.blur(unlike, (3, 3)) / np.float32(ALIKE))
        trust = np.exp(-doubt)
        x, y = way[..., 0], way[..., 1]
        trust *= (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
        return Link(way, trust)


def _squared(vectors: Floats) -> Floats:
    """Return the squared lengths of vectors (h, w, 2)."""
    return vectors[..., 0] ** 2 + vectors[..., 1] ** 2
