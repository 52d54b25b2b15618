"""Makes the files of this folder: `python tests/broken/make.py`. README.md says what each is."""

import io
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageCms

HERE = Path(__file__).parent
WIDTH, HEIGHT = 20, 14
GREY = bytes(range(0, 2 * WIDTH * HEIGHT // 4)) + bytes(WIDTH * HEIGHT // 2)


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )


def header(width: int, height: int, bits: int, interlace: int = 0) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, interlace)


def tiff(data: bytes, tags: dict[int, int | tuple[int, ...]]) -> bytes:
    """A little-endian TIFF of one grey page of 8 bits, with its data at byte 8."""
    plain = {256: WIDTH, 257: HEIGHT, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: HEIGHT, 279: len(data)}
    start = 8 + len(data)
    entries, behind = b"", b""
    known = {tag: value for tag, value in sorted((plain | tags).items()) if value != ()}
    for tag, value in known.items():
        numbers = value if isinstance(value, tuple) else (value,)
        packed = struct.pack(f"<{len(numbers)}I", *numbers)
        if len(numbers) > 1:
            place = start + 2 + 12 * len(known) + 4 + len(behind)
            behind, packed = behind + packed, struct.pack("<I", place)
        entries += struct.pack("<HHI", tag, 4, len(numbers)) + packed
    return (
        b"II*\0"
        + struct.pack("<I", start)
        + data
        + struct.pack("<H", len(known))
        + entries
        + bytes(4)
        + behind
    )


def jpeg(width: int = WIDTH, height: int = HEIGHT, icc: bytes | None = None) -> bytes:
    """A JPEG that says it has some size."""
    buffer = io.BytesIO()
    Image.frombytes("L", (WIDTH, HEIGHT), GREY).save(
        buffer, "JPEG", quality=10, optimize=True, icc_profile=icc
    )
    data = bytearray(buffer.getvalue())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def files() -> dict[str, bytes]:
    rows = zlib.compress(b"".join(b"\0" + GREY[WIDTH * y :][:WIDTH] for y in range(HEIGHT)), 9)
    grey = zlib.compress(GREY, 9)
    late = struct.pack(">IIB", 8, 8, 16) + bytes(8)
    deep = zlib.compress(bytes((2 * WIDTH + 1) * HEIGHT))
    long = bytearray(png(header(WIDTH, HEIGHT, 8), (b"IDAT", rows), (b"IEND", b"")))
    long[33:37] = struct.pack(">I", 0xFFFF_FFF0)
    icc = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    icc[16:20] = b"\x1b[2J"
    tiled = {259: 8, 324: 8, 325: len(grey), 273: (), 278: (), 279: ()}
    strips = {278: 1, 273: (8,) * HEIGHT, 279: (len(GREY),) * HEIGHT}
    return {
        "gaps.jpg": jpeg(22_000, 22_000),
        "header-of-no-png.png": png(header(WIDTH, HEIGHT, 16, interlace=7), (b"IDAT", deep), (b"IEND", b"")),
        "large-picture-in-a-strip.tif": tiff(jpeg(60_000, 60_000), {259: 7}),
        "large-tile.tif": tiff(grey, tiled | {322: 65_520, 323: 65_520}),
        "late-header.png": png((b"tEXt", late), header(30_000, 30_000, 16), (b"IDAT", deep), (b"IEND", b"")),
        "layers.tif": tiff(grey, tiled | {322: 32, 323: 16, 32997: 10_000_000, 32998: 10_000_000}),
        "length-of-4-gb.png": bytes(long),
        "length-of-4-gb.tif": tiff(grey, {259: 8, 279: 0xFFFF_FFF0}),
        "many-bytes.tif": tiff(grey, {256: 21_600, 257: 21_600, 258: 64, 259: 8, 277: 16, 278: 21_600}),
        "numbers-for-one.tif": tiff(grey, {259: (8,) * 90}),
        "one-strip-for-all.tif": tiff(GREY, strips),
        "profile-that-clears-the-screen.jpg": jpeg(icc=bytes(icc)),
    }


if __name__ == "__main__":
    for name, data in files().items():
        (HERE / name).write_bytes(data)
