"""Runs that are stopped: by Ctrl-C, a full disk, or one that may not be written."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.commands import ROOT, start
from helpers.files import files_below
from helpers.photos import black_and_white, pixels
from typer.testing import Result

Colourise = Callable[..., Result]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is another thing there")
def test_ctrl_c_in_a_folder_keeps_what_is_done(tiny_model: Path, tmp_path: Path) -> None:
    (tmp_path / "000.jpg").write_bytes(black_and_white("astronaut.jpg"))
    for number in range(1, 150):
        (tmp_path / f"{number:03d}.jpg").hardlink_to(tmp_path / "000.jpg")
    out = tmp_path / "out"
    with start(tmp_path, "-o", out, "--model", tiny_model) as process:
        while process.poll() is None and not (out / "004.jpg").exists():
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    done = files_below(out)
    assert 5 <= len(done) < 150
    assert all(name.endswith(".jpg") and pixels(out / name).shape == (512, 512, 3) for name in done)
    (line,) = told.decode().splitlines()
    assert "coloured" in line and "not done" in line


def unshared(mount: str, *arguments: str | Path) -> tuple[int, list[str]]:
    """Runs the command where `mount` holds for it alone; skips where that is not allowed."""
    command = [sys.executable, "-m", "colourise", *map(str, arguments)]
    script = f"{mount} || exit 99; exec " + '"$@"'
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare")
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", *command],  # noqa: S607
        capture_output=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    if done.returncode == 99 or b"unshare" in done.stderr:
        pytest.skip("may not mount here")
    return done.returncode, done.stderr.decode().splitlines()


def test_a_full_disk_ends_the_run_with_one_line(tiny_model: Path, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size=200k none '{tmp_path / 'disk'}'"
    code, told = unshared(mount, tree, "-o", tmp_path / "disk" / "out", "--model", tiny_model)
    assert code == 1
    assert len(told) == 2
    assert told[0].startswith("stopped") and "No space left on device" in told[0]
    assert re.search(r"[1-4] photos are left, and need about 0\.000\d+ GB; free some space and run", told[0])
    assert "failed" not in told[1] and "not done" in told[1]


def test_an_output_that_cannot_be_written_is_told_at_once(
    tiny_model: Path, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o ro none '{tmp_path / 'disk'}'"
    code, told = unshared(mount, tree, "-o", tmp_path / "disk" / "out", "--model", tiny_model)
    assert code == 1
    assert told == [f"error {tmp_path / 'disk'}: no permission to write there; choose another output"]
