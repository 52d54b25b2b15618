"""Read JPEG 2000 of any depth: the boxes around the picture, and proof that all its tiles are there.

Pillow decodes 8 bits a channel, and would reduce colours of more bits to 8; those go to imagecodecs. Both use
OpenJPEG. Pillow ignores an ICC profile; imagecodecs makes half a picture of a grey one that has it. So the
profile is hidden from imagecodecs, and applied later, as everywhere. XMP, EXIF and IPTC: see contents.py.
"""

import contextlib
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from colourise.errors import PhotoError
from colourise.images import limits, pillow
from colourise.images.channels import full_range, split
from colourise.images.stored import Stored

START = b"\xff\x4f"
"""How a codestream begins."""
_SOT, _END = b"\xff\x90", b"\xff\xd9"
_TAIL = 64  # bytes in which the end marker is; other boxes may follow it
_SIZ, _LEAST_PART = 43, 14  # bytes: up to the depth in SIZ; of a part of a tile
_PROFILE_HEADER = 128  # bytes
_CMYK, _LAB = 12, 14  # enumerated colour spaces, ISO/IEC 15444-1 and -2


@dataclass
class _Boxes:
    """What is told of a picture outside its codestream."""

    codestream: int | None = None
    """Where the codestream begins."""
    end: int | None = None
    """Where it ends; None: with the file."""
    space: int | None = None
    """Enumerated colour space."""
    profiles: list[int] = field(default_factory=list)
    """Where the names of the boxes with ICC profiles are."""
    columns: int | None = None
    """Channels of the palette."""
    info: dict[Any, Any] = field(default_factory=dict)
    """The first profile, by Pillow's key."""


def decode(file: BinaryIO) -> Stored:
    """Decode a picture, grey, RGB or CMYK, with or without alpha.

    Raises:
        EOFError: a tile is missing, or incomplete.
        PhotoError: it has too many pixels, or is neither grey nor RGB nor CMYK.
        Exception: whatever else a damaged file makes OpenJPEG raise.
    """
    data = file.read()
    boxes = _read_boxes(data)
    if boxes.codestream is None:
        raise EOFError
    size = check_tiles(data, boxes.codestream, boxes.end)
    channels, bits = boxes.columns or size.channels, size.bits
    notes = []
    if not size.ended and boxes.end in (None, len(data)):  # OpenJPEG insists on it
        data += _END
        file = io.BytesIO(data)
        notes.append("its end marker is missing, but all of the picture is there")
    if boxes.space == _LAB:
        raise PhotoError("its pixels are of kind Lab", advice="convert it to RGB or grey first")
    if bits <= 8:
        file.seek(0)
        try:
            stored = pillow.decode(file, "JPEG2000")
        except (OSError, SyntaxError):  # imagecodecs knows some more kinds, such as other orders of channels
            file.seek(0)
        else:
            stored.info |= boxes.info
            stored.notes += notes
            return stored
    import imagecodecs

    hidden = bytearray(data)
    for name in boxes.profiles:
        hidden[name : name + 4] = b"free"
    pixels = imagecodecs.jpeg2k_decode(bytes(hidden))
    if size.signed:
        pixels = pixels.astype(np.int32) + 2 ** (bits - 1)
    cmyk = boxes.space == _CMYK
    colours, alpha = split(full_range(pixels, bits), alpha=not cmyk or channels == 5)
    count = 4 if cmyk else channels - (channels in (2, 4))
    if count not in (1, 3, 4):
        raise PhotoError(f"it has {channels} channels", advice="convert it to RGB or grey first")
    announced = (size.height, size.width) if count == 1 else (size.height, size.width, count)
    info = boxes.info
    with contextlib.suppress(OSError), pillow.open_image(file, "JPEG2000") as image:
        info = dict(image.info) | info  # its resolution
    return Stored(announced, colours, alpha, info, Image.Exif(), notes)


def _read_boxes(data: bytes) -> _Boxes:
    """Read the boxes of a JP2 file; a codestream alone has none."""
    found = _Boxes()
    if data.startswith(START):
        found.codestream = 0
        return found
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind == b"jp2c" and found.codestream is None:
            found.codestream, found.end = start, end
        elif kind == b"jp2h":
            for inner, at, stop in _boxes(data, start, end):
                _read_header_box(found, inner, data[at:stop], at)
    return found


def _read_header_box(found: _Boxes, kind: bytes, content: bytes, at: int) -> None:
    if kind == b"pclr":
        found.columns = content[2]
    elif kind == b"colr":
        method = content[0]
        if method == 1 and found.space is None:
            found.space = int.from_bytes(content[3:7])
        elif method in (2, 3):  # a restricted profile, or any
            found.profiles.append(at - 4)
            if len(content) > _PROFILE_HEADER:
                found.info.setdefault("icc_profile", content[3:])


def _boxes(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, start and end of the content of each box between two places."""
    while at + 8 <= end:
        length, kind = struct.unpack(">I4s", data[at : at + 8])
        start = at + 8
        if length == 1:  # it has a long length
            length, start = int.from_bytes(data[start : start + 8]), start + 8
        stop = end if length == 0 else at + length
        if stop < start:
            raise ValueError("a box without length")
        yield kind, start, min(stop, end)
        at = stop


@dataclass(frozen=True)
class Size:
    """What SIZ says (ISO/IEC 15444-1, A.5.1)."""

    width: int
    """In pixels."""
    height: int
    """In pixels."""
    channels: int
    """How many there are."""
    bits: int
    """A channel."""
    signed: bool
    """Whether its numbers have a sign."""
    ended: bool
    """Whether the end marker follows the last tile."""


def check_tiles(data: bytes, start: int, end: int | None = None) -> Size:
    """Prove that a codestream has every part of every tile, for OpenJPEG makes missing ones black.

    Args:
        data: a file.
        start: where the codestream begins.
        end: where it ends; None: with the file.
    Raises:
        EOFError: a part breaks off.
        PhotoError: a tile is missing, or there are too many pixels.
    """
    end = len(data) if end is None else end
    if len(data) < start + _SIZ:
        raise EOFError
    siz = struct.unpack(">8IHB", data[start + 8 : start + _SIZ])
    right, bottom, left, top, across, down, tiles_left, tiles_top, channels, depth = siz
    if not across or not down or tiles_left > left or tiles_top > top:
        raise ValueError("tiles without size")
    limits.check_size(right - left, bottom - top, length=len(data))
    columns, rows = -((tiles_left - right) // across), -((tiles_top - bottom) // down)
    at = _skip_header(data, start + 2)
    there: dict[int, set[int]] = {}
    parts: dict[int, int] = {}
    while data[at : at + 2] == _SOT and at + 12 <= end:
        tile, length, part, count = struct.unpack(">HIBB", data[at + 4 : at + 12])
        there.setdefault(tile, set()).add(part)
        parts[tile] = max(parts.get(tile, 1), count)  # 0: not said
        if length < _LEAST_PART:  # it goes on to the end
            at = data.rfind(_END, max(at, end - _TAIL), end)
            if at < 0:
                raise EOFError
            break
        at += length
        if at > len(data):
            raise EOFError
    if missing := columns * rows - sum(len(there[tile]) >= parts[tile] for tile in there):
        raise PhotoError(
            f"{missing} of its {columns * rows} tiles are missing", advice="copy it again from its source"
        )
    ended = data[at : at + 2] == _END
    return Size(right - left, bottom - top, channels, (depth & 0x7F) + 1, depth > 0x7F, ended)


def _skip_header(data: bytes, at: int) -> int:
    """Return where the markers of the main header end, and the first tile begins."""
    while data[at : at + 2] != _SOT:
        if at + 4 > len(data) or data[at] != 0xFF:
            raise EOFError
        bare = 0x30 <= data[at + 1] <= 0x3F  # markers without length or content
        at += 2 if bare else 2 + int.from_bytes(data[at + 2 : at + 4])
    return at
