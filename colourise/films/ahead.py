"""Generators that run in threads of their own, some items ahead."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")
READY = 8  # frames that a stage is ahead of the next


class Ahead(Generic[T]):
    """Runs a generator in a thread of its own, some items ahead of whoever takes them.

    Args:
        items: what makes them.
        ready: how many may wait.
    """

    def __init__(self, items: Iterable[T], ready: int) -> None:
        self.items = items
        self.queue: queue.Queue[tuple[str, Any]] = queue.Queue(ready)
        self.closing = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Iterator[T]:
        """Begin; gives the items, and raises what making them raised."""
        self.thread.start()
        return self._taken()

    def __exit__(self, *error: object) -> None:
        """Stop, also where nobody has taken all."""
        self.closing = True
        while self.thread.is_alive():
            with suppress(queue.Empty):
                self.queue.get(timeout=0.01)
        self.thread.join()

    def _taken(self) -> Iterator[T]:
        while True:
            kind, what = self.queue.get()
            if kind == "error":
                raise what
            if kind == "end":
                return
            yield what

    def _run(self) -> None:
        try:
            for item in self.items:
                self.queue.put(("item", item))
                if self.closing:
                    return
            self.queue.put(("end", None))
        except BaseException as err:  # goes to whoever takes the items
            self.queue.put(("error", err))
