import io
import struct
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from helpers.pictures import SRGB, deviation, picture8, save
from PIL import Image, ImageCms

from colourise import images


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
