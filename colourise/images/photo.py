"""Photos in and out of files, with everything that goes along with the picture.

`read` hands back upright sRGB pixels (or grey ones) at the file's own depth, and beside them the alpha
channel and the metadata; `write` puts them into a file again. In between, swap the pixels:
`dataclasses.replace(photo, pixels=coloured)`.

What to notice:
- Pillow takes what has 8 bits a channel (`shallow`). It turns 16-bit colour into 8 bits without a word,
  so deep PNG and JPEG 2000, and TIFF, go other ways (`deep`).
- A file appears under its name only when it is whole.
"""

import io
import math
import os
import re
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from colourise.errors import PhotoError
from colourise.files.atomic import atomic
from colourise.files.names import FORMATS
from colourise.images import metadata as meta
from colourise.images import pillow
from colourise.images.metadata import Edit as Edit
from colourise.images.metadata import Metadata as Metadata

MAX_PIXELS = 500_000_000
"""Larger pictures are refused as decompression bombs. A 6 x 9 cm negative at 6400 dpi has 340 million."""

_DNG_VERSION, _SUB_IFDS = 50706, 330  # TIFF tags
_JPEG_MOST = 8 * 64  # pixels a byte: each block of 8 x 8 has a Huffman code of at least one bit
_LARGE = 2**20  # bytes; a file is asked for its length before so many are read
_MAX_PAGES = 1000  # of a TIFF that are looked at, in about 0.1 s
_LONGEST = 120  # characters of what a library says
_MAX_SIDE = {"JPEG": 65_500, "WEBP": 16_383}  # pixels
Channels = tuple[np.ndarray, np.ndarray | None]  # colours (or grey), alpha


@dataclass
class Photo:
    """A picture and what belongs to it."""

    pixels: np.ndarray
    """(H, W) grey or (H, W, 3) sRGB; uint8 or uint16 over its full range; upright, C-contiguous."""
    alpha: np.ndarray | None
    """(H, W), of the same dtype as the pixels, not premultiplied; None: opaque."""
    format: str
    """What it was read as, by Pillow's name: "JPEG", "PNG", "TIFF", "WEBP", "BMP", "AVIF", "HEIF" ..."""
    metadata: Metadata = field(default_factory=Metadata)
    """What goes into the output with the picture."""
    notes: list[str] = field(default_factory=list)
    """What the user must hear, such as "animated: only the first of 12 frames is taken"."""


def read(source: Path | bytes) -> Photo:
    """Read a photo from a file, or from bytes (standard input).

    Returns:
        The photo: upright, in sRGB, with 8 or 16 bits as the file has them (12 become 16).
    Raises:
        PhotoError: there is no such file, it is no image, it is damaged or truncated, has no pixels or
            too many, or is of a kind that is not supported.
    """
    pillow.prepare(MAX_PIXELS)
    try:
        with _open(source) as file:
            return _read(file)
    except Exception as err:  # a damaged file can make a decoder raise anything
        name = "standard input" if isinstance(source, bytes) else str(source)
        raise PhotoError(f"{name}: {_reason(err, reading=True)}") from err


def write(
    photo: Photo,
    target: Path | BinaryIO,
    *,
    format: str | None = None,  # noqa: A002
    quality: int | None = None,
    overwrite: bool = False,
) -> list[str]:
    """Write a photo, all of it or nothing.

    Args:
        photo: what to write.
        target: a file, which appears under its name only when it is whole; or an open binary stream.
        format: such as "png"; by default what the target's suffix says, for a stream what was read.
        quality: 1 to 100 for JPEG, WebP, AVIF and HEIF, by default as in `pillow.QUALITY`; PNG, TIFF and BMP
            are lossless.
        overwrite: whether the target may exist already.
    Returns:
        What the user must hear about losses, such as "16 bits a channel became 8".
    Raises:
        PhotoError: the file cannot be written, or not in this format.
    """
    pillow.prepare(MAX_PIXELS)
    try:
        if isinstance(target, Path):
            kind = _output_format(format or target.suffix)
            with atomic(target, overwrite) as file:
                return _write(photo, file, kind, quality)
        buffer = io.BytesIO()  # encoders seek, streams cannot
        notes = _write(photo, buffer, _output_format(format or photo.format), quality)
        target.write(buffer.getbuffer())
        return notes
    except Exception as err:  # each encoder has its own
        name = str(target) if isinstance(target, Path) else "standard output"
        raise PhotoError(f"{name}: {_reason(err, reading=False)}") from err


# --- Reading ------------------------------------------------------------------------------------------


@dataclass
class _Decoded:
    """A picture as it lies in the file."""

    pixels: np.ndarray  # (H, W), (H, W, 3), or (H, W, 4) for CMYK
    alpha: np.ndarray | None
    info: dict[str, Any]  # "icc_profile", "xmp", "iptc", "dpi"
    tags: Image.Exif
    notes: list[str]
    upright: bool = False


def _open(source: Path | bytes) -> BinaryIO:
    if isinstance(source, bytes):
        return io.BytesIO(source)
    file = _File(source.open("rb", buffering=0))
    if file.seekable():
        return file
    with file:
        return io.BytesIO(file.read())


class _File(io.BufferedReader):
    """A file that takes memory for what it has, not for what a damaged length asks of it."""

    def read(self, size: int | None = -1, /) -> bytes:
        """At most so many bytes; all that are left for a negative number or None."""
        if size is not None and size > _LARGE:
            size = min(size, max(0, os.fstat(self.fileno()).st_size - self.tell()))
        return super().read(size)


def _read(file: BinaryIO) -> Photo:
    head = file.read(64)
    file.seek(0)
    if not head:
        raise PhotoError("empty (0 bytes); copy it again from its source")
    kind = _sniff(head)
    if kind == "TIFF":
        decoded = _decode_tiff(file)
    elif kind == "PNG":
        if head[12:16] != b"IHDR" or len(head) < 29:  # libpng and Pillow would look for it further on
            raise UnidentifiedImageError
        _check_size(*struct.unpack(">II", head[16:24]))
        decoded = _decode_png16(file) if head[24] == 16 else _decode(file, kind)
    else:
        decoded = _decode(file, kind)

    notes = decoded.notes
    icc = _to_srgb(decoded)
    orientation = 1 if decoded.upright else meta.orientation(decoded.tags)
    decoded.pixels = _turn(decoded.pixels, orientation)
    alpha = None if decoded.alpha is None else _turn(decoded.alpha, orientation)
    height, width = decoded.pixels.shape[:2]
    metadata = meta.collect(decoded.info, decoded.tags, (width, height), icc, notes)
    return Photo(decoded.pixels, alpha, kind, metadata, notes)


def _sniff(head: bytes) -> str:
    """Name the format (as Pillow does) that a file's first bytes announce."""
    for start, kind in {
        b"\xff\xd8\xff": "JPEG",
        b"\x89PNG\r\n\x1a\n": "PNG",
        b"II*\0": "TIFF",
        b"MM\0*": "TIFF",
        b"II+\0": "TIFF",  # BigTIFF
        b"MM\0+": "TIFF",
        b"BM": "BMP",
        b"GIF8": "GIF",
        b"\xff\x4f\xff\x51": "JPEG2000",
        b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    }.items():
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        brands = head[8 : int.from_bytes(head[:4])]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")):
            return "HEIF"
    raise PhotoError("not an image; give a JPEG, PNG, TIFF, WebP, BMP, AVIF or HEIC file")


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise PhotoError(f"has no pixels ({width} x {height})")
    if width * height > MAX_PIXELS:
        raise PhotoError(
            f"{width} x {height} is {width * height / 1e6:.0f} megapixels; the limit of "
            f"{MAX_PIXELS / 1e6:.0f} guards against decompression bombs; scale or split it first"
        )


def _decode(file: BinaryIO, kind: str) -> _Decoded:
    """Decode what Pillow reads."""
    with pillow.open_image(file, kind) as image:
        _check_size(*image.size)
        if kind == "JPEG" and math.prod(image.size) > _JPEG_MOST * file.seek(0, os.SEEK_END):
            raise EOFError  # libjpeg would make the rest grey, for minutes
        notes = []
        if (frames := getattr(image, "n_frames", 1)) > 1:
            still = kind in ("JPEG", "HEIF")
            notes.append(
                f"{frames} pictures in one file: only the main one is taken"
                if still
                else f"animated: only the first of {frames} frames is taken"
            )
        pixels, alpha = (_deep_jpeg2000(file) if kind == "JPEG2000" else None) or pillow.channels(image)
        if (bits := image.info.get("bit_depth", 8)) > 8:  # of HEIF
            notes.append(f"{bits} bits a channel became 8")
        info: dict[Any, Any] = dict(image.info)  # after the pixels, because PNG may have it at the end
        if kind == "JPEG":
            info["iptc"] = info.get("photoshop", {}).get(meta.IPTC_RESOURCE)
            if info.get("jfif_unit") not in (1, 2):
                info.pop("dpi", None)  # Pillow's guess
        return _Decoded(pixels, alpha, info, image.getexif(), notes)


def _deep_jpeg2000(file: BinaryIO) -> Channels | None:
    from colourise.images import tiff

    file.seek(0)
    data = file.read()
    return tiff.read_jpeg2000(data) if tiff.jpeg2000_bits(data) > 8 else None


def _decode_png16(file: BinaryIO) -> _Decoded:
    from colourise.images import tiff

    pixels, alpha, info = tiff.read_png(file.read())
    tags = Image.Exif()
    tags.load(info.get("exif", b""))
    return _Decoded(pixels, alpha, info, tags, [])


def _decode_tiff(file: BinaryIO) -> _Decoded:
    """Decode the first page."""
    import tifffile

    from colourise.images import tiff

    with tifffile.TiffFile(file) as opened:
        page: Any = opened.pages.first
        _check_size(page.imagewidth, page.imagelength)
        if _DNG_VERSION in page.tags or (page.is_reduced and _SUB_IFDS in page.tags):
            raise PhotoError("a raw camera file; develop it to TIFF or JPEG first")
        tiff.check_tiff(page, MAX_PIXELS)
        offsets, lengths = page.dataoffsets, page.databytecounts
        size = file.seek(0, os.SEEK_END)
        if len(offsets) < math.prod(page.chunked) or not all(lengths) or max(offsets) >= size:
            raise EOFError  # tifffile would take the missing strips as black
        notes = []
        if (pages := _count_pages(opened)) > 1:
            more = f"more than {_MAX_PAGES}" if pages > _MAX_PAGES else str(pages)
            notes.append(f"{more} pages: only the first is taken")
        names = {"icc_profile": meta.ICC, "xmp": meta.XMP, "iptc": meta.IPTC}
        info = {name: page.tags.valueof(tag) for name, tag in names.items()}
        tags = Image.Exif()
        if opened.is_bigtiff and opened.byteorder == ">":  # Pillow does not know them
            tags[meta.ORIENTATION] = page.tags.valueof(meta.ORIENTATION, default=1)
        else:
            tags.endian, tags.bigtiff = opened.byteorder, opened.is_bigtiff
            tags.load_from_fp(file, page.offset)
        if tiff.is_for_pillow(page):
            with pillow.open_image(file, "TIFF") as image:
                return _Decoded(*pillow.channels(image), info, tags, notes, upright=True)  # Pillow turns it
        return _Decoded(*tiff.read_tiff(page, notes), info, tags, notes)


def _count_pages(opened: Any) -> int:
    """How many pages of a `tifffile.TiffFile` are no thumbnails; a damaged chain may be long, or a circle."""
    seen: set[int] = set()
    pages = 0
    for page in opened.pages:
        if page.offset in seen or len(seen) > _MAX_PAGES:
            break
        seen.add(page.offset)
        pages += not getattr(page, "is_reduced", False)
    return pages


def _to_srgb(decoded: _Decoded) -> bytes | None:
    """Bring the pixels to sRGB, where the file's profile says that they are not.

    Returns:
        The profile for the output: the file's own where that is sRGB, ours after a conversion.
    """
    profile = decoded.info.get("icc_profile")
    cmyk = decoded.pixels.ndim == 3 and decoded.pixels.shape[2] == 4
    if not profile and not cmyk:
        return None
    from colourise.images import icc

    if profile:
        space = icc.colour_space(profile)
        fitting = ("CMYK",) if cmyk else ("RGB",) if decoded.pixels.ndim == 3 else ("GRAY", "RGB")
        try:
            if space not in fitting:
                decoded.notes.append(f"its colour profile is for {space or 'nothing'} and is ignored")
            elif space == "RGB" and icc.is_srgb(profile):
                return bytes(profile)
            else:
                decoded.pixels = icc.to_srgb(decoded.pixels, profile)
                return icc.srgb()
        except RuntimeError:  # imagecodecs.CmsError is one
            decoded.notes.append("its colour profile is damaged and is ignored")
    if cmyk:
        decoded.pixels = icc.cmyk_to_rgb(decoded.pixels)
    return None


def _turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Bring (H, W) or (H, W, C) upright from an EXIF orientation, 1 to 8."""
    if orientation > 4:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


# --- Writing ------------------------------------------------------------------------------------------


def _output_format(name: str) -> str:
    kind = FORMATS.get("." + name.lower().removeprefix("."))
    if kind is None:
        known = ", ".join(suffix[1:] for suffix in FORMATS)
        raise PhotoError(f"cannot write {name or 'a file without a suffix'}; choose one of {known}")
    return kind


def _write(photo: Photo, file: BinaryIO, kind: str, quality: int | None) -> list[str]:
    height, width = photo.pixels.shape[:2]
    _check_size(width, height)
    if max(width, height) > _MAX_SIDE.get(kind, max(width, height)):
        raise PhotoError(f"{width} x {height} is more than {kind} can hold; write TIFF or PNG instead")
    notes = []
    if photo.pixels.dtype == np.uint16 and kind not in ("PNG", "TIFF"):
        notes.append(f"16 bits a channel became 8, as {kind} has no more; TIFF and PNG keep them")
    if photo.alpha is not None and kind in pillow.NO_ALPHA:
        notes.append(f"what was transparent became white, as {kind} has no transparency; TIFF and PNG do")

    data = photo.metadata if photo.pixels.ndim == 3 else replace(photo.metadata, icc=None)  # that is for RGB
    if data.edit and kind != "BMP":  # which has no place for it
        from colourise.images import provenance

        data = provenance.told(data, pillow.JPEG_SEGMENT if kind == "JPEG" else None, notes)
    if kind == "TIFF" or (kind == "PNG" and photo.pixels.dtype == np.uint16):
        from colourise.images import tiff

        encode = tiff.write_tiff if kind == "TIFF" else tiff.write_png
        encode(file, photo.pixels, photo.alpha, data)
    else:
        pillow.write(file, photo.pixels, photo.alpha, kind, data, quality, notes)
    return notes


def _reason(err: Exception, *, reading: bool) -> str:
    """One line for the user: what is wrong, and what to do."""
    text = " ".join(str(err).split()) or type(err).__name__
    if not isinstance(err, PhotoError) and len(text) > _LONGEST:  # some say all the numbers that they met
        text = f"{text[:_LONGEST]}..."
    match err:
        case PhotoError():
            return text
        case MemoryError():
            return "not enough memory for it; close other programs, or scale it down first"
        case FileNotFoundError():
            return "no such file" if reading else "no such folder; create it first"
        case IsADirectoryError():
            return "is a folder, not a photo"
        case PermissionError():
            return "no permission to read it" if reading else "no permission to write here"
        case UnidentifiedImageError():
            return "damaged or truncated in its first bytes; copy it again from its source"
        case Image.DecompressionBombError():
            limit = f"{MAX_PIXELS / 1e6:.0f} megapixels"
            return f"more than {limit}, which guards against decompression bombs; scale or split it first"
        case LookupError() | TypeError() if reading:  # "0", or what a decoder could not add to what
            return "damaged in its structure; copy it again from its source"
        case OSError(strerror=str(strerror)):
            return strerror
    if not reading:
        return f"cannot be written: {text}"
    if isinstance(err, EOFError) or re.search("(?i)truncated|too (small|short)|end of", text):
        return "truncated; copy it again from its source"
    return f"damaged ({text}); copy it again from its source"
