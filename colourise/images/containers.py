"""Take a file apart into what it holds beside its pixels: segments, chunks, boxes and extensions, by name.

What to notice: every part is listed, even one that nobody here knows, so that nothing gets lost unnoticed.
Pixels are passed over, never read; what is damaged ends the list.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_PIXELS = (b"IDAT", b"fdAT", b"VP8 ", b"VP8L", b"ALPH", b"ANMF", b"mdat", b"jp2c")
_LONGEST = 2**27  # bytes; a longer part is named, and not read
_PARENTS = {b"meta", b"iprp", b"ipco", b"jp2h", b"res "}  # boxes of boxes
_MOST_PARTS = 100_000


@dataclass(frozen=True)
class Part:
    """A part of a file."""

    name: str
    """Such as "APP1", "tEXt", "EXIF" or "uuid"; for an item of HEIF and AVIF its type."""
    data: bytes
    """Its content; empty for pixels."""


def parts(file: BinaryIO, kind: str) -> list[Part]:
    """List the parts of a file.

    Args:
        file: must seek.
        kind: Pillow's name of the format; of TIFF and BMP there are none, as they have tags and a header.
    """
    walk = {
        "JPEG": _jpeg,
        "PNG": _png,
        "WEBP": _riff,
        "GIF": _gif,
        "JPEG2000": _jpeg2000,
        "AVIF": _boxes,
        "HEIF": _boxes,
    }.get(kind)
    found: list[Part] = []
    if walk is not None:
        file.seek(0)
        try:
            for part in walk(file):
                found.append(part)
                if len(found) >= _MOST_PARTS:
                    break
        except (EOFError, struct.error, IndexError, ValueError, OSError, SyntaxError):
            pass  # cut off: the pixels' decoder has its own opinion on that
    return found


def _exactly(file: BinaryIO, length: int) -> bytes:
    data = file.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _content(file: BinaryIO, name: bytes, length: int) -> bytes:
    """Read a part, or step over its pixels."""
    if name in _PIXELS or length > _LONGEST:
        file.seek(length, 1)
        return b""
    return _exactly(file, length)


def _name(raw: bytes) -> str:
    return raw.decode("latin-1")


def _jpeg(file: BinaryIO) -> Iterator[Part]:
    """Yield application segments and comments, up to the pixels.

    Pillow lists them as well, but not those of pictures that it does not read, of 12 bits and others.
    """
    file.seek(2)
    while True:
        while _exactly(file, 1) != b"\xff":  # damaged, or filled up
            pass
        while (marker := _exactly(file, 1)[0]) == 0xFF:
            pass
        if marker in (0xD9, 0xDA):  # the end, and a scan
            return
        if marker in (0, 1) or 0xD0 <= marker <= 0xD8:  # without content
            continue
        data = _exactly(file, max(0, int.from_bytes(_exactly(file, 2)) - 2))
        if marker == 0xFE or 0xE0 <= marker <= 0xEF:
            yield Part("COM" if marker == 0xFE else f"APP{marker & 15}", data)


def _png(file: BinaryIO) -> Iterator[Part]:
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        yield Part(_name(name), _content(file, name, length))
        file.seek(4, 1)  # the checksum
        if name == b"IEND":
            return


def _riff(file: BinaryIO) -> Iterator[Part]:
    file.seek(12)
    while len(head := file.read(8)) == 8:
        name, length = struct.unpack("<4sI", head)
        yield Part(_name(name), _content(file, name, length))
        file.seek(length % 2, 1)


def _gif(file: BinaryIO) -> Iterator[Part]:
    """Yield comments as "comment", text on the picture as "text", and applications' extensions by name."""
    *_, flags = struct.unpack("<6sHHB", _exactly(file, 11))
    file.seek(2 + _table(flags), 1)
    while (block := _exactly(file, 1)) != b";":
        if block == b",":  # a picture
            file.seek(_table(_exactly(file, 9)[8]) + 1, 1)
            for _ in _sub_blocks(file):
                pass
        elif block == b"!":
            label, start = _exactly(file, 1), file.tell()
            blocks = list(_sub_blocks(file))
            if label == b"\xff" and blocks[:1] == [b"XMP DataXMP"]:  # whose bytes are no blocks
                end = file.tell()
                file.seek(start + 12)
                yield Part("XMP DataXMP", _exactly(file, end - start - 12).partition(b"\1\xff\xfe\xfd")[0])
                file.seek(end)
            elif label == b"\xfe":
                yield Part("comment", b"".join(blocks))
            elif label == b"\x01":
                yield Part("text", b"".join(blocks[1:]))
            elif label == b"\xff" and blocks:
                yield Part(_name(blocks[0]), b"".join(blocks[1:]))
        else:
            return


def _table(flags: int) -> int:
    """Return the length of a table of colours."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _sub_blocks(file: BinaryIO) -> Iterator[bytes]:
    while length := _exactly(file, 1)[0]:
        yield _exactly(file, length)


def _jpeg2000(file: BinaryIO) -> Iterator[Part]:
    """Yield the boxes, and the comments of the codestream as "COM"."""
    start = file.tell()
    if _exactly(file, 4) == b"\xff\x4f\xff\x51":
        yield from _codestream(file, start)
        return
    file.seek(start)
    yield from _boxes(file)
    file.seek(start)
    while len(head := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", head)
        if name == b"jp2c":
            yield from _codestream(file, file.tell() + (8 if length == 1 else 0))
            return
        if length < 8:
            return
        file.seek(length - 8, 1)


def _codestream(file: BinaryIO, start: int) -> Iterator[Part]:
    """Yield the comments of a codestream's main header (ISO/IEC 15444-1, A.9.2)."""
    file.seek(start + 2)
    while True:
        marker, length = struct.unpack(">HH", _exactly(file, 4))
        if marker == 0xFF90 or length < 2:  # a tile
            return
        data = _exactly(file, length - 2)
        if marker == 0xFF64 and data[:2] == b"\0\1":  # 1: Latin text
            yield Part("COM", data[2:])


def _boxes(file: BinaryIO, end: int | None = None, depth: int = 0) -> Iterator[Part]:
    """Yield the boxes of ISO/IEC 14496-12, those inside others too, and each item by its type."""
    while end is None or file.tell() + 8 <= end:
        start = file.tell()
        head = file.read(8)
        if len(head) < 8:
            return
        length, name = struct.unpack(">I4s", head)
        if length == 1:
            length = struct.unpack(">Q", _exactly(file, 8))[0]
        inside = file.tell()
        if length == 0:  # to the end
            length = (file.seek(0, 2) if end is None else end) - start
            file.seek(inside)
        stop = start + length
        if stop < inside:
            return
        if name in _PARENTS and depth < 8:
            file.seek(inside + (4 if name == b"meta" else 0))
            yield from _boxes(file, stop, depth + 1)
        elif name == b"iinf":
            yield from _items(_content(file, name, stop - inside))
        else:
            yield Part(_name(name), _content(file, name, stop - inside))
        file.seek(stop)


def _items(data: bytes) -> Iterator[Part]:
    """Yield the items of an `iinf` box: "Exif", "hvc1", "mime" (with its content type as data) ..."""
    at = 6 if data[0] == 0 else 8
    while at + 8 <= len(data):
        length, name, version = struct.unpack(">I4sB", data[at : at + 9])
        if name != b"infe" or length < 12:
            return
        entry = data[at + 12 : at + length]
        if version >= 2:
            wide = 4 if version == 3 else 2
            kind, rest = entry[wide + 2 : wide + 6], entry[wide + 6 :]
            yield Part(_name(kind), rest.split(b"\0")[1] if rest.count(b"\0") > 1 else b"")
        at += length
