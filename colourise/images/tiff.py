"""Read and write TIFF of any depth.

Pixels are (H, W) grey, (H, W, 3) RGB or, while reading, (H, W, 4) CMYK; uint8 or uint16 over the full
range of the dtype; alpha is (H, W) of the same dtype, or None.

What to notice: TIFFs of 8 bits come here too, because libtiff inside Pillow writes its complaints about
damaged files straight to the terminal, and because one way is less to check than two.

tifffile reads. It cannot write, because it refuses tag 34665, under which a TIFF has its EXIF data; so Pillow
writes the directory, and the strips are compressed here.
"""

import os
from typing import Any, BinaryIO

import numpy as np
from PIL import TiffTags
from PIL.TiffImagePlugin import IFDRational, ImageFileDirectory_v2

from colourise.errors import PhotoError
from colourise.images import captions, limits, pillow, tiff_checks, tiff_old_jpeg, tiff_pages
from colourise.images.channels import Channels, full_range, join, split, stretch
from colourise.images.contents import IPTC, PHOTOSHOP
from colourise.images.metadata import ICC, XMP, Metadata, tiff_tags
from colourise.images.stored import Stored
from colourise.lab.strips import rows_within, strips

_PHOTOMETRIC = 262  # TIFF tag
_COLOURS = {"MINISBLACK": 1, "MINISWHITE": 1, "PALETTE": 1, "RGB": 3, "YCBCR": 3, "SEPARATED": 4}
_MAX_CHANNELS = 16
_DAMAGED = 50  # of so many numbers of a palette, one may be damaged
_OLD_JPEG, _JPEG = 6, 7  # compressions; the JPEG decoder makes RGB of YCbCr

_STRIP = 2**18  # bytes before compression: small enough for any reader
_DEFLATE, _PREDICT_HORIZONTALLY, _UNPREMULTIPLIED, _UINT = 8, 2, 2, 1


def decode(file: BinaryIO) -> Stored:
    """Decode the picture: the first page that is neither a thumbnail nor a mask.

    Raises:
        PhotoError: it is a raw camera file, has too many pixels or none, is not grey, RGB, CMYK or of a
            palette, or would take far more memory than its size says.
        EOFError: strips are missing, or incomplete.
        Exception: whatever else a damaged file makes tifffile and the codecs raise.
    """
    import tifffile

    with tifffile.TiffFile(file, name="photo.tif") as opened:
        choice = tiff_pages.choose(opened)
        page, notes = choice.page, choice.notes
        size = file.seek(0, os.SEEK_END)
        limits.check_size(page.imagewidth, page.imagelength)
        tiff_checks.check_page(page, limits.MAX_PIXELS)
        limits.check_size(page.imagewidth, page.imagelength, length=size)
        info, tags = tiff_pages.facts(file, opened, choice)
        if page.compression == _OLD_JPEG and page.samplesperpixel == 1:
            pixels = tiff_old_jpeg.decode(file, page)
            return Stored(pixels.shape, pixels, None, info, tags, notes)
        if _is_for_pillow(page):
            whole = tiff_pages.alone(file, opened, page)
            with pillow.open_image(whole, "TIFF") as image:
                announced = pillow.shape(image)
                pillow.load(image, lambda: pillow.open_image(whole, "TIFF"))
                return Stored(
                    announced, *pillow.channels(image), info, tags, notes, upright=True
                )  # Pillow turns it
        pixels, alpha = _read_page(page, notes)
        colours = 3 if getattr(page.photometric, "name", "") == "PALETTE" else _colours(page)
        announced = (page.imagelength, page.imagewidth) + ((colours,) if colours > 1 else ())
        return Stored(announced, pixels, alpha, info, tags, notes)


def _is_for_pillow(page: Any) -> bool:
    """Tell whether a `tifffile.TiffPage` is of the kind that Pillow decodes better: YCbCr without JPEG."""
    kind = getattr(page.photometric, "name", "")
    return page.compression == _OLD_JPEG or (kind == "YCBCR" and page.compression != _JPEG)


def _colours(page: Any) -> int:
    """Return how many colour channels a page stores; 1 for a palette.

    Raises:
        PhotoError: it is not grey, RGB, CMYK or of a palette.
    """
    kind, channels = getattr(page.photometric, "name", str(page.photometric)), page.samplesperpixel
    if _PHOTOMETRIC not in page.tags:
        raise PhotoError(
            "does not say what its numbers mean (its PhotometricInterpretation is missing)",
            advice="save it again with another program first",
        )
    colours = _COLOURS.get(kind, 0)
    if not 0 < colours <= channels <= _MAX_CHANNELS:
        raise PhotoError(
            f"a TIFF of kind {kind} with {channels} channels", advice="convert it to RGB or grey first"
        )
    return colours


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
    colours = _colours(page)
    pixels = page.asarray()
    if page.planarconfig == 2 and page.samplesperpixel > 1:
        pixels = np.moveaxis(pixels, 0, -1)
    pixels = pixels.reshape(page.imagelength, page.imagewidth, page.samplesperpixel)
    tiff_checks.check_segments(page, pixels)

    if kind == "PALETTE":
        table = np.asarray(page.colormap).T  # (colours, 3)
        large = np.count_nonzero(table > 255)
        deep = large * _DAMAGED > np.count_nonzero(table)  # else a program has written 8 bits for 16
        table = table >> 8 if deep else np.minimum(table, 255)
        if not table.any():
            raise PhotoError("its palette is black", advice="save it again with another program first")
        table = table.astype(np.uint8)
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
