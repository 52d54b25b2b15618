"""Read and write TIFF of any depth.

Pixels are (H, W) grey, (H, W, 3) RGB or, while reading, (H, W, 4) CMYK; uint8 or uint16 over the full
range of the dtype; alpha is (H, W) of the same dtype, or None.

What to notice: TIFFs of 8 bits come here too, because libtiff inside Pillow writes its complaints about
damaged files straight to the terminal, and because one way is less to check than two.

tifffile reads. It cannot write, because it refuses tag 34665, under which a TIFF has its EXIF data; so Pillow
writes the directory, and the strips are compressed here.
"""

import math
import os
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, TiffTags
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from colourise.errors import PhotoError
from colourise.images import captions, limits, pillow
from colourise.images.channels import Channels, full_range, join, split, stretch
from colourise.images.contents import IPTC, PHOTOSHOP
from colourise.images.metadata import ICC, ORIENTATION, XMP, Metadata, tiff_tags
from colourise.images.stored import Stored
from colourise.images.tiff_checks import check_page
from colourise.lab.strips import rows_within, strips

_DNG_VERSION, _SUB_IFDS = 50706, 330  # TIFF tags
_MAX_PAGES = 1000  # that are looked at, in about 0.1 s
_COLOURS = {"MINISBLACK": 1, "MINISWHITE": 1, "PALETTE": 1, "RGB": 3, "YCBCR": 3, "SEPARATED": 4}
_MAX_CHANNELS = 16
_OLD_JPEG, _JPEG = 6, 7  # compressions; the JPEG decoder makes RGB of YCbCr

_STRIP = 2**18  # bytes before compression: small enough for any reader
_DEFLATE, _PREDICT_HORIZONTALLY, _UNPREMULTIPLIED, _UINT = 8, 2, 2, 1


def decode(file: BinaryIO) -> Stored:
    """Decode the first page.

    Raises:
        PhotoError: it is a raw camera file, has too many pixels or none, is not grey, RGB, CMYK or of a
            palette, or would take far more memory than its size says.
        EOFError: strips are missing.
        Exception: whatever else a damaged file makes tifffile and the codecs raise.
    """
    import tifffile

    with tifffile.TiffFile(file) as opened:
        page: Any = opened.pages.first
        limits.check_size(page.imagewidth, page.imagelength)
        if _DNG_VERSION in page.tags or (page.is_reduced and _SUB_IFDS in page.tags):
            raise PhotoError("a raw camera file", advice="develop it to TIFF or JPEG first")
        check_page(page, limits.MAX_PIXELS)
        offsets, lengths = page.dataoffsets, page.databytecounts
        size = file.seek(0, os.SEEK_END)
        if len(offsets) < math.prod(page.chunked) or not all(lengths) or max(offsets) >= size:
            raise EOFError  # tifffile would take the missing strips as black
        notes = []
        if (pages := _count_pages(opened)) > 1:
            more = f"more than {_MAX_PAGES}" if pages > _MAX_PAGES else str(pages)
            notes.append(f"{more} pages: only the first is taken")
        names = {"icc_profile": ICC, "xmp": XMP, "iptc": IPTC}
        info = {name: page.tags.valueof(tag) for name, tag in names.items()}
        tags = Image.Exif()
        if opened.is_bigtiff and opened.byteorder == ">":  # Pillow does not know them
            tags[ORIENTATION] = page.tags.valueof(ORIENTATION, default=1)
        else:
            tags.endian, tags.bigtiff = opened.byteorder, opened.is_bigtiff
            tags.load_from_fp(file, page.offset)
        if _is_for_pillow(page):
            with pillow.open_image(file, "TIFF") as image:
                return Stored(*pillow.channels(image), info, tags, notes, upright=True)  # Pillow turns it
        return Stored(*_read_page(page, notes), info, tags, notes)


def _count_pages(opened: Any) -> int:
    """Count the pages of a `tifffile.TiffFile`, less thumbnails; a damaged chain may be long, or a circle."""
    seen: set[int] = set()
    pages = 0
    for page in opened.pages:
        if page.offset in seen or len(seen) > _MAX_PAGES:
            break
        seen.add(page.offset)
        pages += not getattr(page, "is_reduced", False)
    return pages


def _is_for_pillow(page: Any) -> bool:
    """Tell whether a `tifffile.TiffPage` is of the kind that Pillow decodes better: YCbCr without JPEG."""
    kind = getattr(page.photometric, "name", "")
    return page.compression == _OLD_JPEG or (kind == "YCBCR" and page.compression != _JPEG)


def _read_page(page: Any, notes: list[str]) -> Channels:
    """Decode a page of a TIFF.

    Args:
        page: a `tifffile.TiffPage`.
        notes: messages for the user are added here.
    Raises:
        PhotoError: the page is not grey, RGB, CMYK or of a palette, or its numbers are not real.
        Exception: whatever a damaged file makes tifffile and the codecs raise.
    """
    kind, bits = getattr(page.photometric, "name", str(page.photometric)), page.bitspersample
    colours = _COLOURS.get(kind, 0)
    if not 0 < colours <= page.samplesperpixel <= _MAX_CHANNELS:
        channels = page.samplesperpixel
        raise PhotoError(
            f"a TIFF of kind {kind} with {channels} channels", advice="convert it to RGB or grey first"
        )
    pixels = page.asarray()
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)

    if kind == "PALETTE":
        table = (np.asarray(page.colormap) >> 8).astype(np.uint8).T  # (colours, 3)
        _, opacity = split(pixels[..., :2], alpha=bool(page.extrasamples) and int(page.extrasamples[0]) > 0)
        if opacity is not None:
            opacity = pillow.to_8_bits(full_range(opacity, bits))
        return np.take(table, pixels[..., 0], axis=0), opacity
    unsigned = pixels.dtype.kind in "bu" and bits <= 16
    pixels = full_range(pixels, bits) if unsigned else stretch(pixels, notes)
    full = np.iinfo(pixels.dtype).max
    if kind == "MINISWHITE":
        pixels[..., 0] = full - pixels[..., 0]

    extra = int(page.extrasamples[0]) if page.extrasamples else 0
    if extra == 0:  # not alpha, and nobody knows what
        if page.samplesperpixel > colours:
            notes.append("a channel of unstated meaning, beside the colours, is left out")
        return split(pixels[..., :colours], alpha=False)
    light, alpha = split(pixels[..., : colours + 1], alpha=True)
    if extra == 1 and alpha is not None:  # premultiplied
        covered = np.maximum(alpha, 1) if light.ndim == 2 else np.maximum(alpha, 1)[..., None]
        light = np.minimum(light * np.uint64(full) // covered, full).astype(light.dtype)
    return light, alpha


def encode(
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
    row_bytes = width * channels * pixels.itemsize
    parts = strips(height, row_bytes, _STRIP)

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
    put(278, TiffTags.LONG, rows_within(_STRIP, row_bytes))
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
    if metadata.resources:
        put(PHOTOSHOP, TiffTags.UNDEFINED, captions.resource_block(metadata))
    if metadata.icc:
        put(ICC, TiffTags.UNDEFINED, metadata.icc)

    # The directory goes first, but where the strips lie and how long they are is known last. Its length
    # does not depend on that, and Pillow counts the strips' offsets from the directory's end.
    put(273, TiffTags.LONG, (0,) * len(parts))
    put(279, TiffTags.LONG, (0,) * len(parts))
    start = file.tell()
    pixels_start = ifd.save(file)
    offsets, lengths = [], []
    for rows in parts:
        strip = join(pixels[rows], None if alpha is None else alpha[rows])
        strip = strip.reshape(len(strip), width, channels)
        difference = strip.copy()
        difference[:, 1:] -= strip[:, :-1]  # wraps around, as the predictor asks
        encoded = imagecodecs.deflate_encode(difference.tobytes(), level=6)
        offsets.append(file.tell() - pixels_start)
        lengths.append(len(encoded))
        file.write(encoded)
    put(273, TiffTags.LONG, tuple(offsets))
    put(279, TiffTags.LONG, tuple(lengths))
    file.seek(start)
    ifd.save(file)
    file.seek(0, 2)
