import io
import os
import re
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import ExifTags, Image, ImageCms, ImageOps, TiffImagePlugin

from colourise import images
from colourise.errors import PhotoError
from colourise.files.names import EXTENSIONS, FORMATS
from colourise.images import pillow

XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description tiff:Orientation="6" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/></rdf:RDF></x:xmpmeta>'
)
IPTC = b"\x1c\x02\x78\x00\x05Hafen"  # record 2, data set 120: caption
CAPTION = "Frau Müller, Köln 1921"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LOSSLESS = (".png", ".tif", ".bmp")
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


# --- There and back -----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("shape", [(48, 64), (48, 64, 3), (33, 17, 3), (1, 1, 3)])
def test_there_and_back(tmp_path: Path, suffix: str, shape: tuple[int, ...]) -> None:
    pixels = picture8(*shape[:2]) if len(shape) == 3 else picture8(*shape)[..., 2]
    target = tmp_path / f"photo{suffix}"
    assert images.write(images.Photo(pixels, None, "PNG"), target) == []
    photo = images.read(target)
    assert photo.format == FORMATS[suffix]
    assert photo.notes == []
    assert photo.alpha is None
    assert photo.pixels.flags.c_contiguous
    if photo.pixels.ndim > len(shape):  # WebP, AVIF and HEIC know no grey
        photo.pixels = photo.pixels[..., 0]
    assert deviation(photo, np.ascontiguousarray(pixels)) <= (0 if suffix in LOSSLESS else 7)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_grey_in_colour_out(tmp_path: Path, suffix: str) -> None:
    source = save(tmp_path / f"old{suffix}", Image.fromarray(picture8()[..., 2]))
    photo = images.read(source)
    coloured = replace(photo, pixels=picture8())
    images.write(coloured, tmp_path / f"new{suffix}")
    assert deviation(images.read(tmp_path / f"new{suffix}"), picture8()) < 3


def test_streams() -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture8()).save(buffer, "PNG")
    photo = images.read(buffer.getvalue())
    out = io.BytesIO()
    images.write(photo, out)
    assert (images.read(out.getvalue()).pixels == picture8()).all()
    out = io.BytesIO()
    images.write(photo, out, format="tiff")
    assert images.read(out.getvalue()).format == "TIFF"


def test_pipe(tmp_path: Path) -> None:
    """A process substitution, `<(...)`, cannot seek."""
    buffer = io.BytesIO()
    Image.fromarray(picture8(8, 8)).save(buffer, "PNG")
    os.mkfifo(tmp_path / "pipe")
    with ThreadPoolExecutor(1) as pool:
        pool.submit((tmp_path / "pipe").write_bytes, buffer.getvalue())
        assert images.read(tmp_path / "pipe").pixels.shape == (8, 8, 3)


def test_quality(tmp_path: Path) -> None:
    photo = images.Photo(picture8(128, 128), None, "JPEG")
    for name in ("a.jpg", "a.webp", "a.avif", "a.heic"):
        sizes = []
        for quality in (20, None, 100):
            images.write(photo, tmp_path / name, quality=quality, overwrite=True)
            sizes.append((tmp_path / name).stat().st_size)
        assert sizes == sorted(sizes)
        assert len(set(sizes)) == 3


def test_jpeg_keeps_full_colour_resolution(tmp_path: Path) -> None:
    images.write(images.Photo(picture8(), None, "JPEG"), tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as image:
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3


# --- Orientation --------------------------------------------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_orientation(tmp_path: Path, suffix: str, orientation: int) -> None:
    image = Image.fromarray(picture8())
    upright = image.copy()
    upright.info["exif"] = exif(orientation).tobytes()
    upright = ImageOps.exif_transpose(upright)
    source = save(tmp_path / f"old{suffix}", image, exif=exif(orientation).tobytes(), dpi=(300, 200))
    photo = images.read(source)
    assert deviation(photo, np.asarray(upright)) < 3
    assert photo.pixels.flags.c_contiguous
    tags = exif_of(photo)
    assert tags.get(274, 1) == 1
    camera = tags.get_ifd(34665)
    assert (camera[40962], camera[40963]) == upright.size
    if suffix not in (".webp", ".avif"):
        assert photo.metadata.dpi == pytest.approx((200, 300) if orientation > 4 else (300, 200), abs=0.01)

    images.write(photo, tmp_path / f"new{suffix}")
    again = images.read(tmp_path / f"new{suffix}")
    assert deviation(again, photo.pixels) < 3
    assert exif_of(again).get(274, 1) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_heic(tmp_path: Path, orientation: int) -> None:
    image = Image.fromarray(picture8())
    image.info["exif"] = exif(orientation).tobytes()
    source = save(tmp_path / "a.heic", image, exif=exif(orientation).tobytes())
    photo = images.read(source)
    assert deviation(photo, np.asarray(ImageOps.exif_transpose(image))) < 4
    assert exif_of(photo)[274] == 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_orientation_at_16_bits(tmp_path: Path, suffix: str, orientation: int) -> None:
    source = tmp_path / f"a{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(source, picture(), photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    else:
        images.write(
            images.Photo(picture(), None, "PNG", images.Metadata(exif(orientation).tobytes())), source
        )
    image = Image.fromarray(picture8())
    image.info["exif"] = exif(orientation).tobytes()
    expected = np.asarray(ImageOps.exif_transpose(image))
    photo = images.read(source)
    assert photo.pixels.dtype == np.uint16
    assert (photo.pixels // 257 == expected).all()


def test_orientation_in_xmp_is_reset(tmp_path: Path) -> None:
    source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=exif(6).tobytes(), xmp=XMP)
    photo = images.read(source)
    assert photo.pixels.shape == (64, 48, 3)
    assert photo.metadata.xmp == XMP.replace(b'Orientation="6"', b'Orientation="1"')


# --- 16 bits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_of_16_bits(tmp_path: Path, channels: int) -> None:
    pixels = picture(channels=channels)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels.squeeze()))
    photo = images.read(tmp_path / "a.png")
    colours = 3 if channels > 2 else 1
    assert (photo.pixels.reshape(48, 64, colours) == pixels[..., :colours]).all()
    assert photo.pixels.dtype == np.uint16
    if channels in (2, 4):
        assert photo.alpha is not None
        assert (photo.alpha == pixels[..., -1]).all()
    else:
        assert photo.alpha is None
    coloured = replace(photo, pixels=picture())
    for suffix in (".png", ".tif"):
        assert images.write(coloured, tmp_path / f"b{suffix}") == []
        again = images.read(tmp_path / f"b{suffix}")
        assert (again.pixels == picture()).all()
        assert (again.alpha is None) == (photo.alpha is None)
        assert photo.alpha is None or (again.alpha == photo.alpha).all()


TIFFS = {
    "plain": {},
    "lzw": {"compression": "lzw", "predictor": True},
    "deflate": {"compression": "zlib", "predictor": True},
    "packbits": {"compression": "packbits"},
    "zstd": {"compression": "zstd"},
    "jpeg2000": {"compression": "jpeg2000"},
    "planar": {"planarconfig": "separate"},
    "planar lzw": {"planarconfig": "separate", "compression": "lzw", "predictor": True},
    "big-endian": {"byteorder": ">"},
    "big-endian lzw": {"byteorder": ">", "compression": "lzw", "predictor": True},
    "tiles": {"tile": (16, 32), "compression": "lzw"},
    "strips": {"rowsperstrip": 5, "compression": "lzw"},
    "bigtiff": {"bigtiff": True},
    "bigtiff big-endian": {"bigtiff": True, "byteorder": ">"},
}


@pytest.mark.parametrize("variant", TIFFS)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("kind", ["grey", "rgb", "rgba"])
def test_tiff_variants(tmp_path: Path, variant: str, dtype: type, kind: str) -> None:
    channels = {"grey": 1, "rgb": 3, "rgba": 4}[kind]
    pixels = (
        picture(channels=channels).squeeze() if dtype == np.uint16 else picture8(channels=channels).squeeze()
    )
    options = dict(TIFFS[variant])
    data = pixels
    if options.get("planarconfig") and channels > 1:
        data = np.moveaxis(pixels, -1, 0)
    else:
        options.pop("planarconfig", None)
    if kind == "rgba":
        options["extrasamples"] = ["unassalpha"]
    photometric = "minisblack" if kind == "grey" else "rgb"
    tifffile.imwrite(tmp_path / "a.tif", data, photometric=photometric, metadata=None, **options)
    photo = images.read(tmp_path / "a.tif")
    assert photo.pixels.dtype == dtype
    assert photo.pixels.dtype.isnative
    assert (photo.pixels == pixels[..., :3]).all() if kind != "grey" else (photo.pixels == pixels).all()
    assert (photo.alpha is not None) == (kind == "rgba")
    if photo.alpha is not None:
        assert (photo.alpha == pixels[..., 3]).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_tiff_with_white_as_zero(tmp_path: Path, dtype: type) -> None:
    grey = (picture() if dtype == np.uint16 else picture8())[..., 2]
    tifffile.imwrite(tmp_path / "a.tif", ~grey, photometric="miniswhite")
    assert (images.read(tmp_path / "a.tif").pixels == grey).all()


def test_tiff_of_12_bits(tmp_path: Path) -> None:
    grey = picture()[..., 2] >> 4
    data = imagecodecs.packints_encode(grey, 12, runlen=64)
    ifd = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\x08\0\0\0")
    for tag, value in {
        256: 64,
        257: 48,
        258: 12,
        259: 1,
        262: 1,
        273: 0,
        277: 1,
        278: 48,
        279: len(data),
    }.items():
        ifd[tag] = value
    with (tmp_path / "a.tif").open("wb") as file:
        ifd.save(file)
        file.write(data)
    photo = images.read(tmp_path / "a.tif")
    assert photo.pixels.dtype == np.uint16
    assert (photo.pixels == (grey * (65535 / 4095)).round()).all()


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg2000(tmp_path: Path, bits: int, channels: int) -> None:
    pixels = (picture(channels=channels) >> (16 - bits)).squeeze().astype(np.uint16 if bits > 8 else np.uint8)
    data = imagecodecs.jpeg2k_encode(pixels, bitspersample=bits, level=0)
    (tmp_path / "a.jp2").write_bytes(data)
    photo = images.read(tmp_path / "a.jp2")
    full = 255 if bits == 8 else 65535
    assert photo.pixels.dtype == pixels.dtype
    assert (photo.pixels == (pixels * (full / (2**bits - 1))).round()).all()


def test_floating_point_and_signed_tiff(tmp_path: Path) -> None:
    grey = picture()[..., 2]
    tifffile.imwrite(tmp_path / "a.tif", (grey / 65535).astype(np.float32))
    photo = images.read(tmp_path / "a.tif")
    assert np.abs(photo.pixels.astype(int) - grey).max() <= 1
    assert photo.notes == []
    for dtype in (np.int16, np.uint32, np.int32, np.float32):
        tifffile.imwrite(
            tmp_path / "a.tif",
            (np.arange(100) * 3 - (0 if dtype == np.uint32 else 9)).reshape(10, 10).astype(dtype),
        )
        photo = images.read(tmp_path / "a.tif")
        assert photo.pixels.dtype == np.uint16
        assert (photo.pixels.ravel() == np.linspace(0, 65535, 100).round()).all()
        assert "black to white" in photo.notes[0]
    tifffile.imwrite(tmp_path / "a.tif", np.full((4, 4), np.nan, np.float32))
    assert (images.read(tmp_path / "a.tif").pixels == 0).all()
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 4), np.complex64))
    assert "convert it" in refused(tmp_path / "a.tif")


def test_bits_that_are_lost_are_told() -> None:
    pillow._register_heif()
    deep = pillow_heif.from_bytes(mode="RGB;16", size=(64, 48), data=picture().tobytes())
    buffer = io.BytesIO()
    deep.save(buffer, quality=95)
    photo = images.read(buffer.getvalue())
    assert photo.notes == ["10 bits a channel became 8"]
    assert deviation(photo, picture8()) < 4


def test_premultiplied_alpha(tmp_path: Path) -> None:
    pixels = picture(channels=4)
    alpha = np.maximum(pixels[..., 3:], 20000)
    light = (pixels[..., :3].astype(np.uint64) * alpha // 65535).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "a.tif", np.dstack([light, alpha]), photometric="rgb", extrasamples=["assocalpha"]
    )
    photo = images.read(tmp_path / "a.tif")
    assert np.abs(photo.pixels.astype(int) - pixels[..., :3]).max() <= 4
    assert (photo.alpha == alpha[..., 0]).all()


def test_16_bits_into_8(tmp_path: Path) -> None:
    for suffix in (".jpg", ".webp", ".bmp"):
        notes = images.write(images.Photo(picture(), None, "TIFF"), tmp_path / f"a{suffix}")
        assert "16 bits" in notes[0]
        expected = (picture() / 257).round().astype(np.uint8)
        assert deviation(images.read(tmp_path / f"a{suffix}"), expected) < 3


# --- Kinds of pixels ----------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["raw", "packbits", "tiff_lzw", "tiff_deflate", "group3", "group4"])
def test_one_bit(tmp_path: Path, compression: str) -> None:
    image = Image.fromarray(picture8()[..., 2]).convert("1")
    expected = np.asarray(image.convert("L"))
    assert (images.read(save(tmp_path / "a.tif", image, compression=compression)).pixels == expected).all()
    assert (images.read(save(tmp_path / "a.png", image)).pixels == expected).all()


def test_colour_models_of_tiff(tmp_path: Path) -> None:
    image = Image.fromarray(picture8())
    for mode in ("YCbCr", "P", "CMYK", "RGBA", "LA", "L"):
        for compression in ("raw", "tiff_lzw"):
            source = save(tmp_path / "a.tif", image.convert(mode), compression=compression)
            photo = images.read(source)
            with Image.open(source) as opened:
                expected = np.asarray(opened.convert("RGB"))
            assert np.abs(photo.pixels.reshape(48, 64, -1).astype(int) - expected).max() <= 1
    save(tmp_path / "a.tif", ImageCms.applyTransform(image, lab_transform()))
    assert "LAB" in refused(tmp_path / "a.tif")


def lab_transform() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )


def test_ycbcr_jpeg_in_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif", picture8(), photometric="rgb", compression="jpeg", compressionargs={"level": 95}
    )
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert tiff.pages.first.photometric.name == "YCBCR"
    assert deviation(images.read(tmp_path / "a.tif"), picture8()) < 3


def test_jpeg_in_tiff(tmp_path: Path) -> None:
    source = save(tmp_path / "a.tif", Image.fromarray(picture8()), compression="jpeg", quality=95)
    assert deviation(images.read(source), picture8()) < 3


def test_palette(tmp_path: Path) -> None:
    image = Image.fromarray(picture8()).quantize(64)
    for name in ("a.png", "a.tif", "a.bmp", "a.gif"):
        photo = images.read(save(tmp_path / name, image))
        assert photo.alpha is None
        assert (photo.pixels == np.asarray(image.convert("RGB"))).all()


def test_palette_with_transparency(tmp_path: Path) -> None:
    image = Image.fromarray(picture8()).quantize(64)
    source = save(tmp_path / "a.png", image, transparency=bytes(range(100, 164)))
    photo = images.read(source)
    expected = np.asarray(Image.open(source).convert("RGBA"))
    assert photo.alpha is not None
    assert (np.dstack([photo.pixels, photo.alpha]) == expected).all()
    assert len(np.unique(photo.alpha)) > 2
    photo = images.read(save(tmp_path / "b.png", image, transparency=3))
    assert set(np.unique(photo.alpha)) == {0, 255}


def test_transparent_colour(tmp_path: Path) -> None:
    grey = picture8()[..., 2]
    photo = images.read(save(tmp_path / "a.png", Image.fromarray(grey), transparency=int(grey[5, 5])))
    assert (photo.pixels == grey).all()
    assert ((photo.alpha == 0) == (grey == grey[5, 5])).all()
    deep = picture()
    data = imagecodecs.png_encode(deep)
    key = struct.pack(">3H", *deep[5, 5])
    chunk = struct.pack(">I", 6) + b"tRNS" + key + struct.pack(">I", zlib.crc32(b"tRNS" + key))
    photo = images.read(data[:33] + chunk + data[33:])
    assert (photo.pixels == deep).all()
    assert photo.alpha is not None
    assert photo.alpha[5, 5] == 0
    assert photo.alpha[0, 0] == 65535


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".avif", ".heic"])
@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_alpha(tmp_path: Path, suffix: str, mode: str) -> None:
    pixels = picture8(channels=4)
    source = Image.fromarray(pixels if mode == "RGBA" else np.ascontiguousarray(pixels[..., 2:]))
    if mode == "LA" and suffix == ".heic":
        source = source.convert("RGBA")
    photo = images.read(save(tmp_path / f"a{suffix}", source, quality=95))
    assert photo.alpha is not None
    assert np.abs(photo.alpha.astype(int) - pixels[..., 3]).mean() < 2
    images.write(replace(photo, pixels=picture8()), tmp_path / f"b{suffix}")
    again = images.read(tmp_path / f"b{suffix}")
    assert again.alpha is not None
    assert np.abs(again.alpha.astype(int) - photo.alpha).mean() < 2
    assert deviation(again, picture8()) < 3


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
@pytest.mark.parametrize("deep", [False, True])
def test_alpha_becomes_white_where_there_is_none(tmp_path: Path, suffix: str, deep: bool) -> None:
    alpha = np.zeros((48, 64), np.uint8)
    alpha[:, 32:] = 255
    factor = 257 if deep else 1
    dtype = np.uint16 if deep else np.uint8
    photo = images.Photo(picture8().astype(dtype) * dtype(factor), alpha.astype(dtype) * dtype(factor), "PNG")
    notes = images.write(photo, tmp_path / f"a{suffix}")
    assert "white" in notes[-1]
    pixels = images.read(tmp_path / f"a{suffix}").pixels
    assert (pixels[:, :24] >= 253).all()
    assert np.abs(pixels[:, 40:].astype(int) - picture8()[:, 40:]).mean() < 3


def test_cmyk_without_profile(tmp_path: Path) -> None:
    image = Image.fromarray(picture8()).convert("CMYK")
    expected = np.asarray(image.convert("RGB"))
    for name in ("a.tif", "a.jpg"):
        photo = images.read(save(tmp_path / name, image, **({"quality": 98} if name == "a.jpg" else {})))
        assert deviation(photo, expected) < 3
    inks = np.full((4, 4, 4), 30000, np.uint16)
    tifffile.imwrite(tmp_path / "b.tif", inks, photometric="separated")
    photo = images.read(tmp_path / "b.tif")
    assert (photo.pixels == round((65535 - 30000) ** 2 / 65535)).all()


def test_unknown_extra_channel_is_left_out(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(channels=4), photometric="rgb", extrasamples=["unspecified"])
    photo = images.read(tmp_path / "a.tif")
    assert (photo.pixels == picture()).all()
    assert photo.alpha is None
    assert "left out" in photo.notes[0]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".avif"])
def test_animated(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(np.full((20, 20, 3), level, np.uint8)) for level in (40, 120, 200)]
    source = save(tmp_path / f"a{suffix}", frames[0], save_all=True, append_images=frames[1:], duration=100)
    photo = images.read(source)
    assert photo.notes == ["animated: only the first of 3 frames is taken"]
    assert np.abs(photo.pixels.astype(int) - 40).max() <= 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_pages(tmp_path: Path, dtype: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.stack([np.full((9, 9), level, dtype) for level in (3, 4)]))
    photo = images.read(tmp_path / "a.tif")
    assert photo.notes == ["2 pages: only the first is taken"]
    assert (photo.pixels == 3).all()


def test_thumbnail_page_is_no_page(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(picture8(), photometric="rgb")
        tiff.write(picture8(6, 8), photometric="rgb", subfiletype=1)
    assert images.read(tmp_path / "a.tif").notes == []


def test_two_pictures_in_a_jpeg(tmp_path: Path) -> None:
    left, right = (Image.fromarray(np.full((16, 16, 3), level, np.uint8)) for level in (50, 90))
    left.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[right])
    photo = images.read(tmp_path / "a.jpg")
    assert photo.format == "JPEG"
    assert photo.notes == ["2 pictures in one file: only the main one is taken"]


# --- Colour profiles ----------------------------------------------------------------------------------


XYZ_TO_SRGB = np.array(
    [[3.24097, -1.53738, -0.49861], [-0.96924, 1.87597, 0.04156], [0.05563, -0.20398, 1.05697]]
)


def srgb_of_linear(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1."""
    return np.where(linear <= 0.0031308, linear * 12.92, 1.055 * np.abs(linear) ** (1 / 2.4) - 0.055)


def srgb_of_adobe(adobe: np.ndarray) -> np.ndarray:
    """Adobe RGB (1998), 4.3.4 and 4.3.1.2, then IEC 61966-2-1; all of it in 0..1."""
    adobe_to_xyz = np.array(
        [[0.57667, 0.18556, 0.18823], [0.29734, 0.62736, 0.07529], [0.02703, 0.07069, 0.99134]]
    )
    linear = adobe ** (563 / 256) @ (XYZ_TO_SRGB @ adobe_to_xyz).T
    return srgb_of_linear(np.clip(linear, 0, 1))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("bits", [8, 16])
def test_adobe_rgb_becomes_srgb(tmp_path: Path, suffix: str, bits: int) -> None:
    full = 2**bits - 1
    dtype = np.uint8 if bits == 8 else np.uint16
    source = (np.random.default_rng(1).uniform(0.25, 0.75, (40, 50, 3)) * full).round().astype(dtype)
    adobe = imagecodecs.cms_profile("adobergb")
    images.write(images.Photo(source, None, "TIFF", images.Metadata(icc=adobe)), tmp_path / f"a{suffix}")
    photo = images.read(tmp_path / f"a{suffix}")
    expected = srgb_of_adobe(source / full) * full
    assert photo.pixels.dtype == dtype
    assert np.abs(photo.pixels - expected).max() < (1 if bits == 8 else full / 255 / 5)
    assert np.abs(photo.pixels.astype(int) - source).max() > 5 * full / 255
    assert photo.notes == []
    images.write(photo, tmp_path / f"b{suffix}")
    again = images.read(tmp_path / f"b{suffix}")
    assert (again.pixels == photo.pixels).all()
    assert again.metadata.icc == photo.metadata.icc
    name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(photo.metadata.icc)))
    assert "sRGB" in name


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_profile(tmp_path: Path, bits: int) -> None:
    full = 2**bits - 1
    dtype = np.uint8 if bits == 8 else np.uint16
    grey = np.linspace(0.02, 1, 2000).reshape(40, 50)
    profile = imagecodecs.cms_profile("gray", gamma=1.8)
    metadata = images.Metadata(icc=profile)
    pixels = (grey * full).round().astype(dtype)
    if bits == 8:
        Image.fromarray(pixels).save(tmp_path / "a.tif", icc_profile=profile)
    else:
        tifffile.imwrite(tmp_path / "a.tif", pixels, iccprofile=profile)
    photo = images.read(tmp_path / "a.tif")
    assert photo.pixels.shape == (40, 50)
    assert np.abs(photo.pixels - srgb_of_linear((pixels / full) ** 1.8) * full).max() < full / 255
    assert photo.metadata.icc != metadata.icc
    assert photo.metadata.icc is not None
    assert photo.metadata.icc[16:20] == b"RGB "
    images.write(photo, tmp_path / "grey.png")
    assert images.read(tmp_path / "grey.png").metadata.icc is None  # an RGB profile does not fit
    images.write(replace(photo, pixels=np.dstack([photo.pixels] * 3)), tmp_path / "rgb.png")
    assert images.read(tmp_path / "rgb.png").metadata.icc == photo.metadata.icc


def test_grey_pixels_with_rgb_profile(tmp_path: Path) -> None:
    grey = np.linspace(30, 255, 100).reshape(10, 10).astype(np.uint8)
    Image.fromarray(grey).save(
        tmp_path / "a.jpg", icc_profile=imagecodecs.cms_profile("adobergb"), quality=100
    )
    with Image.open(tmp_path / "a.jpg") as image:
        stored = np.asarray(image)
    photo = images.read(tmp_path / "a.jpg")
    expected = srgb_of_adobe(np.repeat(stored[..., None] / 255, 3, axis=-1))[..., 1] * 255
    assert photo.pixels.shape == (10, 10)
    assert np.abs(photo.pixels - expected).max() <= 1


def cmyk_profile(cyan: tuple[float, float, float]) -> bytes:
    """A printer of which is known: white paper, black black, and the Lab of full cyan (ICC.1:2001-04)."""
    grid = np.zeros((2, 2, 2, 2, 3))
    for c, m, y, k in np.ndindex(2, 2, 2, 2):
        lab = np.array(cyan if c and not (m or y) else (100, 0, 0) if not (m or y) else (20, 0, 0), float)
        grid[c, m, y, k] = (0, 0, 0) if k else lab
    clut = np.round(grid * (2.55, 1, 1) + (0, 128, 128)).astype(np.uint8).tobytes()
    identity = bytes(range(256))
    one = struct.pack(">9i", *(0x10000 if n % 4 == 0 else 0 for n in range(9)))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + one + identity * 4 + clut + identity * 3
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"test\0" + bytes(78)
    body, table, offset = b"", b"", 128 + 4 + 3 * 12
    for name, data in ((b"desc", text), (b"wtpt", white), (b"A2B0", lut)):
        table += name + struct.pack(">II", offset + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    header = struct.pack(
        ">II4s4s4s4s12s4s4s",
        offset + len(body),
        0,
        b"\2\x40\0\0",
        b"prtr",
        b"CMYK",
        b"Lab ",
        bytes(12),
        b"acsp",
        b"",
    )
    header += bytes(68 - len(header)) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + struct.pack(">I", 3) + table + body


def srgb_of_lab(lab: tuple[float, float, float]) -> np.ndarray:
    """Lab under D50 (CIE 15) to sRGB in 0..1, by the Bradford matrix of ICC.1:2022, annex E."""
    L, a, b = lab
    f = np.array([(L + 16) / 116 + a / 500, (L + 16) / 116, (L + 16) / 116 - b / 200])
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * (0.9642, 1, 0.8249)
    d65_of_d50 = [
        [0.9555766, -0.0230393, 0.0631636],
        [-0.0282895, 1.0099416, 0.0210077],
        [0.0122982, -0.020483, 1.3299098],
    ]
    return srgb_of_linear(np.clip(XYZ_TO_SRGB @ np.array(d65_of_d50) @ xyz, 0, 1))


@pytest.mark.parametrize("bits", [8, 16])
def test_cmyk_with_profile(tmp_path: Path, bits: int) -> None:
    cyan = (60.0, -20.0, -25.0)
    inks = np.zeros((8, 8, 4), np.uint8)
    inks[2:4, :, 3] = 255
    inks[4:, :, 0] = 255
    profile = cmyk_profile(cyan)
    if bits == 8:
        Image.frombytes("CMYK", (8, 8), inks.tobytes()).save(tmp_path / "a.tif", icc_profile=profile)
    else:
        tifffile.imwrite(
            tmp_path / "a.tif", inks * np.uint16(257), photometric="separated", iccprofile=profile
        )
    photo = images.read(tmp_path / "a.tif")
    assert photo.notes == []
    assert photo.pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    levels = photo.pixels / (2**bits - 1) * 255
    assert np.abs(levels[:2] - 255).max() < 1.5
    assert np.abs(levels[2:4]).max() < 1.5
    assert np.abs(levels[4:] - srgb_of_lab(cyan) * 255).max() < 1.5


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif", ".heic"])
def test_srgb_profile_is_kept(tmp_path: Path, suffix: str) -> None:
    photo = images.read(save(tmp_path / f"a{suffix}", Image.fromarray(picture8()), icc_profile=SRGB))
    assert photo.metadata.icc == SRGB
    images.write(photo, tmp_path / f"b{suffix}")
    assert images.read(tmp_path / f"b{suffix}").metadata.icc == SRGB


def test_no_profile_stays_none(tmp_path: Path) -> None:
    photo = images.read(save(tmp_path / "a.jpg", Image.fromarray(picture8())))
    assert photo.metadata.icc is None


@pytest.mark.parametrize("profile", [b"nonsense", SRGB[:200], SRGB[:16] + b"Lab " + SRGB[20:]])
def test_broken_profile_is_ignored(tmp_path: Path, profile: bytes) -> None:
    source = save(tmp_path / "a.png", Image.fromarray(picture8()), icc_profile=profile)
    photo = images.read(source)
    assert (photo.pixels == picture8()).all()
    assert photo.metadata.icc is None
    assert "ignored" in photo.notes[0]


# --- Metadata -----------------------------------------------------------------------------------------


def rich_photo(dtype: type = np.uint8) -> images.Photo:
    metadata = images.Metadata(exif().tobytes(), SRGB, XMP.replace(b'"6"', b'"1"'), IPTC, (300.0, 200.0))
    return images.Photo(picture8() if dtype == np.uint8 else picture(), None, "TIFF", metadata)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp", ".avif", ".heic", "16.png", "16.tif"])
def test_metadata_survive(tmp_path: Path, suffix: str) -> None:
    photo = rich_photo(np.uint16 if suffix.startswith("16") else np.uint8)
    assert images.write(photo, tmp_path / f"a{suffix}") == []
    again = images.read(tmp_path / f"a{suffix}")
    tags = exif_of(again)
    assert tags[270].encode("latin-1").decode() == CAPTION
    assert tags[315] == "A. Sander"
    assert tags.get_ifd(34665)[36867] == "1921:05:01 12:00:00"
    assert tags.get_ifd(34665)[37500] == b"maker's own"
    assert tags.get_ifd(34853) == {1: "N", 2: (50.0, 56.0, 28.5)}
    assert again.metadata.icc == SRGB
    assert (again.metadata.xmp or b"").rstrip(b"\0") in (
        photo.metadata.xmp,
        (photo.metadata.xmp or b"").replace(b'tiff:Orientation="1" ', b""),
    )
    assert again.metadata.dpi == pytest.approx((300, 200), abs=0.01)
    if suffix.endswith((".jpg", ".tif")):
        assert again.metadata.iptc == IPTC


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_others_read_what_we_write(tmp_path: Path, suffix: str, dtype: type) -> None:
    images.write(rich_photo(dtype), tmp_path / f"a{suffix}")
    with Image.open(tmp_path / f"a{suffix}") as image:
        image.load()
        assert image.size == (64, 48)
        assert image.getexif()[315] == "A. Sander"
        assert image.getexif().get_ifd(34665)[36867] == "1921:05:01 12:00:00"
        assert image.info["icc_profile"] == SRGB
        assert image.info["dpi"] == pytest.approx((300, 200), abs=0.01)
        assert b"xmpmeta" in image.info["xmp"]
    if suffix == ".tif":
        with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
            page = tiff.pages.first
            assert (page.asarray() == rich_photo(dtype).pixels).all()
            assert page.compression.name == "ADOBE_DEFLATE"
            assert page.tags[34665].value["DateTimeOriginal"] == "1921:05:01 12:00:00"
            assert page.tags[34853].value["GPSLatitudeRef"] == "N"
            assert page.tags[33723].value == IPTC


def test_tiff_of_many_strips(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (500, 700, 3), dtype=np.uint16)
    images.write(images.Photo(pixels, pixels[..., 0], "TIFF"), tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert len(tiff.pages.first.dataoffsets) > 5
        assert (tiff.pages.first.asarray() == np.dstack([pixels, pixels[..., 0]])).all()


def test_output_is_the_same_every_time(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        for name in ("a", "b"):
            images.write(rich_photo(), tmp_path / f"{name}{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_thumbnail_of_the_grey_photo_goes(tmp_path: Path) -> None:
    thumbnail = io.BytesIO()
    Image.fromarray(picture8(12, 16)[..., 0]).save(thumbnail, "JPEG")
    block = exif().tobytes()
    ifd_1 = len(block) - 6  # from the TIFF header on
    entries = struct.pack(">HHHIHHHHII", 3, 259, 3, 1, 6, 0, 513, 4, 1, ifd_1 + 42) + struct.pack(
        ">HHII", 514, 4, 1, len(thumbnail.getvalue())
    )
    count = struct.unpack(">H", block[14:16])[0]
    link = 16 + 12 * count
    block = (
        block[:link]
        + struct.pack(">I", ifd_1)
        + block[link + 4 :]
        + entries
        + bytes(4)
        + thumbnail.getvalue()
    )
    source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=block)
    with Image.open(source) as image:
        assert image.getexif().get_ifd(ExifTags.IFD.IFD1)[514] == len(thumbnail.getvalue())
    images.write(images.read(source), tmp_path / "b.jpg")
    assert thumbnail.getvalue() in source.read_bytes()
    assert thumbnail.getvalue() not in (tmp_path / "b.jpg").read_bytes()
    assert exif_of(images.read(tmp_path / "b.jpg"))[315] == "A. Sander"


def test_damaged_exif_costs_only_itself(tmp_path: Path) -> None:
    block = exif(6).tobytes()
    for cut in range(8, len(block), 7):
        source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=block[:cut])
        assert images.read(source).pixels.shape in ((48, 64, 3), (64, 48, 3))
    random = np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(block)
        for place in random.integers(6, len(block), 4):
            broken[place] = random.integers(256)
        source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=bytes(broken))
        images.write(images.read(source), tmp_path / "b.tif", overwrite=True)
        images.write(images.read(source), tmp_path / "b.png", overwrite=True)


def test_no_resolution_is_invented(tmp_path: Path) -> None:
    source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=exif().tobytes())
    assert images.read(source).metadata.dpi is None
    tags = exif()
    tags[282], tags[283], tags[296] = 100.0, 50.0, 3
    source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=tags.tobytes())
    assert images.read(source).metadata.dpi == pytest.approx((254, 127))


def test_colour_space_tag_follows_the_pixels(tmp_path: Path) -> None:
    icc = imagecodecs.cms_profile("adobergb")
    source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=exif().tobytes(), icc_profile=icc)
    assert exif_of(images.read(source)).get_ifd(34665)[40961] == 1


def test_too_much_for_a_jpeg(tmp_path: Path) -> None:
    photo = rich_photo()
    photo.metadata.xmp = XMP + b" " * 70_000
    assert images.write(photo, tmp_path / "a.jpg") == ["its XMP data are too long for JPEG and are left out"]
    assert images.read(tmp_path / "a.jpg").metadata.iptc == IPTC
    assert images.write(photo, tmp_path / "a.png") == []
    assert images.read(tmp_path / "a.png").metadata.xmp == photo.metadata.xmp.replace(b'"6"', b'"1"')


def test_bmp_says_what_it_loses(tmp_path: Path) -> None:
    assert "EXIF" in images.write(rich_photo(), tmp_path / "a.bmp")[0]


# --- Bad files ----------------------------------------------------------------------------------------


def encoded(suffix: str, deep: bool = False) -> bytes:
    noise = np.random.default_rng(0).integers(0, 65536, (40, 50, 3), dtype=np.uint16)
    photo = images.Photo(noise if deep else (noise >> 8).astype(np.uint8), None, "PNG")
    buffer = io.BytesIO()
    images.write(photo, buffer, format=suffix)
    return buffer.getvalue()


KINDS = [(suffix, False) for suffix in SUFFIXES] + [(".png", True), (".tif", True)]


@pytest.mark.parametrize(("suffix", "deep"), KINDS)
@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_truncated(tmp_path: Path, suffix: str, deep: bool, part: float) -> None:
    data = encoded(suffix, deep)
    source = tmp_path / f"old{suffix}"
    source.write_bytes(data[: int(len(data) * part)])
    assert re.search("truncated|damaged", refused(source))
    assert re.search("truncated|damaged", refused(data[: int(len(data) * part)]))


def test_libpng_keeps_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    data = encoded(".png", deep=True)
    for place in (12, 20, 30, len(data) - 6):  # IHDR's name, data and checksum; IEND's name
        broken = bytearray(data)
        broken[place] ^= 1
        refused(bytes(broken))
    odd = b"gAMA" + bytes(4)  # a gamma of zero, rightly summed
    chunk = struct.pack(">I", 4) + odd + struct.pack(">I", zlib.crc32(odd))
    assert images.read(data[:33] + chunk + data[33:]).pixels.dtype == np.uint16
    assert capfd.readouterr() == ("", "")


def test_pages_in_a_circle(tmp_path: Path) -> None:
    images.write(images.Photo(picture8(), None, "TIFF"), tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    entries = struct.unpack("<H", data[8:10])[0]
    link = 10 + 12 * entries
    data[link : link + 4] = struct.pack("<I", 8)  # the next page is this one
    assert images.read(bytes(data)).notes == []


def test_missing_strips_are_no_black_picture(tmp_path: Path) -> None:
    for tag, value in ((279, 0), (257, 4000)):  # length of a strip, height of the picture
        images.write(rich_photo(), tmp_path / "a.tif", overwrite=True)
        with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as tiff:
            tiff.pages.first.tags[tag].overwrite(value)
        assert "truncated" in refused(tmp_path / "a.tif")


@pytest.mark.parametrize(("suffix", "deep"), KINDS)
def test_damage_raises_nothing_else(suffix: str, deep: bool, capfd: pytest.CaptureFixture[str]) -> None:
    data = encoded(suffix, deep)
    random = np.random.default_rng(0)
    for trial in range(40):
        broken = bytearray(data)
        for place in random.integers(0, len(data) if trial % 2 else 200, 5):
            broken[place] = random.integers(256)
        try:
            images.read(bytes(broken))
        except PhotoError as err:
            assert "\n" not in str(err)
    for length in (*range(0, 64, 3), *range(64, len(data) - 1, len(data) // 8)):
        try:
            images.read(data[:length])
        except PhotoError as err:
            assert "\n" not in str(err)
    assert capfd.readouterr() == ("", "")


def test_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("<html>not found</html>" * 20)
    assert "not an image" in refused(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"")
    assert "0 bytes" in refused(tmp_path / "b.jpg")
    (tmp_path / "c.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")
    assert "not an image" in refused(tmp_path / "c.eps")
    assert "no such file" in refused(tmp_path / "d.jpg")
    assert "folder" in refused(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    source = save(tmp_path / "a.png", Image.fromarray(picture8()))
    source.chmod(0)
    assert "no permission" in refused(source)
    tmp_path.chmod(0o500)
    with pytest.raises(PhotoError, match="no permission"):
        images.write(rich_photo(), tmp_path / "b.png")


def png_header(width: int, height: int, bits: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
        for chunk in (header, data, b"IEND")
    )


def bmp_header(width: int, height: int) -> bytes:
    return b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("bits", [8, 16])
def test_no_pixels(bits: int) -> None:
    assert "no pixels (1 x 0)" in refused(png_header(1, 0, bits))
    with pytest.raises(PhotoError, match="no pixels"):
        images.write(images.Photo(np.empty((0, 4, 3), np.uint8), None, "PNG"), io.BytesIO(), format="png")


@pytest.mark.parametrize(
    "data", [png_header(30000, 20000, 8), png_header(30000, 20000, 16), bmp_header(30000, 20000)]
)
def test_bomb(data: bytes) -> None:
    message = refused(data)
    assert "30000 x 20000" in message
    assert "600 megapixels" in message
    assert "limit of 500" in message


def test_bomb_beyond_pillows_own_limit() -> None:
    assert "500 megapixels" in refused(bmp_header(60000, 60000))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bomb_in_tiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dtype: type) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((100, 100), dtype))
    monkeypatch.setattr("colourise.images.limits.MAX_PIXELS", 9999)
    assert "decompression bomb" in refused(tmp_path / "a.tif")


def test_large_photos_are_no_bombs(tmp_path: Path) -> None:
    """Pillow on its own warns above 89 megapixels, and warnings are errors here."""
    source = save(tmp_path / "a.png", Image.new("1", (10_000, 9_100)))
    assert images.read(source).pixels.shape == (9_100, 10_000)


def test_raw_camera_file(tmp_path: Path) -> None:
    tags = [(50706, "B", 4, (1, 4, 0, 0), True)]
    tifffile.imwrite(tmp_path / "a.dng", picture(), photometric="rgb", extratags=tags)
    assert "raw camera file" in refused(tmp_path / "a.dng")


# --- Writing ------------------------------------------------------------------------------------------


def test_target_is_not_overwritten_by_accident(tmp_path: Path) -> None:
    target = tmp_path / "a.png"
    target.write_bytes(b"precious")
    with pytest.raises(PhotoError, match="exists already"):
        images.write(rich_photo(), target)
    assert target.read_bytes() == b"precious"
    target.chmod(0o640)
    images.write(rich_photo(), target, overwrite=True)
    assert images.read(target).format == "PNG"
    assert target.stat().st_mode & 0o777 == 0o640
    (tmp_path / "link.png").symlink_to(target)
    images.write(rich_photo(), tmp_path / "link.png", overwrite=True)
    assert (tmp_path / "link.png").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "link.png"]


def test_new_file_obeys_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        images.write(rich_photo(), tmp_path / "a.png")
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.xyz", "cannot write .xyz; choose one of jpg"),
        ("a", "without a suffix"),
        ("no/a.png", "no such folder"),
    ],
)
def test_bad_targets(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(PhotoError, match=re.escape(reason)) as caught:
        images.write(rich_photo(), tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_special_targets(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    os.mkfifo(tmp_path / "b.png")
    for name in ("a.png", "b.png"):
        with pytest.raises(PhotoError, match="not a regular file"):
            images.write(rich_photo(), tmp_path / name, overwrite=True)
    with pytest.raises(PhotoError, match="cannot write GIF"):
        images.write(replace(rich_photo(), format="GIF"), io.BytesIO())


def test_too_large_for_the_format(tmp_path: Path) -> None:
    photo = images.Photo(np.zeros((2, 16_384), np.uint8), None, "PNG")
    with pytest.raises(PhotoError, match="more than WEBP can hold"):
        images.write(photo, tmp_path / "a.webp")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), RuntimeError("boom"), KeyboardInterrupt()]
)
def test_nothing_is_left_after_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    target = tmp_path / "a.jpg"
    target.write_bytes(b"precious")

    def half(image: Image.Image, file: io.BytesIO, *args: object, **options: object) -> None:
        file.write(b"half a file")
        raise error

    monkeypatch.setattr(Image.Image, "save", half)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else PhotoError) as caught:
        images.write(rich_photo(), target, overwrite=True)
    if isinstance(error, OSError):
        assert str(caught.value) == f"{target}: No space left on device"
    assert target.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [target]


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.tif"
    target.write_bytes(b"precious")
    result = run(
        "import os, signal, sys; from pathlib import Path; import numpy as np; from colourise import images\n"
        "os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)\n"
        "photo = images.Photo(np.zeros((99, 99, 3), np.uint8), None, 'TIFF')\n"
        "images.write(photo, Path(sys.argv[1]), overwrite=True)",
        str(target),
    )
    assert result.returncode == -9, result.stderr
    assert target.read_bytes() == b"precious"
    assert not [path for path in tmp_path.iterdir() if path.suffix in EXTENSIONS and path != target]


# --- Manners ------------------------------------------------------------------------------------------


def test_plain_photos_need_only_pillow_and_numpy(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png", "a.webp"):
        save(tmp_path / name, Image.fromarray(picture8()), exif=exif().tobytes())
    result = run(
        "import sys; from pathlib import Path; from colourise import images\n"
        "for name in ('a.jpg', 'a.png', 'a.webp'):\n"
        "    photo = images.read(Path(sys.argv[1]) / name)\n"
        "    images.write(photo, Path(sys.argv[1]) / f'new-{name}')\n"
        "heavy = 'cv2 tifffile imagecodecs pillow_heif torch onnxruntime PIL.ImageCms'.split()\n"
        "print([name for name in heavy if name in sys.modules])",
        str(tmp_path),
    )
    assert result.stdout == "[]\n", result.stderr
    assert result.stderr == ""


def test_libraries_keep_quiet(tmp_path: Path) -> None:
    """Damaged EXIF and a bomb's size make Pillow warn, and tifffile log; none of that is the user's."""
    block = exif().tobytes()
    save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=block[: len(block) // 2])
    tifffile.imwrite(tmp_path / "b.tif", picture(), photometric="rgb")
    data = bytearray((tmp_path / "b.tif").read_bytes())
    data[10:22] = b"\xff" * 12
    (tmp_path / "b.tif").write_bytes(data)
    (tmp_path / "c.tif").write_bytes(encoded(".tif")[:-3000])
    result = run(
        "import sys; from pathlib import Path; from colourise import images, errors\n"
        "for name in ('a.jpg', 'b.tif', 'c.tif'):\n"
        "    try: images.read(Path(sys.argv[1]) / name)\n"
        "    except errors.PhotoError: pass\n",
        str(tmp_path),
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_threads(tmp_path: Path) -> None:
    paths = []
    for suffix in SUFFIXES:
        images.write(rich_photo(), tmp_path / f"a{suffix}")
        paths.append(tmp_path / f"a{suffix}")
    with ThreadPoolExecutor(4) as pool:
        photos = list(pool.map(images.read, paths * 5))
    for path, photo in zip(paths * 5, photos, strict=True):
        assert deviation(photo, picture8()) < 3, path


def test_extensions() -> None:
    assert {
        ".jpg",
        ".jpeg",
        ".png",
        ".tif",
        ".tiff",
        ".webp",
        ".bmp",
        ".avif",
        ".heic",
        ".heif",
    } <= EXTENSIONS
    assert all(suffix == suffix.lower() for suffix in EXTENSIONS)
