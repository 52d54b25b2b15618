"""Files that are whole or not there: written under another name, then moved into place."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from colourise.errors import PhotoError


def part_prefix(target: Path) -> str:
    """Give the beginning of the names of a target's unfinished files, short however long its own is."""
    return f".colourise-{hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]}-"


@contextmanager
def atomic(target: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a file that takes the target's place when it is complete, and vanishes when it is not.

    After a kill a ".colourise-*.part" stays behind; the target itself is never half a file.
    """
    target = target.resolve()  # a symbolic link stays one
    if target.exists():
        if not target.is_file():
            raise PhotoError("is not a regular file; choose another name")
        if not overwrite:
            raise PhotoError("exists already; choose another name, or allow overwriting")
    part = target.with_name(f"{part_prefix(target)}{secrets.token_hex(4)}.part")
    try:
        with part.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
