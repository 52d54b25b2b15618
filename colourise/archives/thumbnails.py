"""Make the report's thumbnails: for each photo a small JPEG, grey beside coloured.

What to notice:
- The name of a thumbnail depends on the file that it shows, and on that file's time and size, so that a
  second report makes only what is missing or out of date.
- The name ends like those of our before | after pictures, so that no walk through the folder takes a
  thumbnail for a photo.
"""

from __future__ import annotations

import io
import os
import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote_from_bytes

import cv2
import numpy as np
from PIL import Image

from colourise import images
from colourise.errors import PhotoError
from colourise.files.atomic import atomic
from colourise.files.containment import is_link, on_disk
from colourise.files.names import COMPARE
from colourise.images import metadata, pillow
from colourise.lab.pictures import Pixels, encode, luminance

if TYPE_CHECKING:
    from colourise.archives.ledger import LedgerEntry

HALF = (240, 160)  # width and height in pixels that each half of a thumbnail fits into
QUALITY = 60  # of JPEG; about 8 kB each
LARGE = 32_000_000  # bytes; larger files are decoded one at a time
NAME = re.compile(rf"[0-9a-f]{{16}}{re.escape(COMPARE)}\.jpg(\.\d+\.part)?|\.colourise-[0-9a-f-]+\.part")


@dataclass(frozen=True)
class Thumbnail:
    """A thumbnail in the report's folder."""

    name: str
    """File name."""
    width: int
    """Width of both halves together, in pixels."""
    height: int
    """Height in pixels."""


def with_thumbnails(
    coloured: Iterable[LedgerEntry], home: Path, folder: Path
) -> Iterator[tuple[LedgerEntry, Thumbnail | None]]:
    """Yield coloured photos with their thumbnails, in order; threads make them a few photos ahead."""
    workers = os.cpu_count() or 1
    large = Lock()
    ahead: deque[tuple[LedgerEntry, Future[Thumbnail | None]]] = deque()

    def take() -> tuple[LedgerEntry, Thumbnail | None]:
        row, future = ahead.popleft()
        return row, future.result()

    with ThreadPoolExecutor(workers) as pool:
        try:
            for row in coloured:
                ahead.append((row, pool.submit(thumbnail, row, home, folder, large)))
                if len(ahead) > 4 * workers:
                    yield take()
            while ahead:
                yield take()
        finally:
            pool.shutdown(cancel_futures=True)


def thumbnail(row: LedgerEntry, home: Path, folder: Path, large: Lock) -> Thumbnail | None:
    """Return the thumbnail of a coloured photo, made if need be; None if it cannot be made."""
    source, target = on_disk(row.source), on_disk(row.target)
    if source is None or target is None:  # a store has no reports
        return None
    try:
        state = target.stat()
        key = f"{link(target, home)} {state.st_mtime_ns} {state.st_size}"
    except OSError:
        return None
    path = folder / f"{sha256(key.encode()).hexdigest()[:16]}{COMPARE}.jpg"
    if is_link(path):  # nothing of ours is one
        return None
    try:
        with Image.open(path, formats=("JPEG",)) as image:
            return Thumbnail(path.name, *image.size)
    except (OSError, SyntaxError):
        pass
    try:
        with large if max(row.size, state.st_size) > LARGE else nullcontext():
            both = side_by_side(small(source), small(target))
    except (PhotoError, OSError):
        return None
    with atomic(path, sync=False) as file:  # a thumbnail that a power failure damages is made again
        both.save(file, "JPEG", quality=QUALITY, optimize=True)
    return Thumbnail(path.name, *both.size)


def small(file: Path) -> Pixels:
    """Read a photo as (H, W) or (H, W, 3) uint8 that fits into HALF, upright, in sRGB; never enlarged.

    Raises:
        PhotoError: the photo cannot be read.
    """
    photo = images.read(reduced(file) or file)
    height, width = photo.pixels.shape[:2]
    scale = min(1, HALF[0] / width, HALF[1] / height)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    pixels = pillow.to_8_bits(cv2.resize(photo.pixels, size, interpolation=cv2.INTER_AREA))
    if photo.alpha is not None:
        alpha = pillow.to_8_bits(cv2.resize(photo.alpha, size, interpolation=cv2.INTER_AREA))
        on_white = Image.new("L" if pixels.ndim == 2 else "RGB", size, "white")
        on_white.paste(Image.fromarray(pixels), mask=Image.fromarray(alpha))
        pixels = np.asarray(on_white)
    return pixels


def reduced(file: Path) -> bytes | None:
    """Decode a JPEG at 1/2, 1/4 or 1/8, which is much faster, into a PNG; None if that is impossible."""
    pillow.prepare(images.MAX_PIXELS)
    buffer = io.BytesIO()
    try:
        with Image.open(file, formats=("JPEG",)) as image:
            side = max(HALF)
            size = image.size
            image.draft(None, (side, side))
            if image.mode not in ("L", "RGB") or image.size == size:
                return None
            tags = Image.Exif()
            tags[metadata.ORIENTATION] = metadata.orientation(image.getexif())
            icc = image.info.get("icc_profile")
            image.save(buffer, "PNG", compress_level=0, exif=tags, icc_profile=icc)
    except Exception:  # a damaged file can make a decoder raise anything; `images.read` reports it
        return None
    return buffer.getvalue()


def side_by_side(before: Pixels, after: Pixels) -> Image.Image:
    """Return one picture with the photo before, as the grey of its L, beside the photo after."""
    grey = encode([luminance(before)] * 3, np.uint8)
    size = grey.shape[1] + after.shape[1], max(len(grey), len(after))
    both = Image.new("RGB", size, (128, 128, 128))
    both.paste(Image.fromarray(grey), (0, (size[1] - len(grey)) // 2))
    both.paste(Image.fromarray(after), (grey.shape[1], (size[1] - len(after)) // 2))
    return both


def remove_others(folder: Path, used: Collection[str]) -> None:
    """Remove thumbnails that are no longer used, and unfinished ones, from a folder."""
    for path in folder.iterdir():
        if path.name not in used and NAME.fullmatch(path.name) and (path.is_file() or is_link(path)):
            path.unlink(missing_ok=True)


def link(path: Path, home: Path) -> str:
    """Return a URL for a file, relative to the report's folder if possible."""
    path = Path(os.path.abspath(path))
    try:
        relative = Path(os.path.relpath(path, home)).as_posix()
    except ValueError:  # another drive of Windows
        return path.as_uri()
    return quote_from_bytes(os.fsencode(relative))
