"""What Pillow cannot do: 16-bit PNG in and out, deep JPEG 2000 in, TIFF of any depth in and out.

Pixels are (H, W) grey, (H, W, 3) RGB or, while reading, (H, W, 4) CMYK; uint8 or uint16 over the full
range of the dtype; alpha is (H, W) of the same dtype, or None.

What to notice: TIFFs of 8 bits come here too, because libtiff inside Pillow writes its complaints about
damaged files straight to the terminal, and because one way is less to check than two.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffTags
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from colourise.errors import PhotoError
from colourise.images.metadata import ICC, IPTC, XMP, Metadata, tiff_tags

Channels = tuple[np.ndarray, np.ndarray | None]

_PNG_HEADER = 33  # bytes of signature and IHDR, after which the other chunks may come
_INCH = 0.0254  # metres
_TIFF_STRIP = 2**18  # bytes before compression: small enough for any reader
_DEFLATE, _PREDICT_HORIZONTALLY, _UNPREMULTIPLIED, _UINT = 8, 2, 2, 1


# --- PNG ----------------------------------------------------------------------------------------------


def read_png(data: bytes) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Decode a 16-bit PNG.

    Returns:
        Pixels, alpha, and what the file says beside them, with the keys that Pillow uses: "exif",
        "icc_profile", "xmp", "dpi".
    Raises:
        EOFError: the file ends before its last chunk.
        ValueError: a chunk does not match its checksum.
        Exception: whatever else a damaged file makes libpng and zlib raise.
    """
    import imagecodecs

    info: dict[str, Any] = {}
    _check_header(data[8:33])
    position, kind = 8, b""
    picture = [data[:8]]  # libpng sees nothing else, as it prints what it thinks of the rest
    while kind != b"IEND":
        if position + 12 > len(data):
            raise EOFError("truncated")
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        chunk = data[position + 8 : position + 8 + length]
        whole = data[position : position + 12 + length]
        if len(whole) < 12 + length:
            raise EOFError("truncated")
        if zlib.crc32(memoryview(whole)[4:-4]) != int.from_bytes(whole[-4:]):
            raise ValueError("a checksum is wrong")
        position += 12 + length
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            picture.append(whole)
        elif kind == b"eXIf":
            info["exif"] = chunk
        elif kind == b"iCCP" and "icc_profile" not in info:  # a hundred would take minutes
            info["icc_profile"] = _inflate(chunk.split(b"\0", 1)[1][1:])
        elif kind == b"iTXt" and "xmp" not in info and chunk.startswith(b"XML:com.adobe.xmp\0"):
            compressed, (*_, text) = chunk[18], chunk[20:].split(b"\0", 2)
            info["xmp"] = _inflate(text) if compressed else text
        elif kind == b"pHYs" and length == 9 and chunk[8] == 1:  # 1: pixels a metre
            info["dpi"] = tuple(value * _INCH for value in struct.unpack(">II", chunk[:8]))
    pixels, alpha = _split(imagecodecs.png_decode(b"".join(picture)), alpha=True)
    return pixels, alpha, info


def _check_header(chunk: bytes) -> None:
    """Refuse an IHDR of which libpng would say on the terminal what it thinks."""
    if len(chunk) < 25:
        raise EOFError("truncated")
    *start, _, _, bits, colour, compression, rows, interlace = struct.unpack(">I4sIIBBBBB", chunk[:21])
    known = bits == 16 and colour in (0, 2, 4, 6) and (compression, rows) == (0, 0) and interlace < 2
    if start != [13, b"IHDR"] or not known:
        raise ValueError("its header is no PNG's")


def _inflate(data: bytes) -> bytes:
    """Decompress a chunk, or as much of it as 64 MB hold."""
    return zlib.decompressobj().decompress(data, 2**26)


def write_png(
    file: BinaryIO,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    metadata: Metadata,
) -> None:
    """Write a 16-bit PNG."""
    import imagecodecs

    # Level 4: a quarter of the time of libpng's default 6, and the same size to 1 % on photos.
    data = imagecodecs.png_encode(_join(pixels, alpha), level=4)
    file.write(data[:_PNG_HEADER])
    if metadata.icc:
        file.write(_chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc)))
    if metadata.dpi:
        across, down = (round(value / _INCH) for value in metadata.dpi)
        file.write(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if metadata.exif:
        file.write(_chunk(b"eXIf", metadata.exif.removeprefix(b"Exif\0\0")))
    if metadata.xmp:
        file.write(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    file.write(memoryview(data)[_PNG_HEADER:])


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# --- JPEG 2000 ----------------------------------------------------------------------------------------


def jpeg2000_bits(data: bytes) -> int:
    """Bits a channel, from the SIZ marker (ISO/IEC 15444-1, A.5.1); 0 if there is none."""
    start = data.find(b"\xff\x4f\xff\x51")
    return (data[start + 42] & 0x7F) + 1 if 0 <= start < len(data) - 42 else 0


def read_jpeg2000(data: bytes) -> Channels:
    """Decode a JPEG 2000 file of 9 to 16 bits, grey or RGB, with or without alpha."""
    import imagecodecs

    pixels = imagecodecs.jpeg2k_decode(data)
    return _split(_full_range(pixels, jpeg2000_bits(data)), alpha=True)


# --- TIFF ---------------------------------------------------------------------------------------------


_TIFF_COLOURS = {"MINISBLACK": 1, "MINISWHITE": 1, "PALETTE": 1, "RGB": 3, "YCBCR": 3, "SEPARATED": 4}
_MAX_CHANNELS = 16
_MAX_BYTES = 8  # a pixel, of the largest picture: RGBA of 16 bits
_ANY_TILE, _ANY_STRIP = 2**24, 2**20  # pixels that a tile may always have, and a strip more than it should
_STREAMS = {1, 2, 3, 4, 5, 6, 8, 32773, 32946, 34925, 50000}
"""Compressions that fill a strip: none, CCITT, LZW, Pillow's JPEG, deflate, PackBits, LZMA, Zstandard."""
_PICTURES = {7, 33003, 33005, 34712, 50001}
"""Compressions that have a size of their own: JPEG, JPEG 2000, WebP."""
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_OLD_JPEG, _JPEG = 6, 7  # compressions; the JPEG decoder makes RGB of YCbCr


def check_tiff(page: Any, max_pixels: int) -> None:
    """Refuse a `tifffile.TiffPage` that would take far more memory or time than its width and height say.

    Raises:
        PhotoError: it has several layers, too many bytes, or strips of a kind whose size is not known before.
        ValueError: its tiles are larger than the picture, or lie on top of each other; or there are several
            numbers where one should be.
    """
    across = page.tilewidth if page.is_tiled else page.imagewidth
    down = page.tilelength if page.is_tiled else page.rowsperstrip
    numbers = (page.compression, page.photometric, page.samplesperpixel, page.imagedepth, page.tiledepth)
    if not all(isinstance(number, int) for number in (*numbers, across, down)):
        raise ValueError("several numbers for one")
    if page.compression not in (*_STREAMS, *_PICTURES):
        name = getattr(page.compression, "name", f"kind {page.compression}")
        raise PhotoError(f"a TIFF with compression {name}; save it with LZW, deflate or JPEG first")
    if page.imagedepth > 1 or page.tiledepth > 1:
        raise PhotoError("a TIFF of several layers; save one of them as a TIFF of its own first")
    area = page.imagewidth * page.imagelength
    size = area * page.samplesperpixel * (page.dtype.itemsize if page.dtype else 1)
    if size > max_pixels * _MAX_BYTES:
        raise PhotoError(f"its pixels take {size / 1e9:.0f} GB; convert it to 16 bits a channel first")
    if across * down > max(4 * area, _ANY_TILE):
        raise ValueError(f"tiles of {across} x {down}")
    file = page.parent.filehandle
    there = [min(length, max(0, file.size - offset)) for offset, length in _segments(page)]
    if sum(there) > file.size + 2 * size:
        raise ValueError("strips on top of each other")
    if page.compression in _PICTURES:
        for offset, length in _segments(page):
            file.seek(offset)
            width, height = _picture_size(file.read(length))
            if width * height > across * down + _ANY_STRIP:
                raise ValueError(f"a picture of {width} x {height} within one of {across} x {down}")


def _segments(page: Any) -> Iterator[tuple[int, int]]:
    """Where the strips or tiles of a page lie, and how many bytes each has."""
    return zip(page.dataoffsets, page.databytecounts, strict=False)


def _picture_size(data: bytes) -> tuple[int, int]:
    """Width and height that a strip of JPEG, JPEG 2000 or WebP says it has."""
    if not data.startswith(b"\xff\xd8"):
        with Image.open(io.BytesIO(data), formats=("JPEG2000", "WEBP")) as image:
            return image.size
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:  # ISO/IEC 10918-1, B.1.1.2: marker and length
        marker = data[at + 1]
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return width, height
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    raise ValueError("a strip without size")


def is_for_pillow(page: Any) -> bool:
    """Whether a `tifffile.TiffPage` is of the one kind that Pillow decodes better: YCbCr without JPEG."""
    kind = getattr(page.photometric, "name", "")
    return page.compression == _OLD_JPEG or (kind == "YCBCR" and page.compression != _JPEG)


def read_tiff(page: Any, notes: list[str]) -> Channels:
    """Decode a page of a TIFF.

    Args:
        page: a `tifffile.TiffPage`.
        notes: what the user must hear is added here.
    Raises:
        PhotoError: the page is not grey, RGB, CMYK or of a palette, or its numbers are not real.
        Exception: whatever a damaged file makes tifffile and the codecs raise.
    """
    kind, bits = getattr(page.photometric, "name", str(page.photometric)), page.bitspersample
    colours = _TIFF_COLOURS.get(kind, 0)
    if not 0 < colours <= page.samplesperpixel <= _MAX_CHANNELS:
        channels = page.samplesperpixel
        raise PhotoError(f"a TIFF of kind {kind} with {channels} channels; convert it to RGB or grey first")
    pixels = page.asarray()
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)

    if kind == "PALETTE":
        table = (np.asarray(page.colormap) >> 8).astype(np.uint8).T  # (colours, 3)
        return np.take(table, pixels[..., 0], axis=0), None
    if pixels.dtype.kind in "bu" and bits <= 16:
        pixels = _full_range(pixels, bits)
    else:
        pixels = _stretch(pixels, notes)
    full = np.iinfo(pixels.dtype).max
    if kind == "MINISWHITE":
        pixels[..., 0] = full - pixels[..., 0]

    extra = int(page.extrasamples[0]) if page.extrasamples else 0
    if extra == 0:  # not alpha, and nobody knows what
        if page.samplesperpixel > colours:
            notes.append("a channel of unstated meaning, beside the colours, is left out")
        return _split(pixels[..., :colours], alpha=False)
    light, alpha = _split(pixels[..., : colours + 1], alpha=True)
    if extra == 1 and alpha is not None:  # premultiplied
        covered = np.maximum(alpha, 1) if light.ndim == 2 else np.maximum(alpha, 1)[..., None]
        light = np.minimum(light * np.uint64(full) // covered, full).astype(light.dtype)
    return light, alpha


def write_tiff(
    file: BinaryIO,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    metadata: Metadata,
) -> None:
    """Write a TIFF: little-endian, one page, deflate with horizontal prediction (lossless).

    Args:
        file: at its start; must seek.
        pixels: (H, W) or (H, W, 3), uint8 or uint16.
        alpha: (H, W) or None.
        metadata: all of it goes in.
    """
    import imagecodecs

    height, width = pixels.shape[:2]
    colours = 1 if pixels.ndim == 2 else 3
    channels = colours + (alpha is not None)
    step = max(1, _TIFF_STRIP // (width * channels * pixels.itemsize))
    tops = range(0, height, step)

    ifd = ImageFileDirectory_v2(b"II*\0\x08\0\0\0")

    def put(tag: int, kind: int, value: Any) -> None:
        ifd.tagtype[tag] = kind
        ifd[tag] = value

    for tag, value in tiff_tags(metadata.exif).items():
        ifd[tag] = value
    put(256, TiffTags.LONG, width)
    put(257, TiffTags.LONG, height)
    put(258, TiffTags.SHORT, (pixels.itemsize * 8,) * channels)
    put(259, TiffTags.SHORT, _DEFLATE)
    put(262, TiffTags.SHORT, 2 if colours == 3 else 1)  # RGB, or grey with 0 as black
    put(277, TiffTags.SHORT, channels)
    put(278, TiffTags.LONG, step)
    put(284, TiffTags.SHORT, 1)  # channels side by side
    put(317, TiffTags.SHORT, _PREDICT_HORIZONTALLY)
    put(339, TiffTags.SHORT, (_UINT,) * channels)
    if alpha is not None:
        put(338, TiffTags.SHORT, _UNPREMULTIPLIED)
    if dpi := metadata.dpi:
        put(282, TiffTags.RATIONAL, IFDRational(round(dpi[0] * 1000), 1000))
        put(283, TiffTags.RATIONAL, IFDRational(round(dpi[1] * 1000), 1000))
        put(296, TiffTags.SHORT, 2)  # an inch
    if metadata.xmp:
        put(XMP, TiffTags.BYTE, metadata.xmp)
    if metadata.iptc:
        put(IPTC, TiffTags.UNDEFINED, metadata.iptc)
    if metadata.icc:
        put(ICC, TiffTags.UNDEFINED, metadata.icc)

    # The directory goes first, but where the strips lie and how long they are is known last. Its length
    # does not depend on that, and Pillow counts the strips' offsets from the directory's end.
    put(273, TiffTags.LONG, (0,) * len(tops))
    put(279, TiffTags.LONG, (0,) * len(tops))
    start = file.tell()
    pixels_start = ifd.save(file)
    offsets, lengths = [], []
    for top in tops:
        strip = _join(pixels[top : top + step], None if alpha is None else alpha[top : top + step])
        strip = strip.reshape(len(strip), width, channels)
        difference = strip.copy()
        difference[:, 1:] -= strip[:, :-1]  # wraps around, as it shall
        encoded = imagecodecs.deflate_encode(difference.tobytes(), level=6)
        offsets.append(file.tell() - pixels_start)
        lengths.append(len(encoded))
        file.write(encoded)
    put(273, TiffTags.LONG, tuple(offsets))
    put(279, TiffTags.LONG, tuple(lengths))
    file.seek(start)
    ifd.save(file)
    file.seek(0, 2)


# --- Channels -----------------------------------------------------------------------------------------


def _split(pixels: np.ndarray, *, alpha: bool) -> Channels:
    """Take (H, W) or (H, W, C) apart; with alpha, two and four channels have it last."""
    if pixels.ndim == 2:
        return pixels, None
    channels = pixels.shape[2]
    if alpha and channels in (2, 4, 5):
        colours, last = pixels[..., :-1], np.ascontiguousarray(pixels[..., -1])
    else:
        colours, last = pixels, None
    return np.ascontiguousarray(colours[..., 0] if colours.shape[2] == 1 else colours), last


def _join(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    return np.ascontiguousarray(pixels) if alpha is None else np.dstack([pixels, alpha])


def _full_range(pixels: np.ndarray, bits: int) -> np.ndarray:
    """Scale unsigned numbers of so many bits to the full range of uint8 or native uint16."""
    dtype: type[np.uint8 | np.uint16] = np.uint8 if bits <= 8 else np.uint16
    if bits in (8, 16):
        return np.array(pixels, dtype, order="C", copy=None)
    full = 2**bits - 1
    numbers: np.ndarray = np.minimum(pixels, full).astype(np.uint32)
    numbers *= np.iinfo(dtype).max
    numbers += full // 2
    numbers //= full
    return numbers.astype(dtype)


def _stretch(pixels: np.ndarray, notes: list[str]) -> np.ndarray:
    """Bring signed, 32-bit and floating-point numbers to uint16: 0..1 as it is, others by their range."""
    if pixels.dtype.kind not in "fiu":
        raise PhotoError(f"its pixels are {pixels.dtype}; convert it to 16 bits first")
    fraction = pixels.dtype.kind == "f"
    pixels = np.nan_to_num(pixels.astype(np.float64), posinf=0, neginf=0)
    low, high = float(pixels.min()), float(pixels.max())
    if not (fraction and low >= 0 and high <= 1):
        notes.append(f"its numbers from {low:g} to {high:g} are taken as black to white")
        pixels = (pixels - low) / max(high - low, 1e-300)
    return (pixels * 65535).round().astype(np.uint16)
