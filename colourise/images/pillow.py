"""Read and write pictures of 8 bits a channel through Pillow, in every format but TIFF.

Pixels are (H, W) grey, (H, W, 3) RGB or, while reading, (H, W, 4) CMYK; alpha is (H, W) or None.

What to notice: large pictures pass between Pillow and NumPy in strips, because Pillow keeps RGB at 4
bytes a pixel and every whole-picture conversion would hold one more copy.
"""

import logging
import math
import os
import re
import struct
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from colourise.errors import PhotoError
from colourise.images import captions, limits, metadata as meta, photoshop
from colourise.images.channels import Channels
from colourise.images.stored import Stored
from colourise.lab.strips import strips

QUALITY = {"JPEG": 95, "WEBP": 95, "AVIF": 90, "HEIF": 90}
"""Quality of the lossy formats by default, each on its own scale of 1 to 100: high, for archives."""

NO_ALPHA = ("JPEG", "BMP")
"""Formats without transparency."""

NO_METADATA = ("BMP",)
"""Formats without a place for EXIF, XMP and IPTC."""

JPEG_SEGMENT = 65_000
"""Bytes of EXIF, XMP or IPTC that fit into a JPEG, headers apart."""

_JPEG_MOST = 8 * 64  # pixels a byte: each block of 8 x 8 has a Huffman code of at least one bit
_HEVC_PRESET = "ultrafast"  # a seventh of the time of the default; as good, in 13 % more bytes
_GROUNDS = (165, 90, 195, 60), (90, 165, 60, 195)  # colours onto which an image is decoded, by channel
_CHANNELS = dict.fromkeys(("1", "L", "LA", "La"), 1) | {"CMYK": 4}
_CHANNELS |= dict.fromkeys(("P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "YCbCr"), 3)
"""Colour channels of the pictures that are taken, by Pillow's mode."""
_PNG_TEXT = 2**22  # bytes that a compressed text may unpack to; Pillow refuses the picture beyond 1 MB
_STRIP = 2**20  # pixels that pass between Pillow and NumPy at once


def prepare(max_pixels: int) -> None:
    """Let Pillow open pictures of `max_pixels` pixels, and keep its warnings off the user's terminal.

    A filter that stays is used because `warnings.catch_warnings` is not safe when threads read photos.
    """
    if Image.MAX_IMAGE_PIXELS is not None and max_pixels > Image.MAX_IMAGE_PIXELS:
        Image.MAX_IMAGE_PIXELS = max_pixels
    if ("ignore", None, Warning, re.compile("PIL"), 0) not in warnings.filters:
        warnings.filterwarnings("ignore", module="PIL")
    for name in ("PIL", "tifffile"):
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())  # without one, Python prints to standard error


def open_image(file: BinaryIO, kind: str) -> Image.Image:
    """Open a file as the one format that its first bytes announce, so that no other decoder sees it."""
    if kind == "HEIF":
        _register_heif()
    elif kind == "PNG":
        from PIL import PngImagePlugin

        PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, _PNG_TEXT)
    return Image.open(file, formats=(kind,))


def decode(file: BinaryIO, kind: str) -> Stored:
    """Decode a picture; if the file has several, the first or the main one.

    Args:
        file: at its start; must seek.
        kind: Pillow's name of the format.
    Raises:
        PhotoError: it has too many pixels or none, or they are neither grey nor RGB nor CMYK.
        Exception: whatever a damaged file makes Pillow raise.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    with open_image(file, kind) as image:
        if kind == "JPEG" and math.prod(image.size) > _JPEG_MOST * length:
            raise EOFError  # libjpeg would make the rest grey, for minutes
        limits.check_size(*image.size, length=length, kind=kind)
        notes = []
        if (frames := getattr(image, "n_frames", 1)) > 1:
            still = kind in ("JPEG", "HEIF")
            notes.append(
                f"{frames} pictures in one file: only the main one is taken"
                if still
                else f"animated: only the first of {frames} frames is taken"
            )
        announced = shape(image)
        load(image, lambda: open_image(file, kind))
        pixels, alpha = channels(image)
        if kind == "BMP" and alpha is not None and not alpha.any():  # many programs leave it unset
            alpha = None
            notes.append("its alpha channel is zero everywhere, and is taken for unused")
        if (bits := image.info.get("bit_depth", 8)) > 8:  # of HEIF
            notes.append(f"{bits} bits a channel became 8")
        info, tags = facts(image, kind)  # after the pixels, because PNG may have it at the end
        return Stored(announced, pixels, alpha, info, tags, notes)


def facts(image: Image.Image, kind: str) -> tuple[dict[Any, Any], Image.Exif]:
    """Return what else an image says, by Pillow's keys, and its EXIF tags."""
    info: dict[Any, Any] = dict(image.info)
    if kind == "JPEG" and info.get("jfif_unit") not in (1, 2):
        info.pop("dpi", None)  # Pillow's guess
    return info, image.getexif()


def shape(image: Image.Image) -> tuple[int, ...]:
    """Return (H, W) or (H, W, C), without alpha, of the pixels that `channels` makes of an image.

    Raises:
        PhotoError: they are neither grey nor RGB nor CMYK.
    """
    if image.mode not in _CHANNELS:
        raise PhotoError(f"its pixels are of kind {image.mode}", advice="convert it to RGB or grey first")
    width, height = image.size
    count = _CHANNELS[image.mode]
    return (height, width) if count == 1 else (height, width, count)


def load(image: Image.Image, reopen: Callable[[], Image.Image]) -> None:
    """Decode an image, and prove that every row was written.

    Pillow's memory is black before, and what a decoder leaves out stays as it was. So the memory gets
    another colour first; where a row has that colour all over, the image is decoded once more onto a second
    colour, and a row that follows it was never written.

    Args:
        image: as it was opened.
        reopen: opens it again.
    Raises:
        EOFError: there are rows that were not written.
        Exception: whatever a damaged file makes Pillow raise.
    """
    tiles = getattr(image, "tile", [])
    if image.format == "GIF" or any(tile.extents not in (None, (0, 0, *image.size)) for tile in tiles):
        image.load()  # it covers a part of its canvas, or comes in parts; GIF refuses missing rows itself
        return
    bare = _load_onto(image, 0)
    if bare:
        with reopen() as again:
            if bare & _load_onto(again, 1):
                raise EOFError


def _load_onto(image: Image.Image, number: int) -> set[int]:
    """Decode onto a ground of one colour, and return the rows that have that colour all over."""
    bands = len(image.getbands())
    ground = _GROUNDS[number][:bands] if image.mode != "1" else (number,)
    colour = ground if bands > 1 else ground[0] * (255 if image.mode == "1" else 1)
    image.im = Image.new(image.mode, image.size, colour).im
    image.load()
    width, height = image.size
    if len(image.getbands()) != bands:
        return set()
    first = np.asarray(image.crop((0, 0, 1, height))).reshape(height, bands)  # the left column
    rows = np.flatnonzero((first == ground).all(axis=1)).tolist()
    return {
        row
        for row in rows
        if (np.asarray(image.crop((0, row, width, row + 1))).reshape(width, bands) == ground).all()
    }


def channels(image: Image.Image) -> Channels:
    """Copy the pixels, and the alpha channel if there is one, from a Pillow image that is loaded.

    Raises:
        PhotoError: the pixels are neither grey nor RGB nor CMYK.
    """
    size = shape(image)
    height, width = size[:2]
    opaque = not image.has_transparency_data
    mode = {2: "L", 3: "RGB", 4: "CMYK"}[len(size) if len(size) == 2 else size[2]]
    if not opaque and mode != "CMYK":
        mode += "A"
    pixels = np.empty(size, np.uint8)
    alpha = np.empty((height, width), np.uint8) if mode.endswith("A") else None
    for rows in strips(height, width, _STRIP):
        strip = np.asarray(image.crop((0, rows.start, width, rows.stop)).convert(mode))
        if alpha is None:
            pixels[rows] = strip
        else:
            pixels[rows] = strip[..., 0] if mode == "LA" else strip[..., :3]
            alpha[rows] = strip[..., -1]
    return pixels, alpha


def encode(
    file: BinaryIO,
    kind: str,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    metadata: meta.Metadata,
    quality: int | None,
) -> None:
    """Write a picture at 8 bits a channel.

    Args:
        file: at its start; must seek.
        kind: Pillow's name of the format.
        pixels: (H, W) or (H, W, 3), uint8 or uint16.
        alpha: (H, W) of the same dtype, or None; becomes white in a format of `NO_ALPHA`.
        metadata: goes in as far as the format has a place for it.
        quality: 1 to 100; None for the default.
    """
    if kind == "HEIF":
        _register_heif()
    options = _options(metadata, kind)
    if kind in QUALITY:
        options["quality"] = QUALITY[kind] if quality is None else quality
    _image(pixels, alpha, keep_alpha=kind not in NO_ALPHA).save(file, kind, **options)


def _options(metadata: meta.Metadata, kind: str) -> dict[str, Any]:
    """Return the arguments of Pillow's `save` for a format."""
    exif, xmp, dpi = metadata.exif, metadata.xmp, metadata.dpi
    options: dict[str, Any] = {"exif": exif, "icc_profile": metadata.icc, "xmp": xmp, "dpi": dpi}
    if kind == "JPEG":
        options |= _jpeg_options(metadata)
    elif kind == "PNG":
        options["pnginfo"] = _png_info(metadata)
    elif kind in NO_METADATA:
        options = {"dpi": dpi}
    elif kind in ("WEBP", "AVIF", "HEIF"):
        options["exif"] = meta.for_box(exif, dpi)
    if kind == "WEBP":
        options["exact"] = True  # keep the colours under what is transparent
    elif kind == "AVIF":
        options["subsampling"] = "4:4:4"
    elif kind == "HEIF":
        options["enc_params"] = {"preset": _HEVC_PRESET}
    return {key: value for key, value in options.items() if value is not None}


def _jpeg_options(metadata: meta.Metadata) -> dict[str, Any]:
    """Return EXIF, XMP, IPTC and comments as a JPEG's segments have room for them."""
    block = captions.resource_block(metadata)
    extra = b"".join(photoshop.segments(block))
    xmp = metadata.xmp
    if xmp and len(xmp) > JPEG_SEGMENT:
        xmp = None
        with suppress(ValueError):  # no XML
            extra += _extended_xmp(metadata.xmp or b"")
    comment, *more = metadata.comments or (None,)
    if more:  # Pillow would put the first behind the others
        comment, more = None, list(metadata.comments)
    return {
        "exif": meta.shortened(metadata.exif, JPEG_SEGMENT),
        "xmp": xmp,
        "comment": comment,
        "extra": extra + captions.jpeg_comments(more) or None,
        "subsampling": "4:4:4",
    }


def _extended_xmp(packet: bytes) -> bytes:
    """Return the segments of an XMP packet that is too long for one."""
    from colourise.images import xmp

    short, extension, guid = xmp.split(packet, JPEG_SEGMENT)
    bodies = [b"http://ns.adobe.com/xap/1.0/\0" + short]
    for start in range(0, len(extension), JPEG_SEGMENT):
        head = guid.encode() + struct.pack(">II", len(extension), start)
        piece = extension[start : start + JPEG_SEGMENT]
        bodies.append(b"http://ns.adobe.com/xmp/extension/\0" + head + piece)
    return b"".join(b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body for body in bodies)


def _png_info(metadata: meta.Metadata) -> Any:
    """Return what a PNG holds in chunks of texts, or None."""
    chunks = captions.png_chunks(metadata)
    if not metadata.xmp and not chunks:
        return None
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if metadata.xmp:
        info.add_itxt("XML:com.adobe.xmp", metadata.xmp.decode("utf-8", "replace"))
    for chunk in chunks:
        info.add(chunk.name, chunk.data)
    return info


def _image(pixels: np.ndarray, alpha: np.ndarray | None, *, keep_alpha: bool) -> Image.Image:
    height, width = pixels.shape[:2]
    mode = ("L" if pixels.ndim == 2 else "RGB") + ("A" if alpha is not None and keep_alpha else "")
    image = Image.new(mode, (width, height))
    for rows in strips(height, width, _STRIP):
        strip = to_8_bits(pixels[rows])
        if alpha is not None:
            opacity = to_8_bits(alpha[rows])
            strip = np.dstack([strip, opacity]) if keep_alpha else _on_white(strip, opacity)
        image.paste(Image.fromarray(strip), (0, rows.start))
    return image


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Round uint16 to uint8 (any shape); uint8 is returned as it is."""
    return pixels if pixels.dtype == np.uint8 else np.rint(pixels / 257).astype(np.uint8)


def _on_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = (alpha if pixels.ndim == 2 else alpha[..., None]).astype(np.uint16)
    return (255 - ((255 - pixels) * weight + 127) // 255).astype(np.uint8)


def _register_heif() -> None:
    if "HEIF" not in Image.OPEN:
        import pillow_heif

        pillow_heif.register_heif_opener()
