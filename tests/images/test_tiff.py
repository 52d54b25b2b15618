import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from helpers.pictures import deviation, picture, picture8, refused, rich_photo, save
from PIL import Image, ImageCms, TiffImagePlugin

from colourise import images

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


def test_numbers_that_damage_makes(tmp_path: Path) -> None:
    signalling = np.frombuffer(struct.pack("<4I", 0x7F800001, 0x3F800000, 0, 0x3F000000), "<f4")
    tifffile.imwrite(tmp_path / "a.tif", signalling.reshape(2, 2))
    assert images.read(tmp_path / "a.tif").pixels.ravel().tolist() == [0, 65535, 0, 32768]
    tifffile.imwrite(tmp_path / "a.tif", np.array([[-1.7e308, 0], [1.7e308, -np.inf]]))
    assert images.read(tmp_path / "a.tif").pixels.ravel().tolist() == [0, 32768, 65535, 32768]


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


CASES = Path(__file__).parent.parent / "cases"


def test_palette_with_alpha() -> None:
    with Image.open(CASES / "palette_alpha.tif") as image:
        assert image.mode == "PA"
        expected = np.asarray(image.convert("RGBA"))
    photo = images.read(CASES / "palette_alpha.tif")
    assert (photo.pixels == expected[..., :3]).all()
    assert photo.alpha is not None
    assert (photo.alpha == expected[..., 3]).all()
    assert len(np.unique(photo.alpha)) > 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(("meaning", "kept"), [("unassalpha", True), ("assocalpha", True), (0, False)])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_palette_with_a_second_channel(
    tmp_path: Path, dtype: type, meaning: str | int, kept: bool, byteorder: str
) -> None:
    indices, alpha = np.mgrid[0:10, 0:12].astype(dtype)
    levels = 2 ** (8 * np.dtype(dtype).itemsize)
    table = np.stack(
        [np.arange(levels) * 257 % 65536, np.arange(levels) % 7 * 9000, np.arange(levels) % 65536]
    )
    tifffile.imwrite(
        tmp_path / "a.tif",
        np.dstack([indices, alpha * (levels // 12)]),
        photometric="minisblack",
        extrasamples=[meaning],
        planarconfig="contig",
        byteorder=byteorder,
        extratags=[(320, "H", table.size, table.ravel().tolist(), True)],
    )
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as opened:
        opened.pages.first.tags[262].overwrite(3)  # a palette
    photo = images.read(tmp_path / "a.tif")
    assert (photo.pixels == (table.T[indices] >> 8).astype(np.uint8)).all()
    assert (photo.alpha is not None) == kept
    if photo.alpha is not None:
        assert photo.alpha.dtype == photo.pixels.dtype
        assert np.abs(photo.alpha / 255 - alpha / 12).max() < 0.02


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


def test_unknown_extra_channel_is_left_out(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", picture(channels=4), photometric="rgb", extrasamples=["unspecified"])
    photo = images.read(tmp_path / "a.tif")
    assert (photo.pixels == picture()).all()
    assert photo.alpha is None
    assert "left out" in photo.notes[0]


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


def test_tiff_of_many_strips(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (500, 700, 3), dtype=np.uint16)
    images.write(images.Photo(pixels, pixels[..., 0], "TIFF"), tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        assert len(tiff.pages.first.dataoffsets) > 5
        assert (tiff.pages.first.asarray() == np.dstack([pixels, pixels[..., 0]])).all()


def test_pages_in_a_circle(tmp_path: Path) -> None:
    images.write(images.Photo(picture8(), None, "TIFF"), tmp_path / "a.tif")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    entries = struct.unpack("<H", data[8:10])[0]
    link = 10 + 12 * entries
    data[link : link + 4] = struct.pack("<I", 8)  # the next page is this one
    assert images.read(bytes(data)).notes == []


def test_missing_strips_are_no_black_picture(tmp_path: Path) -> None:
    images.write(rich_photo(), tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as tiff:
        tiff.pages.first.tags[257].overwrite(4000)  # height of the picture
    assert "truncated" in refused(tmp_path / "a.tif")


def test_raw_camera_file(tmp_path: Path) -> None:
    tags = [(50706, "B", 4, (1, 4, 0, 0), True)]
    tifffile.imwrite(tmp_path / "a.dng", picture(), photometric="rgb", extratags=tags)
    assert "raw camera file" in refused(tmp_path / "a.dng")


@pytest.mark.parametrize("damaged", [0, 5])
def test_a_palette_of_8_bits_with_damaged_numbers(tmp_path: Path, damaged: int) -> None:
    """Where 16 bits belong; one large number made all others black."""
    palette = np.tile(np.arange(256, dtype=np.uint16), (3, 1))
    palette[:, 250 : 250 + damaged] = 40_000
    indices = np.arange(240, dtype=np.uint8).reshape(12, 20)
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=palette)
    assert (images.read(tmp_path / "a.tif").pixels == indices[..., None]).all()
