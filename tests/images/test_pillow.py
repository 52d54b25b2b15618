import io
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from helpers.pictures import SUFFIXES, deviation, exif, exif_of, picture, picture8, rich_photo, save
from PIL import Image, ImageFile, ImageOps

from colourise import images
from colourise.images import pillow


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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_heic(tmp_path: Path, orientation: int) -> None:
    image = Image.fromarray(picture8())
    image.info["exif"] = exif(orientation).tobytes()
    source = save(tmp_path / "a.heic", image, exif=exif(orientation).tobytes())
    photo = images.read(source)
    assert deviation(photo, np.asarray(ImageOps.exif_transpose(image))) < 4
    assert exif_of(photo)[274] == 1


def test_bits_that_are_lost_are_told() -> None:
    pillow._register_heif()
    deep = pillow_heif.from_bytes(mode="RGB;16", size=(64, 48), data=picture().tobytes())
    buffer = io.BytesIO()
    deep.save(buffer, quality=95)
    photo = images.read(buffer.getvalue())
    assert photo.notes == ["10 bits a channel became 8"]
    assert deviation(photo, picture8()) < 4


def test_16_bits_into_8(tmp_path: Path) -> None:
    for suffix in (".jpg", ".webp", ".bmp"):
        notes = images.write(images.Photo(picture(), None, "TIFF"), tmp_path / f"a{suffix}")
        assert "16 bits" in notes[0]
        expected = (picture() / 257).round().astype(np.uint8)
        assert deviation(images.read(tmp_path / f"a{suffix}"), expected) < 3


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


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".avif"])
def test_animated(tmp_path: Path, suffix: str) -> None:
    frames = [Image.fromarray(np.full((20, 20, 3), level, np.uint8)) for level in (40, 120, 200)]
    source = save(tmp_path / f"a{suffix}", frames[0], save_all=True, append_images=frames[1:], duration=100)
    photo = images.read(source)
    assert photo.notes == ["animated: only the first of 3 frames is taken"]
    assert np.abs(photo.pixels.astype(int) - 40).max() <= 3


def test_two_pictures_in_a_jpeg(tmp_path: Path) -> None:
    left, right = (Image.fromarray(np.full((16, 16, 3), level, np.uint8)) for level in (50, 90))
    left.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[right])
    photo = images.read(tmp_path / "a.jpg")
    assert photo.format == "JPEG"
    assert photo.notes == ["2 pictures in one file: only the main one is taken"]


def test_output_is_the_same_every_time(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        for name in ("a", "b"):
            images.write(rich_photo(), tmp_path / f"{name}{suffix}")
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


@pytest.mark.parametrize("transparent", [False, True])
@pytest.mark.parametrize("grey", [False, True])
def test_gif(tmp_path: Path, transparent: bool, grey: bool) -> None:
    image = Image.fromarray(picture8()[..., 2]) if grey else Image.fromarray(picture8()).quantize(64)
    options = {"transparency": int(np.asarray(image)[5, 5])} if transparent else {}
    photo = images.read(save(tmp_path / "a.gif", image, **options))
    pixels = photo.pixels if photo.pixels.ndim == 3 else np.dstack([photo.pixels] * 3)
    assert (pixels == np.asarray(image.convert("RGB"))).all()
    assert (photo.alpha is None) != transparent


def test_a_frame_smaller_than_its_canvas() -> None:
    buffer = io.BytesIO()
    Image.fromarray(picture8()[..., 2]).save(buffer, "GIF")
    data = bytearray(buffer.getvalue())
    data[6:10] = (100).to_bytes(2, "little") + (90).to_bytes(2, "little")
    photo = images.read(bytes(data))
    assert photo.pixels.shape[:2] == (90, 100)
    assert (photo.pixels.reshape(90, 100, -1)[:48, :64, 0] == picture8()[..., 2]).all()


class Lazy(ImageFile.PyDecoder):
    """A decoder that leaves out the rows from 5 to 8 without a word."""

    _pulls_fd = True

    def decode(self, buffer: object) -> tuple[int, int]:
        for rows in ((0, 5), (9, 20)):
            part = Image.fromarray(np.full((rows[1] - rows[0], 30), 77, np.uint8)).convert(self.mode)
            self.im.paste(part.im, (0, rows[0], 30, rows[1]))
        return -1, 0


class Made(ImageFile.ImageFile):
    """An image of 30 x 20 pixels."""

    def __init__(self, file: io.BytesIO, mode: str, lazy: bool) -> None:
        self.wanted, self.lazy = mode, lazy
        super().__init__(file)

    def _open(self) -> None:
        self._mode, self._size = self.wanted, (30, 20)
        arguments = () if self.lazy else self.wanted
        self.tile = [ImageFile._Tile("lazy" if self.lazy else "raw", (0, 0, 30, 20), 0, arguments)]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA"])
@pytest.mark.parametrize("lazy", [True, False])
def test_rows_that_no_decoder_wrote(monkeypatch: pytest.MonkeyPatch, mode: str, lazy: bool) -> None:
    monkeypatch.setitem(Image.DECODERS, "lazy", Lazy)

    def opened() -> Image.Image:
        return Made(io.BytesIO(bytes(20 * 30 * 4)), mode, lazy)

    if lazy:
        with pytest.raises(EOFError):
            pillow.load(opened(), opened)
    else:
        pillow.load(opened(), opened)


@pytest.mark.parametrize(("alpha", "notes"), [(0, ["its alpha channel is zero everywhere, and"]), (9, [])])
def test_an_alpha_channel_that_a_bmp_does_not_use(tmp_path: Path, alpha: int, notes: list[str]) -> None:
    pixels = picture8(6, 4, channels=4)
    pixels[..., 3] = alpha
    masks = (0xFF, 0xFF00, 0xFF0000, 0xFF000000)
    header = struct.pack("<IiiHHIIiiII4I", 56, 4, -6, 1, 32, 3, 0, 2835, 2835, 0, 0, *masks)
    (tmp_path / "a.bmp").write_bytes(
        b"BM" + struct.pack("<IHHI", 70 + 96, 0, 0, 70) + header + pixels.tobytes()
    )
    photo = images.read(tmp_path / "a.bmp")
    assert (photo.pixels == pixels[..., :3]).all()
    assert [note[: len(start)] for note, start in zip(photo.notes, notes, strict=True)] == notes
    assert (photo.alpha is None) == bool(notes)
