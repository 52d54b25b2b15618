"""What the threads that colour photos share: memory, and the network.

`Budget` and `SharedBackend` are written by hand. The standard library's semaphore takes units one by one, so
that two large photos could wait for each other for ever; and servers that batch requests for a network are
programs of their own, too heavy for a command that starts in half a second.
"""

from __future__ import annotations

import os
import queue
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
from PIL import Image

from colourise import images
from colourise.colouriser import Colouriser
from colourise.images import pillow
from colourise.lab.pictures import Floats
from colourise.models.backends import Backend, OnnxBackend

AT_ONCE = 16  # photos in one batch of the network, at most
BYTES_A_PIXEL = 10  # that a photo of 8 bits takes at its peak (benchmarks/memory.py); 16 bits take twice that


def default_workers() -> int:
    """Return how many photos are coloured at a time: processors + 1, because one often waits for the disk."""
    return (os.cpu_count() or 1) + 1


def machine_memory() -> int:
    """Return this machine's memory in bytes."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 8 << 30


def footprint(source: Path) -> int:
    """Estimate how many bytes it takes to colour a photo; 0 if it cannot be opened, as reading will tell."""
    if not source.is_file():  # a pipe can be read only once
        return 0
    pillow.prepare(images.MAX_PIXELS)
    try:
        with Image.open(source) as image:
            deep = image.mode.startswith(("I", "F"))
            return image.width * image.height * BYTES_A_PIXEL * (2 if deep else 1)
    except Exception:  # a format that Pillow does not know, or none
        try:
            return source.stat().st_size * 4
        except OSError:
            return 0


class Budget:
    """A budget of bytes for photos in memory: first come, first served; a photo that exceeds it goes alone.

    Args:
        total: the budget in bytes.
    """

    def __init__(self, total: int) -> None:
        self.total = self.free = total
        self.line: deque[object] = deque()
        self.change = threading.Condition()

    @contextmanager
    def taken(self, size: int) -> Iterator[None]:
        """Wait for `size` bytes, and hold them inside the `with`."""
        size, ticket = min(size, self.total), object()
        with self.change:
            self.line.append(ticket)
            self.change.wait_for(lambda: self.line[0] is ticket and self.free >= size)
            self.line.popleft()
            self.free -= size
            self.change.notify_all()
        try:
            yield
        finally:
            with self.change:
                self.free += size
                self.change.notify_all()


@contextmanager
def for_threads(colouriser: Colouriser, *, many: bool = True) -> Iterator[Colouriser]:
    """Make a colouriser for many threads, each of which colours whole pictures.

    Args:
        colouriser: for one thread.
        many: whether there are enough pictures to load what is faster for many.
    """
    backend = colouriser.backend
    if many and isinstance(backend, OnnxBackend) and backend.provider == "CPUExecutionProvider":
        yield colouriser.over(backend.single, compiled=True)
    else:
        with SharedBackend(backend) as shared:
            yield colouriser.over(shared, compiled=many)


class SharedBackend:
    """A backend for many threads: requests of one size that arrive together are one batch.

    Args:
        backend: what predicts.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend, self.name, self.stride = backend, backend.name, backend.stride
        self.asked: queue.SimpleQueue[tuple[Floats, Future[Floats]] | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._serve, name="network", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread that serves requests."""
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Stop once every request is answered."""
        self.asked.put(None)
        self.thread.join()

    def predict_ab(self, L: Floats) -> Floats:
        """Predict ab (N, 2, H, W) float32 from L (N, 1, H, W) float32 0..100."""
        answer: Future[Floats] = Future()
        self.asked.put((L, answer))
        return answer.result()

    def _serve(self) -> None:
        more = True
        while more:
            batch = [self.asked.get()]
            while len(batch) < AT_ONCE and batch[-1] is not None and not self.asked.empty():
                batch.append(self.asked.get())
            asked = [one for one in batch if one is not None]
            more = len(asked) == len(batch)
            if not asked:
                return
            alike: defaultdict[tuple[int, ...], list[tuple[Floats, Future[Floats]]]] = defaultdict(list)
            for one in asked:
                alike[one[0].shape[1:]].append(one)
            for some in alike.values():
                self._answer(some)

    def _answer(self, asked: list[tuple[Floats, Future[Floats]]]) -> None:
        """Answer requests of one height and width."""
        try:
            ab = self.backend.predict_ab(np.concatenate([L for L, _ in asked]))
        except Exception as err:  # goes to those who asked
            for _, answer in asked:
                answer.set_exception(err)
        else:
            ends = np.cumsum([len(L) for L, _ in asked])
            for (_, answer), part in zip(asked, np.split(ab, ends[:-1]), strict=True):
                answer.set_result(part)
