"""What threads share: memory, and the network."""

import threading
import time

import numpy as np
import pytest

from colourise.archives.pool import AT_ONCE, Budget, SharedBackend


def test_large_photos_wait_for_each_other() -> None:
    budget = Budget(100)
    inside, most, order = [0], [0], []
    lock = threading.Lock()

    def take(number: int, size: int) -> None:
        with budget.taken(size):
            with lock:
                order.append(number)
                inside[0] += min(size, 100)
                most[0] = max(most[0], inside[0])
            time.sleep(0.01)
            with lock:
                inside[0] -= min(size, 100)

    sizes = [60, 500, 60, 30, 30, 30, 100, 10]  # one is larger than all there is
    threads = [threading.Thread(target=take, args=(number, size)) for number, size in enumerate(sizes)]
    for thread in threads:
        thread.start()
        time.sleep(0.002)
    for thread in threads:
        thread.join(10)
    assert most[0] <= 100
    assert order == list(range(8))  # first come, first served: the large one is not overtaken for ever
    assert budget.free == 100


def test_many_threads_share_one_batch() -> None:
    batches = []

    class Backend:
        name, stride = "test", 1

        def predict_ab(self, L: np.ndarray) -> np.ndarray:
            batches.append(len(L))
            time.sleep(0.02)
            if (L < 0).any():
                raise ValueError("no such light")
            return np.repeat(L, 2, 1) + np.array([0, 1000], np.float32)[None, :, None, None]

    answers: dict[int, np.ndarray] = {}
    with SharedBackend(Backend()) as shared:

        def ask(number: int) -> None:
            answers[number] = shared.predict_ab(np.full((1, 1, 2, 2), number, np.float32))

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        with pytest.raises(ValueError, match="no such light"):
            shared.predict_ab(np.full((1, 1, 2, 2), -1, np.float32))
        assert shared.predict_ab(np.zeros((1, 1, 2, 2), np.float32)).shape == (1, 2, 2, 2)
    assert all((answers[n][0, 0] == n).all() and (answers[n][0, 1] == n + 1000).all() for n in range(40))
    assert sum(batches[:-2]) == 40 and 1 < max(batches) <= AT_ONCE
