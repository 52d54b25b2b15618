"""Look at all packet times of a film before work starts, and find its `Clock`.

The streams of a film share one clock. Where it starts anew, as in joined recordings, one offset carries all
of them over the jump, so that sound and pictures stay together. If one stream alone jumps forwards, it has
lost packets, and the gap stays. A lone damaged time is mended alone.

No packet is decoded: the scan takes below 1 % of the time that colouring takes.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import av
from av.format import Flags

from colourise.films.clock import Clock, StreamClock
from colourise.films.film import Film
from colourise.films.opening import demux, open_film
from colourise.films.timeline import FEW, NEAR, Timeline, Track

AFTER = 20  # seconds of the film that are looked at beyond the end of what is coloured


def with_clock(film: Film, until: Fraction | None = None) -> Film:
    """Return a film with its `Clock`, if the times in its file are not in order, else as it is.

    Args:
        film: the film, as `decode.probe` returned it.
        until: seconds from the film's beginning from which on its times do not matter.
    Raises:
        FilmError: the file cannot be opened.
    """
    with open_film(film.path) as container:
        loose = Flags.ts_discont in Flags(container.format.flags)
        tracks = read_tracks(container, film.stream, until)
    clock = find_clock(tracks, film.stream, loose=loose)
    if clock is None:
        return film
    begins = film.start if abs(film.start - clock.start) < Fraction(1, 1000) else clock.start
    notes = (*film.notes, *clock.notes())
    return replace(film, clock=clock, start=begins, duration=clock.duration, notes=notes)


def read_tracks(container: Any, pictures: int, until: Fraction | None) -> list[Track]:
    """Read the times of all packets, as far as the file can be read.

    Args:
        container: the film.
        pictures: index of its video stream.
        until: seconds from the film's beginning; packets that are well beyond are not read.
    """
    tracks = [
        Track(s.index, s.time_base or Fraction(1), s.type == "audio" or s.index == pictures)
        for s in container.streams
    ]
    orders = [array("q") for _ in tracks]
    where, seconds, last = [-1] * len(tracks), 0.0, None
    try:
        for order, packet in enumerate(demux(container)):
            if not packet.size:
                continue
            index, pts, dts = packet.stream_index, packet.pts, packet.dts
            if packet.pos is not None:  # a packet without one begins in the same block as the one before
                where[index] = packet.pos
            tracks[index].add(pts, dts, packet.duration, where[index])
            orders[index].append(order)
            if index == pictures:
                if packet.is_keyframe:
                    tracks[index].keys.append(len(tracks[index].pts) - 1)
                if until is not None and dts is not None:
                    step = 0 if last is None else float((dts - last) * tracks[index].time_base)
                    seconds, last = seconds + (step if 0 < step < 10 else 0), dts
                    if seconds > until + AFTER:
                        break
    except av.FFmpegError:  # the file breaks off
        pass
    unclear = any(
        min(track.place, default=0) < 0 or sorted(track.place) != track.place.tolist()
        for track in tracks
        if track.timed
    )
    if unclear:
        for track, places in zip(tracks, orders, strict=True):
            track.place = places
    return tracks


def find_clock(tracks: Sequence[Track], pictures: int, *, loose: bool) -> Clock | None:
    """Find out what to do with the times of a film's packets; None: they are in order.

    Args:
        tracks: all its streams.
        pictures: index of its video stream.
        loose: whether its format allows a clock that starts anew.
    """
    lines = {
        track.index: Timeline(track, loose=loose, pictures=track.index == pictures)
        for track in tracks
        if track.timed
    }
    lines = {index: line for index, line in lines.items() if len(line.times)}
    for index, line in lines.items():
        line.compare(next((lines[other] for other in beside(lines, index, pictures)), None))
    for line in lines.values():
        line.mend()
    if all(line.whole for line in lines.values()):
        return None
    joints, restarts, moved = find_joints(tracks, lines, pictures)
    streams = {
        track.index: stream_clock(track, lines.get(track.index), joints[track.index]) for track in tracks
    }
    if all(stream == StreamClock() for stream in streams.values()):
        return None
    track = tracks[pictures]
    shown = [streams[pictures].times(number, *times)[0] for number, times in enumerate(track.stamps())]
    keys = sorted((pts, number) for number in track.keys if (pts := shown[number]) is not None)
    known = [pts for pts in shown if pts is not None] or [0]
    last = lines[pictures].spacing if pictures in lines else 0.0
    begins = min(
        line.begins(0) + sum(offset for first, offset in joints[index] if first == line.numbers[0])
        for index, line in lines.items()
    )
    return Clock(
        streams={index: stream for index, stream in streams.items() if stream != StreamClock()},
        start=Fraction(round(begins * av.time_base), av.time_base),
        duration=float((max(known) - min(known)) * track.time_base) + last,
        key_frames=tuple(keys),
        restarts=restarts,
        moved=moved,
    )


def beside(lines: dict[int, Timeline], index: int, pictures: int) -> list[int]:
    """Return the indices of the streams that one is compared with, the best first."""
    return sorted(lines.keys() - {index}, key=lambda other: (other != pictures, other))


def find_joints(
    tracks: Sequence[Track], lines: dict[int, Timeline], pictures: int
) -> tuple[dict[int, list[tuple[int, float]]], int, int]:
    """Find the offsets that undo all jumps, in the order of the file.

    Returns:
        for each stream, the numbers of packets from which on another offset holds, and that in seconds; how
        often the clock starts anew; and how many parts of a stream are moved alone.
    """
    joints: dict[int, list[tuple[int, float]]] = {track.index: [] for track in tracks}
    waiting = {index: list(line.jumps) for index, line in lines.items()}
    shared = {0.0}
    restarts = 0
    while any(waiting.values()):
        index = min((i for i in waiting if waiting[i]), key=lambda i: lines[i].where(waiting[i][0]))
        at = waiting[index][0]
        places, alone = places_of_jump(lines, waiting, index, at)
        for other, place in places.items():
            if place in waiting[other]:
                waiting[other].remove(place)
        if alone:
            joints[index] = joints_of_one(lines, joints, index, at, pictures)
            continue
        restarts += 1
        offset = offset_after(lines, joints, places, pictures)
        shared.add(offset)
        for track in tracks:
            if track.index in places:
                number = int(lines[track.index].numbers[places[track.index]])
                joints[track.index].append((number, offset))
            elif not track.timed:
                joints[track.index].append((bisect_left(track.place, lines[index].where(at)), offset))
    moved = sum(offset not in shared for places in joints.values() for _, offset in places)
    return joints, restarts, moved


def places_of_jump(
    lines: dict[int, Timeline], waiting: dict[int, list[int]], index: int, at: int
) -> tuple[dict[int, int], bool]:
    """Find the place in each stream at which the clock jumps.

    Args:
        lines: the streams.
        waiting: their jumps that are not explained yet.
        index: the stream that jumps first in the file.
        at: where it jumps.
    Returns:
        the places; and whether this stream jumps alone, while another one goes on evenly.
    """
    places, even, jump = {index: at}, False, lines[index].gap(at)
    for other, line in lines.items():
        if other == index:
            continue
        after = line.place_after(lines[index].where(at))
        partner = min(waiting[other], key=lambda place: abs(place - after), default=None)
        if partner is not None and abs(partner - after) <= NEAR:
            places[other] = partner
        elif after < len(line.times):
            places[other] = after
            gap = line.gap(after) if after else jump
            even |= abs(gap) <= max(0.1, 2 * line.spacing) or 10 * abs(gap) < abs(gap - jump)
    together = any(place in waiting[other] for other, place in places.items() if other != index)
    return ({index: at}, True) if even and not together else (places, False)


def joints_of_one(
    lines: dict[int, Timeline],
    joints: dict[int, list[tuple[int, float]]],
    index: int,
    at: int,
    pictures: int,
) -> list[tuple[int, float]]:
    """Return the offsets of a stream after it has jumped alone.

    Another stream tells whether packets are missing or times are wrong, before the jump or after it: what is
    side by side in the file is for about the same time.
    """
    line = lines[index]
    other = beside(lines, index, pictures)[0]
    right, was_right = (line.in_line(at, lines[other], before=before) for before in (False, True))
    common = joints[other][-1][1] if joints[other] else 0.0
    present = joints[index][-1][1] if joints[index] else 0.0
    began = max([0, *(jump for jump in line.jumps if jump < at)])
    number, first = int(line.numbers[at]), int(line.numbers[began])
    later = line.begins(at) + common >= line.ends(at) + present - line.back
    if right and (was_right or present != common) and later:  # packets are missing
        return [*joints[index], *([(number, common)] if common != present else [])]
    if right and (not was_right or at - began <= min(FEW, len(line.times) - at)):
        before = line.begins(at) + common - line.ends(at)
        return [*(joint for joint in joints[index] if joint[0] < first), (first, before), (number, common)]
    return [*joints[index], (number, line.ends(at) + present - line.begins(at))]


def offset_after(
    lines: dict[int, Timeline],
    joints: dict[int, list[tuple[int, float]]],
    places: dict[int, int],
    pictures: int,
) -> float:
    """Return the offset in seconds with which the clock is carried on after a jump.

    The pictures follow each other evenly, unless sound would be lost by that: then everything waits for the
    stream that ends last.
    """
    present = {index: joints[index][-1][1] if joints[index] else 0.0 for index in places}
    ends = {index: lines[index].ends(at) + present[index] for index, at in places.items() if at}
    needed = {index: end - lines[index].begins(places[index]) for index, end in ends.items()}
    lead = pictures if pictures in needed else min(needed)
    tick = float(lines[lead].track.time_base)
    offset = round(needed[lead] / tick) * tick
    for index in needed:
        line, at = lines[index], places[index]
        if line.begins(at) + offset <= line.times[at - 1] + present[index] and index != lead:
            return max(needed.values())
    return offset


def stream_clock(track: Track, line: Timeline | None, joints: Sequence[tuple[int, float]]) -> StreamClock:
    """Return what to do with the times of a stream's packets, in its own time base."""
    unit = float(track.time_base)
    moved = StreamClock(
        tuple(first for first, _ in joints), tuple(round(offset / unit) for _, offset in joints)
    )
    if line is None:
        return moved
    mended: dict[int, tuple[int | None, int | None]] = {}
    for at in sorted(line.odd | line.odd_shown):
        number = int(line.numbers[at])
        pts, dts = track.stamp(number)
        if at in line.odd and dts is not None:
            dts = round(line.times[at] / unit)
        if at in line.odd_shown and pts is not None:
            pts = round(line.shown[at] / unit)
        mended[number] = moved.times(number, pts, dts)
    return replace(moved, mended=mended)
