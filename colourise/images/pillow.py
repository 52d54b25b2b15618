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
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from colourise.errors import PhotoError
from colourise.images import captions, jpeg2000, limits, metadata as meta, photoshop
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
    with open_image(file, kind) as image:
        limits.check_size(*image.size)
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
        pixels, alpha = (jpeg2000.read_deep(file) if kind == "JPEG2000" else None) or channels(image)
        if (bits := image.info.get("bit_depth", 8)) > 8:  # of HEIF
            notes.append(f"{bits} bits a channel became 8")
        info: dict[Any, Any] = dict(image.info)  # after the pixels, because PNG may have it at the end
        if kind == "JPEG" and info.get("jfif_unit") not in (1, 2):
            info.pop("dpi", None)  # Pillow's guess
        return Stored(pixels, alpha, info, image.getexif(), notes)


def channels(image: Image.Image) -> Channels:
    """Copy the pixels, and the alpha channel if there is one, from a Pillow image.

    Raises:
        PhotoError: the pixels are neither grey nor RGB nor CMYK.
        Exception: whatever a damaged file makes Pillow raise.
    """
    image.load()
    width, height = image.size
    opaque = not image.has_transparency_data
    shape: tuple[int, ...]
    if image.mode in ("1", "L", "LA", "La"):
        mode, shape = "L" if opaque else "LA", (height, width)
    elif image.mode == "CMYK":
        mode, shape = "CMYK", (height, width, 4)
    elif image.mode in ("P", "PA", "RGB", "RGBX", "RGBA", "RGBa", "YCbCr"):
        mode, shape = "RGB" if opaque else "RGBA", (height, width, 3)
    else:
        raise PhotoError(f"its pixels are of kind {image.mode}", advice="convert it to RGB or grey first")
    pixels = np.empty(shape, np.uint8)
    alpha = None if opaque else np.empty((height, width), np.uint8)
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
