"""Ctrl-C, as a question that long work asks: am I to stop?"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def interruptions(
    signals: Sequence[signal.Signals] = (signal.SIGINT,), *, asked: threading.Event | None = None
) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event that is set; the second raises KeyboardInterrupt.

    Only the main thread hears signals; in another one the event is never set.

    Args:
        signals: which are heard; by default Ctrl-C alone.
        asked: the event; by default a new one.
    """
    asked = asked or threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def hear(number: int, frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, hear) for number in signals}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
