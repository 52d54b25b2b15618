"""Prove that a HEIF or AVIF has all data of its main picture, down to the tiles of a grid.

libheif leaves out what it cannot decode of a grid, or makes something of zeros, and says nothing: of a photo
that was cut off in a download, half would be garbage. So the items that make up the main picture are found
(ISO/IEC 14496-12, 8.11, and 23008-12), and their bytes looked at. A thumbnail or a depth map may be missing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

_LONGEST = 2**24  # bytes of a `meta` box
_HEVC = (b"hvc1", b"hev1")
_ZEROS = 64  # bytes; more in a row were never written to the disk: no coder of pixels makes them


@dataclass
class _Items:
    """What the `meta` box says of a file's items."""

    main: int = 0
    """Id of the main picture."""
    kinds: dict[int, bytes] = field(default_factory=dict)
    """The type of each."""
    extents: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Where in the file the data of each are: offsets and lengths; a length of 0: to the end."""
    tiles: dict[int, list[int]] = field(default_factory=dict)
    """The items that each is made of."""
    length_size: int = 4
    """Bytes of the length before each NAL unit of HEVC."""


class _Cursor:
    """Reads numbers; behind the end there are zeros."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def number(self, size: int) -> int:
        self.at += size
        return int.from_bytes(self.data[self.at - size : self.at])

    @property
    def ended(self) -> bool:
        return self.at >= len(self.data)


def check_items(file: BinaryIO) -> None:
    """Look at the data of the main picture and of its tiles.

    Args:
        file: a HEIF or AVIF; must seek, and is left anywhere.
    Raises:
        EOFError: some lie behind the end of the file, or were never written.
    """
    end = file.seek(0, 2)
    items = _read_items(file, end)
    seen: set[tuple[int, int]] = set()
    left = 2 * end  # a file whose items overlap is not read over and over
    for item in _made_of(items, items.main):
        parts = items.extents.get(item, [])
        if any(start + length > end for start, length in parts):
            raise EOFError
        new = [part for part in parts if part not in seen]
        left -= sum(length or end - start for start, length in new)
        if left < 0:
            return
        seen.update(new)
        data = b"".join(_read(file, start, length or end - start) for start, length in new)
        if items.kinds.get(item) in _HEVC:
            _check_units(data, items.length_size)
        elif items.kinds.get(item) == b"av01" and bytes(_ZEROS) in data:
            raise EOFError


def _made_of(items: _Items, item: int) -> list[int]:
    """Return an item, and all items that it is made of."""
    found = [item]
    for one in found:
        found += [tile for tile in dict.fromkeys(items.tiles.get(one, [])) if tile not in found]
    return found


def _check_units(data: bytes, length_size: int) -> None:
    """Refuse data that are no sequence of NAL units: none is empty, and none has three zeros in a row.

    Source: ITU-T H.265, 7.4.2.1.
    """
    cursor = _Cursor(data)
    while not cursor.ended:
        length = cursor.number(length_size)
        unit = data[cursor.at : cursor.at + length]
        if not length or len(unit) < length or b"\0\0\0" in unit:
            raise EOFError
        cursor.at += length


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    return file.read(length)


def _read_items(file: BinaryIO, end: int) -> _Items:
    """Read the `meta` box of a file; what is damaged there is left to the decoder."""
    items, start = _Items(), 0
    while start + 8 <= end:
        head = _Cursor(_read(file, start, 16))
        length, name = head.number(4), head.number(4).to_bytes(4)
        inside = 8
        if length == 1:
            length, inside = head.number(8), 16
        if name == b"meta" and inside < length <= _LONGEST:
            _fill(items, _read(file, start + inside + 4, length - inside - 4))
            break
        if length < 8:
            break
        start += length
    return items


def _boxes(data: bytes, at: int = 0) -> Iterator[tuple[bytes, bytes]]:
    """Yield the boxes within a box: their names and contents."""
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4]) or len(data) - at
        if length < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + length]
        at += length


def _fill(items: _Items, meta: bytes) -> None:
    for name, box in _boxes(meta):
        version = box[0] if box else 0
        if name == b"pitm":
            items.main = _Cursor(box, 4).number(4 if version else 2)
        elif name == b"iinf":
            for _, entry in _boxes(box, 8 if version else 6):
                cursor = _Cursor(entry, 4)
                item = cursor.number(4 if entry[:1] == b"\3" else 2)
                items.kinds[item] = entry[cursor.at + 2 : cursor.at + 6]
        elif name == b"iloc":
            items.extents = _locations(box)
        elif name == b"iref":
            for kind, reference in _boxes(box, 4):
                if kind == b"dimg":
                    cursor, size = _Cursor(reference), 4 if version else 2
                    item, count = cursor.number(size), cursor.number(2)
                    items.tiles[item] = [cursor.number(size) for _ in range(count) if not cursor.ended]
        elif name == b"iprp":
            for _, properties in _boxes(box):
                for kind, content in _boxes(properties):
                    if kind == b"hvcC" and len(content) > 21:
                        items.length_size = (content[21] & 3) + 1


def _locations(box: bytes) -> dict[int, list[tuple[int, int]]]:
    """Return where in the file the data of each item are; those within the `meta` box itself are left out."""
    version, cursor = box[0] if box else 0, _Cursor(box, 4)
    sizes = cursor.number(2)
    offset_size, length_size, base_size = sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15
    index_size = sizes & 15 if version else 0
    found: dict[int, list[tuple[int, int]]] = {}
    count = cursor.number(4 if version > 1 else 2)
    while count and not cursor.ended:
        count -= 1
        item = cursor.number(4 if version > 1 else 2)
        method = cursor.number(2) & 15 if version else 0
        cursor.at += 2  # another file
        base, number = cursor.number(base_size), cursor.number(2)
        extents = []
        while number and not cursor.ended:
            number -= 1
            cursor.at += index_size
            extents.append((base + cursor.number(offset_size), cursor.number(length_size)))
            if not index_size + offset_size + length_size:
                break
        if method == 0:
            found[item] = extents
    return found
