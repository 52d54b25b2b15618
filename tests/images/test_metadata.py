import io
import struct
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from helpers.pictures import CAPTION, IPTC, SRGB, XMP, exif, exif_of, picture8, rich_photo, save
from PIL import ExifTags, Image

from colourise import images
from colourise.images import xmp


def test_orientation_in_xmp_is_reset(tmp_path: Path) -> None:
    source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=exif(6).tobytes(), xmp=XMP)
    photo = images.read(source)
    assert photo.pixels.shape == (64, 48, 3)
    assert photo.metadata.xmp == XMP.replace(b'Orientation="6"', b'Orientation="1"')


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
    packet = (again.metadata.xmp or b"").rstrip(b"\0")
    assert again.metadata.dpi == pytest.approx((300, 200), abs=0.01)
    if suffix.endswith((".jpg", ".png", ".tif")):
        assert again.metadata.iptc == IPTC
        assert packet == photo.metadata.xmp
    else:  # they have no place for IPTC
        assert (xmp.full("dc:description"), "Hafen") in list(xmp.properties(packet))


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
    assert images.write(photo, tmp_path / "a.jpg") == []  # its padding gives way
    assert images.read(tmp_path / "a.jpg").metadata.iptc == IPTC
    photo.metadata.iptc = IPTC * 20_000
    assert images.write(photo, tmp_path / "a.jpg", overwrite=True) == []
    assert images.read(tmp_path / "a.jpg").metadata.iptc == photo.metadata.iptc
    tags = exif()
    tags[60_000], tags[271] = b"x" * 40_000, "y" * 30_000
    photo.metadata.exif = tags.tobytes()
    assert images.write(photo, tmp_path / "a.jpg", overwrite=True) == ["left out: EXIF 60000"]
    assert exif_of(images.read(tmp_path / "a.jpg"))[271] == "y" * 30_000
    assert images.write(photo, tmp_path / "a.png") == []
    assert images.read(tmp_path / "a.png").metadata.xmp == photo.metadata.xmp.replace(b'"6"', b'"1"')


def test_bmp_says_what_it_loses(tmp_path: Path) -> None:
    assert "EXIF" in images.write(rich_photo(), tmp_path / "a.bmp")[0]
