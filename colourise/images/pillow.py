"""Pictures of 8 bits a channel, through Pillow.

Pixels are (H, W) grey, (H, W, 3) RGB or, while reading, (H, W, 4) CMYK; alpha is (H, W) or None.

What to notice: large pictures pass between Pillow and NumPy in strips, because Pillow keeps RGB at 4
bytes a pixel and every whole-picture conversion would hold one more copy.
"""

import logging
import re
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from colourise.errors import PhotoError
from colourise.images import metadata as meta

QUALITY = {"JPEG": 95, "WEBP": 95, "AVIF": 90, "HEIF": 90}
"""Quality of the lossy formats by default, each on its own scale of 1 to 100: high, for archives."""

NO_ALPHA = ("JPEG", "BMP")
"""Formats without transparency."""

JPEG_SEGMENT = 65_000
"""Bytes of EXIF, XMP or IPTC that fit into a JPEG, headers apart."""

_STRIP = 2**20  # pixels that pass between Pillow and NumPy at once


def prepare(max_pixels: int) -> None:
    """Let Pillow open pictures of so many pixels, and keep what it mumbles from the user's terminal.

    `warnings.catch_warnings` would be gentler than a filter that stays, but is not safe where photos are
    read in threads.
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
    """Open a file as the one format that it announces: no other decoder gets to see it."""
    if kind == "HEIF":
        _register_heif()
    return Image.open(file, formats=(kind,))


def channels(image: Image.Image) -> tuple[np.ndarray, np.ndarray | None]:
    """Take the pixels, and the alpha channel if there is one, out of Pillow.

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
        raise PhotoError(f"its pixels are of kind {image.mode}; convert it to RGB or grey first")
    pixels = np.empty(shape, np.uint8)
    alpha = None if opaque else np.empty((height, width), np.uint8)
    for rows in _strips(width, height):
        strip = np.asarray(image.crop((0, rows.start, width, rows.stop)).convert(mode))
        if alpha is None:
            pixels[rows] = strip
        else:
            pixels[rows] = strip[..., 0] if mode == "LA" else strip[..., :3]
            alpha[rows] = strip[..., -1]
    return pixels, alpha


def write(
    file: BinaryIO,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    kind: str,
    metadata: meta.Metadata,
    quality: int | None,
    notes: list[str],
) -> None:
    """Write a picture at 8 bits a channel.

    Args:
        file: at its start; must seek.
        pixels: (H, W) or (H, W, 3), uint8 or uint16.
        alpha: (H, W) of the same dtype, or None; becomes white in a format of `NO_ALPHA`.
        kind: Pillow's name of the format.
        metadata: goes in as far as the format has a place for it.
        quality: 1 to 100; None for the default.
        notes: what the user must hear is added here.
    """
    if kind == "HEIF":
        _register_heif()
    options = _options(metadata, kind, notes)
    if kind in QUALITY:
        options["quality"] = QUALITY[kind] if quality is None else quality
    _image(pixels, alpha, keep_alpha=kind not in NO_ALPHA).save(file, kind, **options)


def _options(metadata: meta.Metadata, kind: str, notes: list[str]) -> dict[str, Any]:
    """What Pillow's `save` is to be told for a format."""
    exif, xmp, iptc, dpi = metadata.exif, metadata.xmp, metadata.iptc, metadata.dpi
    options: dict[str, Any] = {"exif": exif, "icc_profile": metadata.icc, "xmp": xmp, "dpi": dpi}
    if kind == "JPEG":
        options["extra"] = meta.iptc_segment(iptc) if iptc else None
        options["subsampling"] = "4:4:4"
        for key, name, data in (("exif", "EXIF", exif), ("xmp", "XMP", xmp), ("extra", "IPTC", iptc)):
            if data and len(data) > JPEG_SEGMENT:
                options[key] = None
                notes.append(f"its {name} data are too long for JPEG and are left out")
    elif kind == "PNG" and xmp:
        from PIL.PngImagePlugin import PngInfo

        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
    elif kind == "BMP":
        if exif or xmp or iptc:
            notes.append("BMP has no place for EXIF, XMP and IPTC data; they are left out")
        options = {"dpi": dpi}
    elif kind in ("WEBP", "AVIF", "HEIF"):
        options["exif"] = meta.for_box(exif, dpi)
    if kind == "WEBP":
        options["exact"] = True  # keep the colours under what is transparent
    elif kind == "AVIF":
        options["subsampling"] = "4:4:4"
    return {key: value for key, value in options.items() if value is not None}


def _image(pixels: np.ndarray, alpha: np.ndarray | None, *, keep_alpha: bool) -> Image.Image:
    height, width = pixels.shape[:2]
    mode = ("L" if pixels.ndim == 2 else "RGB") + ("A" if alpha is not None and keep_alpha else "")
    image = Image.new(mode, (width, height))
    for rows in _strips(width, height):
        strip = to_8_bits(pixels[rows])
        if alpha is not None:
            opacity = to_8_bits(alpha[rows])
            strip = np.dstack([strip, opacity]) if keep_alpha else _on_white(strip, opacity)
        image.paste(Image.fromarray(strip), (0, rows.start))
    return image


def _strips(width: int, height: int) -> Iterator[slice]:
    step = max(1, _STRIP // width)
    for top in range(0, height, step):
        yield slice(top, min(top + step, height))


def to_8_bits(pixels: np.ndarray) -> np.ndarray:
    """Any shape, uint8 or uint16, as uint8, rounded."""
    return pixels if pixels.dtype == np.uint8 else np.rint(pixels / 257).astype(np.uint8)


def _on_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    weight = (alpha if pixels.ndim == 2 else alpha[..., None]).astype(np.uint16)
    return (255 - ((255 - pixels) * weight + 127) // 255).astype(np.uint8)


def _register_heif() -> None:
    if "HEIF" not in Image.OPEN:
        import pillow_heif

        pillow_heif.register_heif_opener()
