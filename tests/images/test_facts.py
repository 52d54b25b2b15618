"""Each fact that a photo's file can state, in every format and depth that can hold it, into every format.

The command line colours a file for each fact and source; then the output is asked for the fact, by other
programs' eyes (Pillow, tifffile, and the bytes themselves). It is kept, or the line "left out: ..." names it.
"""

import io
import re
import struct
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from helpers.pictures import save
from PIL import Image, ImageCms, PngImagePlugin
from typer.testing import CliRunner

from colourise.cli.commands import app
from colourise.images.pillow import prepare

SIZE = WIDTH, HEIGHT = 24, 16
TEXT = "Köln, Hafen 1921"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
OUTPUTS = ("jpg", "png", "tif", "webp", "avif", "heic", "bmp")
SOURCES = (
    "jpg",
    "12.jpg",
    "png",
    "16.png",
    "tif",
    "16.tif",
    "big.tif",
    "webp",
    "avif",
    "heic",
    "jp2",
    "gif",
    "bmp",
)
WITH_EXIF = ("jpg", "12.jpg", "png", "16.png", "tif", "16.tif", "big.tif", "webp", "avif", "heic", "jp2")
WITH_XMP = (*WITH_EXIF, "gif")
WITH_IPTC = ("jpg", "12.jpg", "png", "16.png", "tif", "16.tif", "big.tif", "jp2")
ALL_BUT_BMP = frozenset(OUTPUTS) - {"bmp"}


Outputs = Callable[[str], tuple[Path, dict[str, str]]]


@dataclass(frozen=True)
class Content:
    """What is put into a file."""

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    resources: bytes = b""
    comments: tuple[bytes, ...] = ()
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    dpi: tuple[int, int] | None = None
    icc: bytes | None = None
    alpha: bool = False


@dataclass(frozen=True)
class Fact:
    """A fact, and where it is kept."""

    content: Content
    sources: tuple[str, ...]
    kept: frozenset[str]
    """Output formats that must keep it; the others may name it as left out."""
    name: str
    """How a line calls it, as a regular expression."""
    found: Callable[[Path], bool]
    """Asks an output for it."""


# --- What can be stated -------------------------------------------------------------------------------


def exif(**tags: object) -> bytes:
    block = Image.Exif()
    for name, value in tags.items():
        block[int(name[1:])] = value
    return block.tobytes()


def xmp(inside: str = "", attributes: str = "") -> bytes:
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        f'<rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" xmlns:own="urn:own" '
        f'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
        f'xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
        f'{attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def alt(name: str, text: str = TEXT) -> bytes:
    return xmp(f'<dc:{name}><rdf:Alt><rdf:li xml:lang="x-default">{text}</rdf:li></rdf:Alt></dc:{name}>')


def record(dataset: int, text: str = TEXT) -> bytes:
    return struct.pack(">BBBH", 0x1C, 2, dataset, len(text.encode())) + text.encode()


def resource(number: int, data: bytes) -> bytes:
    return b"8BIM" + struct.pack(">HHI", number, 0, len(data)) + data + b"\0" * (len(data) % 2)


def text_chunk(keyword: str, text: str = TEXT, kind: bytes = b"iTXt") -> tuple[bytes, bytes]:
    name = keyword.encode("latin-1") + b"\0"
    data = {
        b"tEXt": lambda: text.encode("latin-1"),
        b"zTXt": lambda: b"\0" + zlib.compress(text.encode("latin-1")),
        b"iTXt": lambda: b"\0\0\0\0" + text.encode(),
        b"iTXz": lambda: b"\1\0de\0Titel\0" + zlib.compress(text.encode()),
    }[kind]()
    return kind.replace(b"iTXz", b"iTXt"), name + data


def raw_profile(kind: str, data: bytes) -> tuple[bytes, bytes]:
    digits = re.sub("(.{72})", r"\1\n", data.hex())
    return text_chunk(f"Raw profile type {kind}", f"\n{kind}\n{len(data):8}\n{digits}\n", b"zTXt")


def says(text: str) -> Callable[[Path], bool]:
    return lambda file: text in seen(file)


PNG = ("png", "16.png")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GPS = exif(t34853={1: "N", 2: (50.0, 56.0, 28.5)})
LONG = alt("description", TEXT + " " + "x" * 150_000)
FACTS = {
    "exif description": Fact(
        Content(exif(t270=TEXT.encode())), WITH_EXIF, ALL_BUT_BMP, "EXIF ImageDescription", says(TEXT)
    ),
    "exif artist": Fact(Content(exif(t315=TEXT.encode())), WITH_EXIF, ALL_BUT_BMP, "EXIF Artist", says(TEXT)),
    "exif copyright": Fact(
        Content(exif(t33432=TEXT.encode())), WITH_EXIF, ALL_BUT_BMP, "EXIF Copyright", says(TEXT)
    ),
    "exif date": Fact(
        Content(exif(t34665={36867: "1921:05:01 12:00:00"})),
        WITH_EXIF,
        ALL_BUT_BMP,
        "EXIF DateTimeOriginal",
        says("1921:05:01 12:00:00"),
    ),
    "exif comment": Fact(
        Content(exif(t34665={37510: b"UNICODE\0" + TEXT.encode("utf-16-be")})),
        WITH_EXIF,
        ALL_BUT_BMP,
        "EXIF UserComment",
        says(TEXT),
    ),
    "exif change": Fact(
        Content(exif(t306="2004:05:06 07:08:09")),
        WITH_EXIF,
        ALL_BUT_BMP,
        "EXIF DateTime",
        says("2004-05-06T07:08:09"),
    ),
    "gps": Fact(Content(GPS), WITH_EXIF, ALL_BUT_BMP, "EXIF GPS Latitude", says("(50.0, 56.0, 28.5)")),
    "xmp description": Fact(
        Content(xmp=alt("description")), WITH_XMP, ALL_BUT_BMP, "XMP dc:description", says(TEXT)
    ),
    "xmp rights": Fact(Content(xmp=alt("rights")), WITH_XMP, ALL_BUT_BMP, "XMP dc:rights", says(TEXT)),
    "xmp property": Fact(
        Content(xmp=xmp(attributes=f'own:shelf="{TEXT}"')), WITH_XMP, ALL_BUT_BMP, "XMP shelf", says(TEXT)
    ),
    "xmp date": Fact(
        Content(xmp=xmp("<xmp:CreateDate>1921-05-01</xmp:CreateDate>")),
        WITH_XMP,
        ALL_BUT_BMP,
        "XMP xmp:CreateDate",
        says("1921-05-01"),
    ),
    "xmp in utf-16": Fact(
        Content(xmp=alt("description").decode().partition("?>")[2].rpartition("<?")[0].encode("utf-16")),
        ("tif", "16.tif"),
        ALL_BUT_BMP,
        "XMP dc:description",
        says(TEXT),
    ),
    "long xmp": Fact(
        Content(xmp=LONG), WITH_XMP, ALL_BUT_BMP, "XMP dc:description", says(TEXT + " " + "x" * 50_000)
    ),
    "iptc caption": Fact(
        Content(iptc=record(120)), WITH_IPTC, ALL_BUT_BMP, "IPTC Caption-Abstract", says(TEXT)
    ),
    "iptc by-line": Fact(Content(iptc=record(80)), WITH_IPTC, ALL_BUT_BMP, "IPTC By-line", says(TEXT)),
    "iptc keywords": Fact(
        Content(iptc=record(25, "Hafen") + record(25, "Kräne")),
        WITH_IPTC,
        ALL_BUT_BMP,
        "IPTC Keywords",
        lambda file: says("Hafen")(file) and says("Kräne")(file),
    ),
    "iptc city": Fact(Content(iptc=record(90)), WITH_IPTC, ALL_BUT_BMP, "IPTC City", says(TEXT)),
    "iptc date": Fact(
        Content(iptc=record(55, "19210501")),
        WITH_IPTC,
        ALL_BUT_BMP,
        "IPTC DateCreated",
        lambda file: says("19210501")(file) or says("1921-05-01")(file),
    ),
    "iptc program": Fact(
        Content(iptc=record(65)),
        WITH_IPTC,
        frozenset(("jpg", "png", "tif")),
        "IPTC OriginatingProgram",
        says(TEXT),
    ),
    "long iptc": Fact(
        Content(iptc=b"".join(record(25, f"{TEXT} {n}") for n in range(4000))),
        ("jpg", "12.jpg", "png", "16.png", "tif", "16.tif"),
        ALL_BUT_BMP,
        "IPTC Keywords",
        lambda file: says(f"{TEXT} 0")(file) and says(f"{TEXT} 3999")(file),
    ),
    "photoshop url": Fact(
        Content(resources=resource(1035, b"https://archive.example")),
        ("jpg", "12.jpg", "tif", "16.tif"),
        frozenset(("jpg", "tif", "png")),
        "Photoshop copyright URL",
        says("https://archive.example"),
    ),
    "comment": Fact(
        Content(comments=(TEXT.encode(),)),
        ("jpg", "12.jpg", "gif", "jp2"),
        ALL_BUT_BMP,
        "comment",
        says(TEXT),
    ),
    "latin comment": Fact(
        Content(comments=(TEXT.encode("latin-1"),)),
        ("jpg", "12.jpg", "gif", "jp2"),
        ALL_BUT_BMP,
        "comment",
        says(TEXT),
    ),
    "two comments": Fact(
        Content(comments=(TEXT.encode(), b"second")),
        ("jpg", "12.jpg"),
        ALL_BUT_BMP,
        "comment",
        lambda file: says(TEXT)(file) and says("second")(file),
    ),
    **{
        f"png {keyword}": Fact(
            Content(chunks=(text_chunk(keyword),)), PNG, ALL_BUT_BMP, f"PNG text {keyword}", says(TEXT)
        )
        for keyword in ("Title", "Author", "Description", "Copyright", "Software", "Source", "Comment")
    },
    **{
        f"png {kind.decode()}": Fact(
            Content(chunks=(text_chunk("Description", kind=kind),)),
            PNG,
            ALL_BUT_BMP,
            "PNG text Description",
            says(TEXT),
        )
        for kind in (b"tEXt", b"zTXt", b"iTXz")
    },
    "png date": Fact(
        Content(chunks=(text_chunk("Creation Time", "Sun, 01 May 1921 12:00:00 +0000"),)),
        PNG,
        ALL_BUT_BMP,
        "PNG text Creation Time",
        lambda file: says("01 May 1921")(file) or says("1921-05-01T12:00:00")(file),
    ),
    "png own": Fact(
        Content(chunks=(text_chunk("Shelf"),)), PNG, frozenset(("png",)), "PNG text Shelf", says(TEXT)
    ),
    "png change": Fact(
        Content(chunks=((b"tIME", struct.pack(">HBBBBB", 2004, 5, 6, 7, 8, 9)),)),
        PNG,
        ALL_BUT_BMP,
        "PNG time of change",
        says("2004-05-06T07:08:09"),
    ),
    "png raw iptc": Fact(
        Content(chunks=(raw_profile("iptc", resource(1028, record(120))),)),
        PNG,
        ALL_BUT_BMP,
        "IPTC Caption",
        says(TEXT),
    ),
    "png raw 8bim": Fact(
        Content(chunks=(raw_profile("8bim", resource(1028, record(120))),)),
        PNG,
        ALL_BUT_BMP,
        "IPTC Caption",
        says(TEXT),
    ),
    "png raw exif": Fact(
        Content(chunks=(raw_profile("exif", exif(t270=TEXT.encode())),)),
        PNG,
        ALL_BUT_BMP,
        "EXIF ImageDescription",
        says(TEXT),
    ),
    "png raw xmp": Fact(
        Content(chunks=(raw_profile("xmp", alt("description")),)),
        PNG,
        ALL_BUT_BMP,
        "XMP dc:description",
        says(TEXT),
    ),
    "resolution": Fact(
        Content(dpi=(300, 200)),
        ("jpg", "12.jpg", "png", "16.png", "tif", "16.tif", "bmp"),
        frozenset(OUTPUTS),
        "resolution",
        lambda file: dpi_of(file) == (300, 200),
    ),
    "exif resolution": Fact(
        Content(exif(t282=300.0, t283=200.0, t296=2)),
        WITH_EXIF,
        frozenset(OUTPUTS),
        "resolution",
        lambda file: dpi_of(file) == (300, 200),
    ),
    "profile": Fact(
        Content(icc=SRGB),
        SOURCES[:10],
        ALL_BUT_BMP,
        "",
        lambda file: info_of(file).get("icc_profile") == SRGB,
    ),
    "alpha": Fact(
        Content(alpha=True),
        ("png", "tif", "webp", "avif", "heic", "gif"),
        frozenset(OUTPUTS) - {"jpg", "bmp"},
        "transparent",
        lambda file: "A" in info_of(file)["mode"],
    ),
    "exif turn": Fact(
        Content(exif(t274=6)),
        WITH_EXIF,
        frozenset(OUTPUTS),
        "",
        lambda file: upright(file),
    ),
    "xmp turn": Fact(
        Content(xmp=xmp(attributes='tiff:Orientation="6"')),
        WITH_XMP,
        frozenset(OUTPUTS),
        "",
        lambda file: upright(file),
    ),
    "xmp turn as element": Fact(
        Content(xmp=xmp("<tiff:Orientation>6</tiff:Orientation>")),
        WITH_XMP,
        frozenset(OUTPUTS),
        "",
        lambda file: upright(file),
    ),
    "xmp turn by another prefix": Fact(
        Content(xmp=xmp(attributes='tiff:Orientation="6"').replace(b"tiff:", b"t:").replace(b":tiff", b":t")),
        WITH_XMP,
        frozenset(OUTPUTS),
        "",
        lambda file: upright(file),
    ),
    "exif turn counts": Fact(
        Content(exif(t274=6), xmp=xmp(attributes='tiff:Orientation="3"')),
        WITH_EXIF,
        frozenset(OUTPUTS),
        "",
        lambda file: upright(file),
    ),
}
COMBINATIONS = [(fact, source) for fact, one in FACTS.items() for source in one.sources]


# --- Files that state it ------------------------------------------------------------------------------


def grey(deep: bool) -> Image.Image:
    """A picture that is bright at its left."""
    ramp = np.tile(np.linspace(60_000, 4_000, WIDTH), (HEIGHT, 1))
    return Image.fromarray(ramp.astype(np.uint16) if deep else (ramp / 257).astype(np.uint8))


def make(path: Path, source: str, content: Content) -> None:
    """Writes a file with Pillow, and by hand where that cannot."""
    image = grey(source.startswith("16"))
    kind = source.removeprefix("16.")
    if content.alpha:
        image = image.convert("RGBA")
        image.putalpha(Image.fromarray(np.tile(np.arange(0, 240, 10, dtype=np.uint8), (HEIGHT, 1))))
    elif content.icc:
        image = image if source.startswith("16") else image.convert("RGB")
    options = {"exif": content.exif, "icc_profile": content.icc, "dpi": content.dpi, "quality": 90}
    options = {key: value for key, value in options.items() if value}
    by_hand = {"jpg": jpeg, "12.jpg": jpeg_of_12_bits, "png": png, "tif": tiff, "big.tif": big_tiff}
    (by_hand | {"jp2": jp2, "gif": gif}).get(kind, boxed)(path, image, content, options)


def jpeg(path: Path, image: Image.Image, content: Content, options: dict) -> None:
    segments = []
    block = content.resources + (resource(1028, content.iptc) if content.iptc else b"")
    for start in range(0, len(block), 60_000):
        segments.append((0xED, b"Photoshop 3.0\0" + block[start : start + 60_000]))
    if len(content.xmp) > 60_000:
        guid = md5(content.xmp, usedforsecurity=False).hexdigest().upper()
        note = f'xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="{guid}"'
        segments.append((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(attributes=note)))
        for start in range(0, len(content.xmp), 60_000):
            head = guid.encode() + struct.pack(">II", len(content.xmp), start)
            segments.append(
                (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + head + content.xmp[start : start + 60_000])
            )
    elif content.xmp:
        segments.append((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + content.xmp))
    segments += [(0xFE, comment) for comment in content.comments]
    extra = b"".join(struct.pack(">BBH", 0xFF, mark, len(data) + 2) + data for mark, data in segments)
    image.save(path, extra=extra, **options)


def jpeg_of_12_bits(path: Path, image: Image.Image, content: Content, options: dict) -> None:
    """The segments of another JPEG before the picture."""
    jpeg(path, image, content, options)
    data = bytes(imagecodecs.jpeg8_encode(np.asarray(grey(True)) >> 4, level=90, bitspersample=12))
    tables = b"\xff\xdb"
    path.write_bytes(path.read_bytes().partition(tables)[0] + tables + data.partition(tables)[2])


def png(path: Path, image: Image.Image, content: Content, options: dict) -> None:
    info = PngImagePlugin.PngInfo()
    if content.xmp:
        info.add_itxt("XML:com.adobe.xmp", content.xmp.decode())
    if content.iptc:
        info.add(*raw_profile("iptc", resource(1028, content.iptc)))
    for name, data in content.chunks:
        info.add(name, data)
    image.save(path, pnginfo=info, **options)


def tiff(path: Path, image: Image.Image, content: Content, options: dict) -> None:
    tags = Image.Exif()
    tags.load(content.exif)
    tags.update({tag: value.encode("latin-1") for tag, value in tags.items() if isinstance(value, str)})
    more = {700: content.xmp, 33723: content.iptc, 34377: content.resources}
    tags.update({tag: value for tag, value in more.items() if value})
    image.save(path, **(options | {"exif": tags}))


def big_tiff(path: Path, image: Image.Image, content: Content, options: dict) -> None:
    """Writes a big-endian BigTIFF, by rewriting what Pillow makes."""
    buffer = io.BytesIO()
    tiff(buffer, image, content, options | {"format": "TIFF"})
    data = buffer.getvalue()
    made = bytearray(b"MM\0\x2b\0\x08\0\0" + struct.pack(">Q", 16))

    def offset_of(start: int, wanted: int) -> int:
        """The number of a tag that has one; 0 if there is none."""
        (count,) = struct.unpack_from("<H", data, start)
        numbers = [struct.unpack_from("<HHII", data, start + 2 + 12 * number) for number in range(count)]
        return next((value for tag, _, _, value in numbers if tag == wanted), 0)

    def directory(start: int, at: int) -> bytes:
        """The directory as it stands at `at`, with what it points to behind it."""
        (count,) = struct.unpack_from("<H", data, start)
        entries, more, pixels = b"", b"", data[offset_of(start, 273) :][: offset_of(start, 279)]
        behind = at + 8 + 20 * count + 8
        for number in range(count):
            tag, kind, length, place = struct.unpack_from("<HHI4s", data, start + 2 + 12 * number)
            size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 1, 7: 1, 10: 4}[kind]
            total = length * (8 if kind in (5, 10) else size)
            (offset,) = struct.unpack("<I", place)
            raw = place[:total] if total <= 4 else data[offset : offset + total]
            value = np.frombuffer(raw, f"<u{size}").astype(f">u{size}").tobytes()
            if tag in (34665, 34853, 273):
                value = struct.pack(">Q", behind + len(more))
                kind, length = 16, 1
                more += directory(offset, behind + len(more)) if tag != 273 else pixels
            elif len(value) > 8:
                value, more = struct.pack(">Q", behind + len(more)), more + value
            entries += struct.pack(">HHQ", tag, kind, length) + value.ljust(8, b"\0")
        return struct.pack(">Q", count) + entries + bytes(8) + more

    path.write_bytes(made + directory(struct.unpack_from("<I", data, 4)[0], 16))


def boxed(path: Path, image: Image.Image, content: Content, options: dict) -> None:
    save(path, image, **({"xmp": content.xmp} if content.xmp else {}), **options)


def jp2(path: Path, image: Image.Image, content: Content, options: dict) -> None:
    buffer = io.BytesIO()
    comment = {"comment": content.comments[0]} if content.comments else {}
    image.save(buffer, "JPEG2000", **comment)
    boxes = [(bytes.fromhex("be7acfcb97a942e89c71999491e3afac"), content.xmp)]
    boxes += [(b"JpgTiffExif->JP2", content.exif.removeprefix(b"Exif\0\0"))]
    boxes += [(bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"), content.iptc)]
    packed = b"".join(
        struct.pack(">I", 24 + len(data)) + b"uuid" + name + data for name, data in boxes if data
    )
    start, code, end = buffer.getvalue().partition(b"jp2c")
    path.write_bytes(start[:-4] + packed + start[-4:] + code + end)


def gif(path: Path, image: Image.Image, content: Content, options: dict) -> None:
    buffer = io.BytesIO()
    if content.alpha:
        image = image.convert("L").convert("P")
        options = {"transparency": image.getpixel((0, 0))}
    image.save(buffer, "GIF", **{key: value for key, value in options.items() if key == "transparency"})
    data = buffer.getvalue()
    table = 13 + (3 << (data[10] & 7) + 1)
    more = b""
    for comment in content.comments:
        more += b"!\xfe" + bytes([len(comment)]) + comment + b"\0"
    if content.xmp:
        more += b"!\xff\x0bXMP DataXMP" + content.xmp + b"\1" + bytes(range(255, -1, -1)) + b"\0"
    path.write_bytes(data[:table] + more + data[table:])


# --- Outputs, seen by others --------------------------------------------------------------------------


def texts(value: object) -> Iterator[str]:
    if isinstance(value, bytes):
        yield from (value.decode(code, "replace") for code in ("utf-8", "latin-1", "utf-16-be", "utf-16-le"))
        hexadecimal = re.fullmatch(rb"\s*\w+\s+\d+\s+([0-9a-f\s]+)", value)
        if hexadecimal:
            yield from texts(bytes.fromhex(hexadecimal[1].decode()))
    elif isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, str):
        yield value
        yield from texts(value.encode("latin-1", "replace"))
    else:
        yield str(value)


def seen(path: Path) -> str:
    """All texts that Pillow and tifffile find in a file, or that stand in it as they are."""
    found = [path.read_bytes().decode(code, "replace") for code in ("utf-8", "latin-1")]
    with Image.open(path) as image:
        image.load()
        tags = image.getexif()
        found += texts(dict(tags)) if tags else []
        for directory in (34665, 34853):
            found += texts(dict(tags.get_ifd(directory)))
        found += texts({key: value for key, value in image.info.items() if key != "icc_profile"})
        found += texts(getattr(image, "text", {}))
        found += [text for _, data in getattr(image, "applist", []) for text in texts(data)]
        segments = [data for _, data in getattr(image, "applist", []) if data.startswith(b"Photoshop 3.0\0")]
        found += texts(b"".join(data[14:] for data in segments))
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as opened:
            found += [text for tag in opened.pages.first.tags if tag.code > 400 for text in texts(tag.value)]
    return "\n".join(found).replace("\0", "")


def info_of(path: Path) -> dict:
    with Image.open(path) as image:
        return image.info | {"mode": image.mode}


def dpi_of(path: Path) -> tuple[int, int] | None:
    with Image.open(path) as image:
        dpi = image.info.get("dpi") or tuple(image.getexif().get(tag, 0) for tag in (282, 283))
        return round(float(dpi[0])), round(float(dpi[1]))


def upright(path: Path) -> bool:
    """Whether the picture was turned by a quarter, and says so no more."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("L")).astype(int)
        once = image.getexif().get(274, 1) == 1 and not re.search('Orientation(="|>)[2-8]', seen(path))
    return once and pixels.shape == (WIDTH, HEIGHT) and pixels[0].mean() > pixels[-1].mean() + 100


# --- Through the command line -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("facts")
    prepare(10**6)
    for fact, source in COMBINATIONS:
        make(folder / file_name(fact, source), source, FACTS[fact].content)
    return folder


def file_name(fact: str, source: str) -> str:
    return f"{fact.replace(' ', '-')}-of-{source.replace('.', '-')}.{source.rpartition('.')[2]}"


@pytest.fixture(scope="module")
def outputs(sources: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Outputs:
    """Colours all of them into a format; gives the folder, and what was noted on each file."""
    done: dict[str, tuple[Path, dict[str, str]]] = {}

    def outputs(suffix: str) -> tuple[Path, dict[str, str]]:
        if suffix not in done:
            folder = tmp_path_factory.mktemp(suffix)
            photos = sorted(str(path) for path in sources.iterdir())
            command = [*photos, "-o", str(folder), "--format", suffix, "--model", str(tiny_model)]
            result = CliRunner().invoke(app, command)
            notes: dict[str, str] = defaultdict(str)
            for line in result.stderr.splitlines():
                if line.startswith("failed "):
                    notes[""] += f"{line}\n"
                elif line.startswith("note "):
                    path, _, note = line.removeprefix("note ").partition(": ")
                    notes[Path(path).name] += f"{note}\n"
            done[suffix] = folder, notes
        assert not done[suffix][1][""]
        return done[suffix]

    return outputs


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("fact", "source"), COMBINATIONS)
def test_kept_or_named(outputs: Outputs, fact: str, source: str, output: str) -> None:
    folder, notes = outputs(output)
    name = file_name(fact, source)
    one = FACTS[fact]
    made = folder / Path(name).with_suffix(f".{output}")
    lines = [line for line in notes[name].splitlines() if line.startswith("left out: ")]
    assert len(lines) <= 1
    if one.found(made):
        assert not lines
    else:
        assert output not in one.kept, notes[name]
        assert not one.name or re.search(one.name, notes[name]), notes[name]
    if output in one.kept:
        assert one.found(made)
