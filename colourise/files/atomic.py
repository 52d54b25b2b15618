"""Write files atomically: under another name, then moved into place once they are complete."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def part_prefix(name: str) -> str:
    """Return the beginning of the names of a file's unfinished versions, short however long its own is."""
    return f".colourise-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}-"


def mode_of(source: Path) -> int | None:
    """Return the permissions that a file made of `source` is to have; None: those of any new file.

    Who may read and write a photo may read and write its coloured version. It is never made executable,
    and its owner may always write it.
    """
    try:
        found = source.stat()
    except OSError:
        return None
    return found.st_mode & 0o666 | 0o200 if stat.S_ISREG(found.st_mode) else None


@contextmanager
def atomic(
    target: Path, overwrite: bool = True, *, sync: bool = True, mode: int | None = None
) -> Iterator[BinaryIO]:
    """Open a file that replaces the target when it is complete, and is removed when an error ends it.

    After a kill a hidden ".colourise-*.part" stays behind; the target itself is never half a file.

    Args:
        target: the file to write; a symbolic link stays one, and an existing file's permissions stay.
        overwrite: whether the target may exist already.
        sync: whether to wait until the bytes are on the disk, so that a power failure leaves no empty file.
        mode: permissions of a new file, from its first byte on; None: as the umask says.
    Raises:
        FileExistsError: the target exists and may not be overwritten, or is not a regular file.
        OSError: it cannot be written.
    """
    bits = 0o666 if mode is None else mode
    with (
        atomic_path(target, overwrite, sync=sync, mode=mode) as part,
        open(part, "x+b", opener=lambda name, flags: os.open(name, flags, bits)) as file,
    ):
        yield file


@contextmanager
def atomic_path(
    target: Path, overwrite: bool = True, *, sync: bool = True, mode: int | None = None
) -> Iterator[Path]:
    """Return the path of an unfinished file, as `atomic` does, for what opens its file by name."""
    target = target.resolve()
    if target.exists():
        if not target.is_file():
            reason = "is not a regular file; choose another name"
            raise FileExistsError(errno.EEXIST, reason, str(target))
        if not overwrite:
            reason = "exists already; choose another name, or allow overwriting"
            raise FileExistsError(errno.EEXIST, reason, str(target))
    part = target.with_name(f"{part_prefix(target.name)}{secrets.token_hex(4)}.part")
    try:
        yield part
        if sync:
            with part.open(
                "r+b"
            ) as file:  # a file that is open for reading alone cannot be synced everywhere
                os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, part)
        elif mode is not None:
            part.chmod(mode)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
