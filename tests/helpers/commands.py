"""The command line as a process of its own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def start(*arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
    """Starts `python -m colourise ARGUMENTS` as a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "colourise", *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": str(ROOT)}, **(pipes | options))


def shell(*arguments: str | Path, stdin: bytes = b"", **options: Any) -> tuple[int, bytes, str]:
    """Exit code, standard output and standard error of such a process."""
    with start(*arguments, **options) as process:
        out, err = process.communicate(stdin, timeout=60)
    return process.returncode, out, (err or b"").decode()
