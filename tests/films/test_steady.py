"""Steady colour: what flickers is calmed, what moves takes its colour along, nothing leaks over a cut."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from helpers.clips import Frames, pan

from colourise.errors import FilmError
from colourise.films.steady import AHEAD, CHUNK, EVERY, Coloured, Flow, steady
from colourise.lab.pictures import Floats, rgb_to_L

SIZE = (64, 64)
Predict = Callable[[Sequence[Floats]], Floats]


def lightness(frames: Frames) -> list[Floats]:
    return [rgb_to_L(frame, SIZE) for frame in frames]


def scene(photo: str, count: int = 24, step: float = 1) -> list[Floats]:
    return lightness(pan(photo, count, SIZE, (step, step / 2)))


def flickering(amount: float = 10, seed: int = 0) -> Predict:
    """A network that says 20, -20 everywhere, and something else in every frame."""
    chance = np.random.default_rng(seed)

    def predict(L: Sequence[Floats]) -> Floats:
        noise = chance.normal(0, amount, (len(L), 2, 1, 1))
        ab = np.array([20, -20]).reshape(1, 2, 1, 1) + noise
        return np.broadcast_to(ab, (len(L), 2, *SIZE)).astype(np.float32)

    return predict


def by_lightness(L: Sequence[Floats]) -> Floats:
    """A network that knows: what is light is a = 40, what is dark -40."""
    light = np.where(np.stack(L) > 50, 40, -40)[:, None]
    return np.concatenate([light, -light], 1).astype(np.float32)


def colours(L: Sequence[Floats], predict: Predict, **options: float) -> list[Coloured[int]]:
    return list(steady(enumerate(L), predict, **options))  # type: ignore[arg-type]


def jumps(coloured: list[Coloured[int]]) -> float:
    return float(np.mean([np.abs(b.ab - a.ab).mean() for a, b in itertools.pairwise(coloured)]))


def test_every_frame_comes_out_in_order() -> None:
    for count in (1, 2, CHUNK, CHUNK + AHEAD + 1, 50):
        coloured = colours(scene("coffee.jpg", count), flickering())
        assert [one.frame for one in coloured] == list(range(count))
        assert all(one.ab.shape == (2, *SIZE) and one.ab.dtype == np.float32 for one in coloured)


def test_no_frames() -> None:
    assert colours([], flickering()) == []


def test_steadiness_of_0_takes_every_frame_as_it_is_predicted() -> None:
    L = scene("coffee.jpg")
    predicted = flickering()(L)
    assert (
        np.abs(np.stack([one.ab for one in colours(L, flickering(), steadiness=0)]) - predicted).max() < 1e-4
    )


@pytest.mark.parametrize("step", [0, 1.5])
def test_flicker_is_calmed_where_the_camera_stands_and_where_it_moves(step: float) -> None:
    L = scene("coffee.jpg", 40, step)
    chance = np.random.default_rng(1)
    L = [one + chance.normal(0, 1.5, SIZE).astype(np.float32) for one in L]  # grain: no frame is as the last
    before, after = (colours(L, flickering(), steadiness=amount) for amount in (0, 0.9))
    assert jumps(after) < 0.15 * jumps(before)
    assert np.abs(np.mean([one.ab.mean((1, 2)) for one in after], 0) - (20, -20)).max() < 5  # not drained


def test_more_steadiness_is_steadier() -> None:
    L = [one + np.float32(place % 2) for place, one in enumerate(scene("coffee.jpg", 40))]
    steps = [jumps(colours(L, flickering(), steadiness=amount)) for amount in (0.2, 0.6, 0.95)]
    assert steps == sorted(steps, reverse=True)


def test_what_moves_takes_its_colour_along() -> None:
    """A light square on a dark, textured ground: its colour stays on it, and none stays behind."""
    chance = np.random.default_rng(0)
    ground = 20 + 10 * chance.random(SIZE, np.float32)
    square = 70 + 20 * chance.random((20, 20), np.float32)
    L = []
    for place in range(20):
        frame = ground.copy()
        frame[20:40, 5 + 2 * place // 1 : 25 + 2 * place] = square
        L.append(frame)
    for one, frame in zip(colours(L, by_lightness), L, strict=True):
        truth = by_lightness([frame])[0]
        assert np.abs(one.ab - truth).mean() < 8  # of 80; edges are soft
        assert one.ab[0, 25:35, 12 + 2 * one.frame : 18 + 2 * one.frame].min() > 20
        assert one.ab[0, :15].max() < -20


def test_cuts_are_found_and_nothing_leaks_over_them() -> None:
    photos = ("coffee.jpg", "chelsea.jpg", "astronaut.jpg", "rocket.jpg", "camera.png")
    lengths = (7, 17, 30, 1, 12)
    L = [one for photo, count in zip(photos, lengths, strict=True) for one in scene(photo, count)]
    starts = [0, *np.cumsum(lengths)[:-1]]
    number = {id(one): int(np.searchsorted(starts, place, "right")) for place, one in enumerate(L)}

    def predict(asked: Sequence[Floats]) -> Floats:
        return np.stack([np.full((2, *SIZE), number[id(one)] * 10, np.float32) for one in asked])

    coloured = colours(L, predict, steadiness=1)
    assert [one.frame for one in coloured if one.cut] == starts
    for one in coloured:
        assert np.abs(one.ab - number[id(L[one.frame])] * 10).max() < 0.02  # remap's rounding


def test_a_flash_is_no_cut() -> None:
    L = scene("coffee.jpg", 24)
    L[12] = np.minimum(L[12] + 20, 100)
    assert [one.frame for one in colours(L, flickering()) if one.cut] == [0]


def test_the_network_sees_few_frames_and_none_twice() -> None:
    asked: list[int] = []

    def predict(L: Sequence[Floats]) -> Floats:
        asked.append(len(L))
        return by_lightness(L)

    colours(scene("coffee.jpg", 48), predict)
    assert sum(asked) == 48 // EVERY
    asked.clear()
    colours([scene("coffee.jpg", 1)[0]] * 48, predict)  # nothing changes at all
    assert sum(asked) == 1


def test_a_film_that_is_gone_on_with_has_the_same_colours() -> None:
    L = scene("coffee.jpg", 30) + scene("chelsea.jpg", 30)
    whole = colours(L, by_lightness)
    places = [place for place, one in enumerate(whole) if one.state is not None]
    assert len(places) >= 3
    for place in places[:-1]:
        state = whole[place].state
        assert state is not None
        rest = list(steady(enumerate(L[place + 1 :]), by_lightness, state=type(state).of(state.arrays())))
        for one, other in zip(whole[place + 1 :], rest, strict=True):
            assert np.array_equal(one.ab, other.ab)
            assert one.cut == other.cut


def test_flow_finds_the_way_and_doubts_what_is_hidden() -> None:
    first, second = scene("coffee.jpg", 2, step=3)
    back, ahead = Flow()(first, second)
    ys, xs = np.mgrid[:64, :64]
    inner = (slice(8, 56), slice(8, 56))
    assert np.abs(back.way[inner][..., 0] - xs[inner] - 3).mean() < 0.5
    assert np.abs(ahead.way[inner][..., 1] - ys[inner] + 1.5).mean() < 0.5
    assert back.trust[inner].mean() > 0.8
    assert back.trust[:, -1].max() < 0.01  # that came in from outside
    other = scene("chelsea.jpg", 1)[0]
    assert Flow()(first, other)[0].trust.mean() < 0.2


@pytest.mark.parametrize("amount", [-0.1, 1.1, float("nan")])
def test_what_is_no_steadiness_is_refused(amount: float) -> None:
    with pytest.raises(FilmError, match="--steadiness"):
        colours(scene("coffee.jpg", 2), flickering(), steadiness=amount)
