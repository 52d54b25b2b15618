"""Frames whose times are out of order are put between those around them."""

from types import SimpleNamespace

import pytest

from colourise.films.film import Damage
from colourise.films.order import in_order


@pytest.mark.parametrize(
    ("given", "right", "mended", "times"),
    [
        ([0, 10, 20, 30], [0, 10, 20, 30], 0, 0),
        ([5, 6, 90, 91], [5, 6, 90, 91], 0, 0),  # a variable rate
        ([0, 10, 99, 30, 40], [0, 10, 20, 30, 40], 1, 0),
        ([0, 10, -7, 30, 40], [0, 10, 20, 30, 40], 1, 0),
        ([0, 10, 13, 30, 40], [0, 10, 13, 30, 40], 0, 0),  # which may be so
        ([0, 10, 35, 30, 40], [0, 10, 20, 30, 40], 1, 0),
        ([0, 10, 20, 15, 40], [0, 10, 20, 30, 40], 1, 0),
        ([99, 10, 20, 30], [0, 10, 20, 30], 1, 0),
        ([0, 10, 3, 4, 40, 50], [0, 10, 20, 30, 40, 50], 2, 0),
        ([0, 10, 20, 5], [0, 10, 20, 21], 0, 1),
        ([None, None, None], [0, 10, 20], 0, 3),
        ([3, 4, 6, 5, 7, 9, 8], [3, 4, 6, 7, 8, 9, 10], 0, 3),  # AVI: there is no room between 6 and 7
    ],
)
def test_times_that_are_out_of_order(given: list[int], right: list[int], mended: int, times: int) -> None:
    damage = Damage()
    pictures = [SimpleNamespace(pts=pts) for pts in given]
    found = list(in_order(pictures, 10, damage))
    assert [picture for picture, _ in found] == pictures
    assert [pts for _, pts in found] == right
    assert (damage.mended, damage.times) == (mended, times)


def test_a_clock_that_goes_back_for_good_keeps_the_order() -> None:
    damage = Damage()
    pictures = [SimpleNamespace(pts=pts) for pts in [*range(0, 400, 10), *range(0, 400, 10)]]
    found = [pts for _, pts in in_order(pictures, 10, damage)]
    assert found == sorted(set(found))
    assert len(found) == 80
