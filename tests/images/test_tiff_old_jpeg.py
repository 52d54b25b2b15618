import io
import struct

import numpy as np
import pytest
from helpers.pictures import picture8, refused
from PIL import Image

from colourise import images
from colourise.images import jpeg

GREY = picture8()[..., 2]


def segments(data: bytes) -> dict[int, bytes]:
    """The content of each segment before the scan, joined by marker."""
    found: dict[int, bytes] = {}
    at = 2
    while (marker := data[at + 1]) != 0xDA:
        length = int.from_bytes(data[at + 2 : at + 4])
        found[marker] = found.get(marker, b"") + data[at + 4 : at + 2 + length]
        at += 2 + length
    return found


def tiff(parts: dict[str, bytes], tags: dict[int, int | str]) -> bytes:
    """A TIFF with parts behind its directory; a tag whose value is the name of a part becomes its offset."""
    base = {256: 64, 257: 48, 258: 8, 259: 6, 262: 1, 277: 1, 278: 48, 512: 1}
    at, places, body = 1000, {}, b""
    for name, part in parts.items():
        places[name] = at + len(body)
        body += part
    buffer = io.BytesIO()
    buffer.write(b"II*\0\x08\0\0\0")
    entries = sorted((base | tags).items())
    buffer.write(struct.pack("<H", len(entries)))
    for tag, value in entries:
        buffer.write(struct.pack("<HHII", tag, 4, 1, places[value] if isinstance(value, str) else value))
    buffer.write(bytes(4))
    return buffer.getvalue().ljust(at, b"\0") + body


@pytest.fixture
def stream() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def test_a_whole_jpeg(stream: bytes) -> None:
    data = tiff({"jpeg": stream}, {273: "jpeg", 279: len(stream), 513: "jpeg", 514: len(stream)})
    photo = images.read(data)
    assert np.abs(photo.pixels.astype(int) - GREY).mean() < 2
    assert photo.notes == []
    half = stream[: len(stream) // 2]
    data = tiff({"jpeg": half}, {273: "jpeg", 279: len(half), 513: "jpeg", 514: len(half)})
    assert refused(data).startswith("truncated")


def test_a_header_and_a_strip(stream: bytes) -> None:
    scan = jpeg.read_header(stream).scan
    head, strip = stream[: scan + 10], stream[scan + 10 :]
    data = tiff({"strip": strip, "head": head}, {273: "strip", 279: len(strip), 513: "head", 514: len(head)})
    assert np.abs(images.read(data).pixels.astype(int) - GREY).mean() < 2


def test_tables_and_a_strip(stream: bytes) -> None:
    found = segments(stream)
    dc = found[0xC4][1 : 1 + 16 + sum(found[0xC4][1:17])]
    ac = found[0xC4][1 + len(dc) + 1 :]
    strip = stream[jpeg.read_header(stream).scan + 10 :]
    tables = {"strip": strip, "q": found[0xDB][1:65], "dc": dc, "ac": ac}
    tags = {273: "strip", 279: len(strip), 519: "q", 520: "dc", 521: "ac"}
    assert np.abs(images.read(tiff(tables, tags)).pixels.astype(int) - GREY).mean() < 2
    del tags[521]
    assert "cannot be put together" in refused(tiff(tables, tags))
