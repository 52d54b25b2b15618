"""Broken files: whatever their bytes, each becomes a whole coloured photo or one line that says why not.

`COLOURISE_FUZZ=5000 pytest tests/images/test_fuzz.py` tries 5,000 files of each format instead of 60, and
other ones each time. Where a decoder crashes, the file at fault is the last one in pytest's temporary folder.
"""

import io
import os
import re
import shutil
import struct
import time
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pillow_heif
import pytest
import tifffile
from hypothesis import HealthCheck, Phase, given, settings, strategies as st
from PIL import Image, ImageCms, TiffImagePlugin

from colourise import images
from colourise.archives.job import PhotoOptions
from colourise.archives.pending import PendingJob
from colourise.archives.plan import plan_jobs
from colourise.archives.pool import Budget
from colourise.archives.run import colour_job
from colourise.colouriser import Colouriser, ModelId
from colourise.files.names import FORMATS

MANY = int(os.environ.get("COLOURISE_FUZZ", 0))
SECONDS = 10
MAX_PIXELS = 2**18  # so that what is refused as too large starts at sizes that a test can afford
MEMORY = 2**30  # bytes that such a file may ask for
BROKEN = Path(__file__).parent.parent / "broken"


# --- Sound files --------------------------------------------------------------------------------------

SIZE = WIDTH, HEIGHT = 20, 14
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description tiff:Orientation="6" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"/></rdf:RDF></x:xmpmeta>'
)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
LAB = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def picture(channels: int = 3, dtype: Any = np.uint8) -> np.ndarray:
    """(H, W, C), or (H, W) for one channel."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, channels))
    smooth = np.linspace(0, 200, WIDTH)[None, :, None] + noise / 5
    return (smooth * (np.iinfo(dtype).max // 255)).astype(dtype).squeeze()


def tags() -> bytes:
    exif = Image.Exif()
    exif[270], exif[274], exif[305], exif[306] = "Köln".encode(), 6, "Scan", "1999:01:01 00:00:00"
    exif[34665] = {36867: "1921:05:01 12:00:00", 37500: b"maker's own", 40961: 65535, 40962: 20, 40963: 14}
    exif[34853] = {1: "N", 2: (50.0, 56.0, 28.5)}
    return exif.tobytes()


def saved(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image or Image.fromarray(picture())).save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def deep_png(channels: int) -> bytes:
    photo = images.Photo(picture(min(channels, 3), np.uint16), None, "PNG")
    photo.alpha = picture(1, np.uint16) if channels == 4 else None
    photo.metadata = images.Metadata(exif=tags(), icc=SRGB, xmp=XMP, dpi=(300, 300))
    buffer = io.BytesIO()
    images.write(photo, buffer, format="png")
    return buffer.getvalue()


@cache
def seeds(kind: str) -> list[bytes]:
    """Small sound files of a format, of every kind that a decoder takes apart in its own way."""
    pillow_heif.register_heif_opener()
    colour, grey = Image.fromarray(picture()), Image.fromarray(picture(1))
    alpha, cmyk = Image.fromarray(picture(4)), colour.convert("CMYK")
    frames: dict[str, Any] = {"save_all": True, "append_images": [colour.rotate(180)]}
    told: dict[str, Any] = {"exif": tags(), "icc_profile": SRGB, "xmp": XMP}
    iptc = b"\x1c\x02\x78\x00\x05Hafen\0"
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x0a" + iptc
    ifd = TiffImagePlugin.ImageFileDirectory_v2()
    ifd[270], ifd[305] = "Köln", "Scan"
    match kind:
        case "JPEG":
            return [
                saved(
                    kind, **told, dpi=(300, 300), extra=b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc
                ),
                saved(kind, grey, icc_profile=LAB),
                saved(kind, cmyk),
                saved(kind, progressive=True, subsampling="4:2:0"),
                saved("MPO", **frames),
            ]
        case "PNG":
            return [
                saved(kind, **told, dpi=(300, 300)),
                saved(kind, grey.convert("1")),
                saved(kind, colour.quantize(16), transparency=3),
                saved(kind, alpha),
                saved(kind, grey.convert("LA"), icc_profile=SRGB),
                saved(kind, **frames),
                deep_png(1),
                deep_png(4),
                INTERLACED,
            ]
        case "TIFF":
            deep, fraction = picture(3, np.uint16), picture(1).astype(np.float32) / 255
            return [
                tiff(picture(), photometric="rgb", rowsperstrip=5, iccprofile=SRGB),
                tiff(deep, photometric="rgb", compression="zlib", predictor=True),
                tiff(deep, photometric="rgb", tile=(16, 16), compression="lzw", byteorder=">"),
                tiff(picture(), photometric="rgb", planarconfig="separate", bigtiff=True),
                tiff(fraction, compression="zlib", predictor=True),
                tiff(picture(1).astype(np.int32), bigtiff=True, byteorder=">"),
                tiff(picture(), photometric="rgb", compression="jpeg", tile=(16, 16)),
                tiff(np.stack([picture(), picture()]), photometric="rgb"),
                tiff(picture(4), photometric="rgb", extrasamples=["unassalpha"], compression="packbits"),
                tiff(picture(1), compression="zstd"),
                tiff(picture(), photometric="rgb", compression="lzma"),
                tiff(picture(), photometric="rgb", compression="webp"),
                tiff(picture(), photometric="rgb", compression="jpeg2000"),
                saved(kind, grey.convert("1"), compression="group4"),
                saved(kind, grey.convert("1"), compression="group3"),
                saved(kind, colour.quantize(16), compression="tiff_lzw"),
                saved(kind, cmyk, compression="tiff_adobe_deflate", tiffinfo=ifd, xmp=XMP, exif=tags()),
                saved(kind, colour.convert("YCbCr")),
                saved(kind, colour.convert("YCbCr"), compression="jpeg"),
            ]
        case "WEBP":
            return [
                saved(kind, **told),
                saved(kind, lossless=True),
                saved(kind, alpha),
                saved(kind, alpha, lossless=True),
                saved(kind, **frames),
            ]
        case "BMP":
            return [
                saved(kind),
                saved(kind, grey),
                saved(kind, grey.convert("1")),
                saved(kind, colour.quantize(16)),
                saved(kind, alpha),
                RUN_LENGTH_BMP,
            ]
        case "AVIF":
            ten = imagecodecs.avif_encode(picture(3, np.uint16) >> 6, bitspersample=10)
            return [
                saved(kind, **told),
                saved(kind, grey),
                saved(kind, alpha, subsampling="4:4:4"),
                saved(kind, **frames),
                bytes(ten),
            ]
        case "HEIF":
            ten = io.BytesIO()
            pillow_heif.encode("RGB;16", SIZE, picture(3, np.uint16).tobytes(), ten, quality=50)
            return [
                saved(kind, **told),
                saved(kind, grey),
                saved(kind, alpha),
                saved(kind, **frames),
                ten.getvalue(),
            ]
        case "GIF":
            return [saved(kind), saved(kind, grey, interlace=True), saved(kind, alpha), saved(kind, **frames)]
        case "JPEG2000":
            twelve = imagecodecs.jpeg2k_encode(picture(1, np.uint16) >> 4, level=0, bitspersample=12)
            return [
                saved(kind),
                saved(kind, alpha, irreversible=True, quality_layers=[20]),
                saved(kind, grey, tile_size=(8, 8), no_jp2=True),
                bytes(imagecodecs.jpeg2k_encode(picture(3, np.uint16), level=0)),
                bytes(twelve),
            ]
    raise AssertionError(kind)


def chunks(*parts: tuple[bytes, bytes]) -> bytes:
    """A PNG of chunks."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


INTERLACED = chunks(  # Adam7: 4 x 4 grey, of five passes
    (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 8, 0, 0, 0, 1)),
    (b"IDAT", zlib.compress(b"\0\1" + b"\0\2" + b"\0\3\4" + b"\0\5\6" * 2 + b"\0\7\x08\x09\x0a" * 2)),
    (b"IEND", b""),
)
RUN_LENGTH_BMP = (
    b"BM"
    + struct.pack("<IHHIIiiHHIIiiII", 1134, 0, 0, 1078, 40, 20, 14, 1, 8, 1, 56, 0, 0, 256, 0)
    + bytes(range(256)) * 4
    + b"\x14\x07\0\0" * 14
)

SUFFIX = {
    "JPEG": ".jpg",
    "PNG": ".png",
    "TIFF": ".tif",
    "WEBP": ".webp",
    "BMP": ".bmp",
    "AVIF": ".avif",
    "HEIF": ".heic",
    "GIF": ".gif",
    "JPEG2000": ".jp2",
}
MARKS = {  # before what a decoder believes
    "JPEG": rb"\xff[\xc0-\xef]|Exif\0\0|ICC_PROFILE|8BIM",
    "PNG": rb"IHDR|PLTE|tRNS|IDAT|iCCP|eXIf|iTXt|pHYs|[af]cTL|fdAT|IEND",
    "TIFF": rb"^",
    "WEBP": rb"RIFF|VP8[ LX]|AN[IM][MF]|ALPH|ICCP|EXIF|XMP ",
    "BMP": rb"^",
    "AVIF": rb"ftyp|meta|ispe|iloc|iinf|infe|ip[mr][ap]|pixi|av1C|colr|auxC|iref|moov|st..|tkhd|mdat|Exif",
    "HEIF": rb"ftyp|meta|ispe|iloc|iinf|infe|ip[mr][ap]|pixi|hvcC|colr|auxC|iref|irot|mdat|Exif",
    "GIF": rb"^|\x21[\xf9\xff]|,\0\0\0\0",
    "JPEG2000": rb"ihdr|colr|jp2c|\xff[\x51\x52\x5c\x64\x90\x93]",
}


# --- Ways to break them -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Edit:
    """One change of a file."""

    what: str
    """Its kind, of those in `__call__`."""
    where: float
    """At which share of the file, or of its marks."""
    behind: int | None
    """How many bytes behind a mark; None: anywhere."""
    length: int
    """Bytes that are meant."""
    value: bytes
    """Bytes that are written."""
    other: int
    """Which of the sound files is spliced in."""

    def __call__(self, data: bytearray, kind: str) -> None:
        """Change the data."""
        at = int(self.where * len(data))
        if self.behind is not None and (marks := list(re.finditer(MARKS[kind], data))):
            at = min(marks[int(self.where * len(marks))].end() + self.behind, len(data) - 1)
        end = at + self.length
        match self.what:
            case "put":
                data[at : at + len(self.value)] = self.value
            case "flip":
                data[at : at + 1] = bytes(byte ^ (1 << self.length % 8) for byte in data[at : at + 1])
            case "insert":
                data[at:at] = self.value
            case "drop":
                del data[at:end]
            case "truncate":
                del data[at:]
            case "double":
                data[at:at] = data[at:end] * 3
            case "blank":
                data[at:end] = bytes(len(data[at:end]))
            case "splice":
                every = seeds(kind)
                data[at:] = every[self.other % len(every)][at + self.length - 32 :]


NUMBERS = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    15,
    16,
    32,
    100,
    127,
    128,
    255,
    256,
    300,
    1000,
    4096,
    30_000,
    32767,
    32768,
    65500,
]
NUMBERS += [
    65535,
    65536,
    100_000,
    2**20,
    2**24,
    2**27,
    2**30,
    2**31 - 1,
    2**31,
    2**32 - 2,
    2**32 - 1,
    2**62,
    2**64 - 1,
]
fields = st.builds(
    lambda number, size, order: (number % 2 ** (8 * size)).to_bytes(size, order),
    st.sampled_from(NUMBERS) | st.integers(0, 2**16),
    st.sampled_from([1, 2, 2, 4, 4, 4, 8]),
    st.sampled_from(["big", "little"]),
)
edits = st.builds(
    Edit,
    what=st.sampled_from(
        [
            "put",
            "put",
            "put",
            "put",
            "flip",
            "flip",
            "insert",
            "drop",
            "truncate",
            "double",
            "blank",
            "splice",
        ]
    ),
    where=st.floats(0, 1, exclude_max=True, width=32),
    behind=st.none() | st.integers(0, 24) | st.integers(0, 240),
    length=st.integers(0, 64),
    value=fields | st.binary(min_size=1, max_size=8),
    other=st.integers(0, 20),
)


def summed(data: bytes) -> bytes:
    """A PNG with the checksums that its chunks should have."""
    mended, at = bytearray(data), 8
    while at + 12 <= len(mended):
        end = at + 8 + int.from_bytes(mended[at : at + 4])
        if end + 4 > len(mended):
            break
        mended[end : end + 4] = struct.pack(">I", zlib.crc32(mended[at + 4 : end]))
        at = end + 4
    return bytes(mended)


def broken(kind: str) -> st.SearchStrategy[bytes]:
    """Files of a format with one to four changes."""

    def make(seed: bytes, changes: list[Edit], mend: bool) -> bytes:
        data = bytearray(seed)
        for change in changes:
            if data:
                change(data, kind)
        return summed(data) if mend and kind == "PNG" else bytes(data)

    return st.builds(
        make, st.sampled_from(seeds(kind)), st.lists(edits, min_size=1, max_size=4), st.booleans()
    )


# --- What must hold -----------------------------------------------------------------------------------


class Plain:
    """A backend that paints everything in one colour."""

    name, stride = "plain", 1

    def predict_ab(self, L: np.ndarray) -> np.ndarray:
        return np.full((len(L), 2, *L.shape[2:]), 20, np.float32)


COLOURISER = Colouriser(Plain(), input_size=16, model=ModelId("plain", "0123456789ab"))


@contextmanager
def little_memory() -> Iterator[None]:
    """Let this process have no more than MEMORY above what it has, where the system can see to that."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        yield
        return
    import resource

    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    has = int(statm.read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (has + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))


def check(folder: Path, data: bytes, suffix: str, kind: str | None = None) -> str:
    """Colour a file, and see that it went well or was refused well.

    Returns:
        Why it was refused, without its name; "" if it was coloured.
    """
    shutil.rmtree(folder, ignore_errors=True)  # of one that failed
    folder.mkdir()
    source = folder / f"photo{suffix}"
    source.write_bytes(data)
    how = PhotoOptions(format=kind)
    (job,) = plan_jobs([source], None, how).jobs
    with warnings.catch_warnings(record=True) as caught, little_memory():
        warnings.resetwarnings()
        warnings.simplefilter("always")
        start = time.perf_counter()
        outcome = colour_job(PendingJob(job, "new"), COLOURISER, how, Budget(2**40), hashed=True)
        seconds = time.perf_counter() - start
        made = sorted(path.name for path in folder.iterdir() if path != source)
        assert seconds < SECONDS
        assert all(note.isprintable() and len(note) < 300 for note in outcome.notes), outcome.notes
        if outcome.result == "coloured":
            assert made == [job.target.name]
            photo, before = images.read(job.target), images.read(source)
            assert photo.pixels.shape[:2] == before.pixels.shape[:2]
            assert photo.pixels.ndim == 3
            with Image.open(job.target) as image:
                image.load()
                for ifd in (0x8769, 0x8825):
                    dict(image.getexif().get_ifd(ifd))
        else:
            assert made == []
            assert outcome.reason.startswith((f"{source}: ", f"{job.target}: "))
            assert outcome.reason.isprintable(), outcome.reason
            assert len(outcome.reason) < len(str(job.target)) + 200, outcome.reason
            assert "not enough memory" not in outcome.reason
    assert not caught, [str(warning.message) for warning in caught]
    return outcome.reason.partition(": ")[2]


@pytest.mark.parametrize("kind", SUFFIX)
def test_sound_files(tmp_path: Path, kind: str) -> None:
    """What is broken here was whole before."""
    assert [check(tmp_path / "in", seed, SUFFIX[kind]) for seed in seeds(kind)] == [""] * len(seeds(kind))


@pytest.mark.parametrize("kind", SUFFIX)
def test_broken_files(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("colourise.images.limits.MAX_PIXELS", MAX_PIXELS)
    suffixes = st.sampled_from([SUFFIX[kind]] * 9 + list(SUFFIX.values()))

    @settings(
        max_examples=MANY or 60,
        derandomize=not MANY,
        database=None,
        deadline=SECONDS * 1000,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(broken(kind), suffixes, st.sampled_from([None, None, None, "png"]))
    def one(data: bytes, suffix: str, output: str | None) -> None:
        check(tmp_path / "in", data, suffix, output)

    one()
    assert capfd.readouterr() == ("", "")


REASONS = {
    "gaps.jpg": "truncated",
    "header-of-no-png.png": "its header is no PNG's",
    "large-picture-in-a-strip.tif": "a picture of 60000 x 60000 within one of 20 x 14",
    "large-tile.tif": "tiles of 65520 x 65520",
    "late-header.png": "in its first bytes",
    "layers.tif": "several layers",
    "length-of-4-gb.png": "",
    "length-of-4-gb.tif": "",
    "many-bytes.tif": "its pixels take 60 GB",
    "numbers-for-one.tif": "several numbers for one",
    "one-strip-for-all.tif": "strips on top of each other",
    "profile-that-clears-the-screen.jpg": "",
}
"""What is said of each file, or "" if it is coloured."""


@pytest.mark.parametrize("name", sorted(path.name for path in BROKEN.iterdir() if path.suffix in FORMATS))
def test_what_broke_it_once(tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]) -> None:
    data = (BROKEN / name).read_bytes()
    reason = check(tmp_path / "in", data, Path(name).suffix)
    assert REASONS[name] in reason and bool(REASONS[name]) == bool(reason)
    assert capfd.readouterr() == ("", "")
    assert f"`{name}`" in (BROKEN / "README.md").read_text()


def test_the_first_of_many_profiles_counts() -> None:
    """Each may inflate to 64 MB; a file of 2 MB could have thirty."""
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    profiles = [(b"iCCP", b"a\0\0" + zlib.compress(icc)) for icc in (SRGB, LAB)]
    photo = images.read(
        chunks((b"IHDR", header), *profiles, (b"IDAT", zlib.compress(bytes(13))), (b"IEND", b""))
    )
    assert (photo.metadata.icc, photo.notes) == (SRGB, [])


def test_endless_pages_are_not_counted() -> None:
    data = bytearray(tiff(picture(), photometric="rgb", metadata=None))
    end = struct.unpack("<I", data[4:8])[0]
    end += 2 + 12 * struct.unpack("<H", data[end : end + 2])[0]
    data[end : end + 4] = struct.pack("<I", len(data))
    page = struct.pack("<HHHII", 1, 256, 4, 1, 20)
    for place in range(len(data), len(data) + 18 * 3000, 18):
        data += page + struct.pack("<I", place + 18)
    assert images.read(bytes(data)).notes == ["more than 1000 pages: only the first is taken"]
