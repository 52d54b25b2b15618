"""Run generators in threads of their own, a bounded number of items ahead of their consumer.

Written by hand because no executor of the standard library runs an endless iterator with a bounded queue,
hands its errors to the consumer, and ends when the consumer stops early.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Generic, TypeVar

T = TypeVar("T")
READY = 8  # frames that each stage may be ahead of the next


class Ahead(Generic[T]):
    """Runs a generator in a thread of its own, ahead of its consumer.

    Args:
        items: the generator.
        ready: number of items that may wait for the consumer.
    """

    def __init__(self, items: Iterable[T], ready: int) -> None:
        self.items = items
        self.queue: queue.Queue[tuple[str, Any]] = queue.Queue(ready)
        self.closing = False
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Iterator[T]:
        """Start the thread; return an iterator over the items, which raises what the generator raises."""
        self.thread.start()
        return self._taken()

    def __exit__(self, *error: object) -> None:
        """End the thread, even if items are left."""
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
        except BaseException as err:  # raised in the consumer's thread
            self.queue.put(("error", err))
