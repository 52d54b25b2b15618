"""Generators in threads: in order, with their errors, and over when nobody takes any more."""

import threading
from collections.abc import Iterator

import pytest

from colourise.films.ahead import Ahead


def test_items_come_in_order_from_another_thread() -> None:
    def items() -> Iterator[tuple[int, int]]:
        for number in range(20):
            yield number, threading.get_ident()

    with Ahead(items(), 3) as taken:
        got = list(taken)
    assert [number for number, _ in got] == list(range(20))
    assert {thread for _, thread in got} != {threading.get_ident()}


def test_what_making_an_item_raises_is_raised_where_it_is_taken() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("two")

    with Ahead(items(), 3) as taken:
        assert next(taken) == 1
        with pytest.raises(KeyError, match="two"):
            next(taken)


def test_the_thread_ends_although_items_are_left() -> None:
    made = []

    def items() -> Iterator[int]:
        for number in range(1000):
            made.append(number)
            yield number

    ahead = Ahead(items(), 3)
    with ahead as taken:
        assert next(taken) == 0
    assert not ahead.thread.is_alive()
    assert len(made) < 100
