"""Made-up pictures, and files of them in every format that a test needs."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from colourise import images
from colourise.errors import PhotoError
from colourise.images import pillow

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description tiff:Orientation="6" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/></rdf:RDF></x:xmpmeta>'
)

IPTC = b"\x1c\x02\x78\x00\x05Hafen"  # record 2, data set 120: caption

CAPTION = "Frau Müller, Köln 1921"

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

SUFFIXES = (".jpg", ".png", ".tif", ".webp", ".bmp", ".avif", ".heic")


def picture(height: int = 48, width: int = 64, channels: int = 3) -> np.ndarray:
    """A smooth picture, every part of which differs from every other; (H, W, C) uint16."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        x / width,
        y / height,
        0.5 + 0.4 * np.sin(3 * (x + 2 * y) / width),
        0.2 + 0.7 * (x + y) / (width + height),
    ]
    return (np.stack(planes[:channels], axis=-1) * 65535).round().astype(np.uint16)


def picture8(height: int = 48, width: int = 64, channels: int = 3) -> np.ndarray:
    return (picture(height, width, channels) // 257).astype(np.uint8)


def exif(orientation: int = 1) -> Image.Exif:
    tags = Image.Exif()
    tags[270], tags[274], tags[315] = CAPTION.encode(), orientation, "A. Sander"
    tags[34665] = {36867: "1921:05:01 12:00:00", 37500: b"maker's own", 40961: 65535, 40962: 64, 40963: 48}
    tags[34853] = {1: "N", 2: (50.0, 56.0, 28.5)}
    return tags


def exif_of(photo: images.Photo) -> Image.Exif:
    tags = Image.Exif()
    tags.load(photo.metadata.exif or b"")
    return tags


def save(path: Path, image: Image.Image, **options: object) -> Path:
    if path.suffix == ".heic":
        pillow._register_heif()
    image.save(path, **options)
    return path


def deviation(photo: images.Photo, expected: np.ndarray) -> float:
    assert photo.pixels.shape == expected.shape
    assert photo.pixels.dtype == expected.dtype
    return float(np.abs(photo.pixels.astype(float) - expected).mean())


def refused(source: Path | bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        images.read(source)
    message = str(caught.value)
    name = "standard input" if isinstance(source, bytes) else str(source)
    assert message.startswith(f"{name}: ")
    assert "\n" not in message
    assert caught.value.__cause__ is not None
    return message.removeprefix(f"{name}: ")


def rich_photo(dtype: type = np.uint8) -> images.Photo:
    metadata = images.Metadata(exif().tobytes(), SRGB, XMP.replace(b'"6"', b'"1"'), IPTC, (300.0, 200.0))
    return images.Photo(picture8() if dtype == np.uint8 else picture(), None, "TIFF", metadata)


def encoded(suffix: str, deep: bool = False) -> bytes:
    noise = np.random.default_rng(0).integers(0, 65536, (40, 50, 3), dtype=np.uint16)
    photo = images.Photo(noise if deep else (noise >> 8).astype(np.uint8), None, "PNG")
    buffer = io.BytesIO()
    images.write(photo, buffer, format=suffix)
    return buffer.getvalue()
