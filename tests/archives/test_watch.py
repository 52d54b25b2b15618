"""A folder that is watched: what arrives is coloured once it is whole."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

from helpers.archives import made, placed, rows
from helpers.commands import start


def test_what_arrives_in_a_watched_folder_is_coloured(album: Path, out: Path, tiny_model: Path) -> None:
    def eventually(condition: Callable[[], bool]) -> bool:
        end = time.monotonic() + 30
        while not condition() and time.monotonic() < end:
            time.sleep(0.05)
        return condition()

    photo = (album / "a.jpg").read_bytes()
    process = start(album, "-o", out, "--watch", "--model", tiny_model)
    try:
        assert eventually(lambda: len(placed(out)) == 6)
        time.sleep(0.5)  # until it listens
        with (album / "slow.jpg").open("wb") as slow:  # a scanner that takes its time
            for part in (photo[:200], photo[200:]):
                slow.write(part)
                slow.flush()
                (album / "deep" / "quick.jpg").write_bytes(photo)
                time.sleep(1)
                assert "slow.jpg" not in placed(out)
        (album / "notes.txt").write_text("no photo")
        assert eventually(lambda: {"slow.jpg", "deep/quick.jpg"} <= placed(out))
        assert eventually(lambda: rows(out)["slow.jpg"].result == "coloured")  # and written down at once
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0, told.decode()
    assert len(made(out)) == 8
    assert f"watching {album}; Ctrl-C ends it\n" in told.decode()
    assert b"failed" not in told and b"Traceback" not in told
