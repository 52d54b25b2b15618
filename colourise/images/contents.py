"""What a file holds beside its pixels, whatever its format: read alike from photos and from outputs.

What to notice: the decoders of pixels need not know about captions, and a fact is found in the same way at 8
and at 16 bits. A part that nobody here knows is named among `others`.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image

from colourise.images import photoshop
from colourise.images.containers import Part, parts
from colourise.images.photoshop import IPTC_RESOURCE, Resource, text_of

IPTC, PHOTOSHOP = 33723, 34377  # TIFF tags
_LONGEST = 2**22  # bytes that a compressed text may unpack to
_XMP, _XMP_EXTENSION = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
_RAW_PROFILE = "Raw profile type "  # ImageMagick's, in hexadecimal digits
_XMP_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF_UUID = b"JpgTiffExif->JP2"
_IPTC_UUID = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
_ENCODER = re.compile(rb"(?i)\s*(created by|creator:|encoded by|kakadu|kdu|jasper|leadtools)")

_SEGMENTS = {  # how a JPEG's segments begin, and what they are called; "": part of the coding
    b"JFIF\0": "",
    b"JFXX\0": "",
    b"Adobe": "",
    b"ICC_PROFILE\0": "",
    b"MPF\0": "",  # further pictures, which the decoder has counted
    b"Ducky\0\1\0\4": "",  # the quality alone
    b"Exif\0": "",  # read by Pillow
    b"urn:iso:std:iso:ts:21496": "gain map",
    b"JP": "Content Credentials",
}
_SILENT = {
    "PNG": "IHDR PLTE IDAT IEND tRNS gAMA cHRM sRGB sBIT bKGD hIST sPLT iCCP cICP mDCV cLLI pHYs eXIf "
    "acTL fcTL fdAT iDOT",
    "WEBP": "VP8_ VP8L VP8X ALPH ANIM ANMF ICCP EXIF XMP_",
    "GIF": "NETSCAPE2.0 ANIMEXTS1.0 ICCRGBG1012",
    "JPEG2000": "jP__ ftyp ihdr bpcc colr pclr cmap cdef opct rreq jpch jplh cgrp jp2c free mdat resc resd",
    "HEIF": "ftyp styp hdlr iloc iref pitm ispe pixi colr hvcC av1C a1op a1lx lsel lhvC ipma irot imir clap "
    "pasp idat dinf free skip mdat moov grpl clli mdcv cclv rloc oinf tols ipro altt amve hvc1 av01 grid "
    "iden iovl lhv1 jpeg avc1 hvt1 j2k1 unci vvc1 tili Exif",
}
_SILENT["AVIF"] = _SILENT["HEIF"]
_QUIET = {kind: {name.replace("_", " ") for name in names.split()} for kind, names in _SILENT.items()}
_NAMES = {"caBX": "Content Credentials", "tmap": "gain map", "prVW": "preview", "text": "text on the picture"}


@dataclass(frozen=True)
class Chunk:
    """A chunk of a PNG that can stand in the next one as it is."""

    name: bytes
    """Such as b"tEXt"."""
    data: bytes
    """Its content, as it is stored."""
    keyword: str = ""
    """What the text is, such as "Title"; empty: no text."""
    text: str = ""


@dataclass
class Contents:
    """What a file holds beside its pixels."""

    exif: Image.Exif = field(default_factory=Image.Exif)
    """EXIF, or the directory of a TIFF."""
    xmp: bytes | None = None
    """XMP packet, whole."""
    iptc: bytes | None = None
    """Records of IPTC-IIM."""
    resources: list[Resource] = field(default_factory=list)
    """Photoshop's image resources but IPTC."""
    comments: list[bytes] = field(default_factory=list)
    """Comments of JPEG, GIF and JPEG 2000."""
    chunks: list[Chunk] = field(default_factory=list)
    """Texts of PNG, and whatever else can stand in the next PNG."""
    profile: bytes | None = None
    """ICC profile, where only this module finds it."""
    others: list[str] = field(default_factory=list)
    """Names of what is there besides."""


def contents_of(file: BinaryIO, kind: str, info: Mapping[str, Any], tags: Image.Exif) -> Contents:
    """Read what a file holds beside its pixels.

    Args:
        file: must seek.
        kind: Pillow's name of the format.
        info: what its decoder found, by Pillow's keys: "xmp" and "iptc".
        tags: EXIF, or the directory of a TIFF, as its decoder found them.
    """
    xmp, iptc = info.get("xmp"), info.get("iptc")
    found = Contents(tags, xmp if isinstance(xmp, bytes) and xmp else None)
    if kind == "TIFF":
        _add_tiff(found, iptc, tags)
    elif kind == "JPEG":
        _add_jpeg(found, parts(file, kind))
    elif kind == "PNG":
        _add_png(found, parts(file, kind))
    else:
        _add_others(found, kind, parts(file, kind))
    return found


def _add_resources(found: Contents, block: bytes) -> None:
    if block.startswith(b"\x1c"):  # not wrapped
        found.iptc = found.iptc or block
        return
    for resource in photoshop.resources(block.removeprefix(photoshop.HEADER)):
        if resource.number == IPTC_RESOURCE:
            found.iptc = found.iptc or resource.data or None
        else:
            found.resources.append(resource)


def _add_exif(found: Contents, block: bytes) -> None:
    if len(found.exif):
        return
    try:
        found.exif.load(block)
    except (SyntaxError, ValueError, struct.error, TypeError):  # no TIFF header
        found.others.append("EXIF")


# --- TIFF ---------------------------------------------------------------------------------------------


def _add_tiff(found: Contents, iptc: Any, tags: Image.Exif) -> None:
    iptc = iptc if iptc is not None else tags.get(IPTC)
    if isinstance(iptc, tuple | list) and all(isinstance(number, int) for number in iptc):
        order = ("<", ">") if tags.endian == "<" else (">", "<")  # of 32-bit numbers, as libtiff writes it
        packed = [
            struct.pack(f"{mark}{len(iptc)}I", *(number & 0xFFFFFFFF for number in iptc)) for mark in order
        ]
        iptc = next((data for data in packed if data.startswith(b"\x1c")), None)
    found.iptc = iptc if isinstance(iptc, bytes) and iptc else None
    block = tags.get(PHOTOSHOP)
    if isinstance(block, bytes):
        _add_resources(found, block)


# --- JPEG ---------------------------------------------------------------------------------------------


def _add_jpeg(found: Contents, segments: Iterable[Part]) -> None:
    extensions: dict[str, dict[int, bytes]] = {}
    block = b""
    for segment in segments:
        data = segment.data
        if segment.name == "COM":
            found.comments.append(data)
        elif data.startswith(photoshop.HEADER):
            block += data.removeprefix(photoshop.HEADER)
        elif data.startswith(_XMP_EXTENSION) and len(data) >= 75:
            guid = data[35:67].decode("latin-1").upper()
            extensions.setdefault(guid, {})[int.from_bytes(data[71:75])] = data[75:]
        elif data.startswith(b"JFIF\0") and len(data) >= 12 and data[7] == 0 and data[8:10] != data[10:12]:
            found.others.append("pixel aspect ratio")
        elif not data.startswith(_XMP):
            name = next((name for start, name in _SEGMENTS.items() if data.startswith(start)), None)
            if name is None:
                start = data[:24].split(b"\0")[0].decode("latin-1")
                name = (
                    f"{segment.name} ({start})"
                    if start.isascii() and start.isprintable() and start
                    else segment.name
                )
            if name and name not in found.others:
                found.others.append(name)
    if block:
        _add_resources(found, block)
    if extensions:
        _add_extension(found, extensions)


def _add_extension(found: Contents, extensions: dict[str, dict[int, bytes]]) -> None:
    """Join an XMP packet with its extension, if it is whole."""
    from hashlib import md5

    from colourise.images import xmp

    guid = xmp.extension_of(found.xmp or b"").upper()
    pieces = extensions.pop(guid, {})
    whole = b"".join(piece for _, piece in sorted(pieces.items()))
    try:
        if not found.xmp or md5(whole, usedforsecurity=False).hexdigest().upper() != guid:
            raise ValueError("not its extension")
        found.xmp = xmp.merged(found.xmp, whole)
    except ValueError:
        extensions[guid] = pieces
    if extensions:
        found.others.append("XMP extension")


# --- PNG ----------------------------------------------------------------------------------------------


def _add_png(found: Contents, chunks: Iterable[Part]) -> None:
    room = 16 * _LONGEST
    for chunk in chunks:
        name, data = chunk.name, chunk.data
        if name in ("tEXt", "zTXt", "iTXt"):
            keyword, text = _png_text(name, data)
            room -= len(text)
            if room < 0:
                found.others.append("PNG texts")
                return
            _add_png_text(found, Chunk(name.encode("latin-1"), data, keyword, text_of(text)), text)
        elif name == "eXIf":
            _add_exif(found, data)
        elif name == "tIME" and len(data) == 7:
            year, *rest = struct.unpack(">HBBBBB", data)
            when = "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}".format(year, *rest)
            found.chunks.append(Chunk(b"tIME", data, "tIME", when))
        elif name == "pHYs" and len(data) == 9 and data[8] == 0 and data[:4] != data[4:8]:
            found.others.append("pixel aspect ratio")
        elif name not in _QUIET["PNG"]:
            if name.isascii() and name.isalpha() and name[:2].islower() and name[3].islower():
                found.chunks.append(Chunk(name.encode(), data))  # private, and safe to copy
            elif (known := _NAMES.get(name, f"PNG chunk {name}")) not in found.others:
                found.others.append(known)


def _png_text(name: str, data: bytes) -> tuple[str, bytes]:
    """Return keyword and text of a chunk."""
    keyword, _, rest = data.partition(b"\0")
    if name == "zTXt":
        rest = _inflate(rest[1:])
    elif name == "iTXt":
        compressed = rest[:1] == b"\1"
        rest = rest[2:].split(b"\0", 2)[-1]
        rest = _inflate(rest) if compressed else rest
    return keyword.decode("latin-1"), rest


def _inflate(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _LONGEST)
    except zlib.error:
        return b""


def _add_png_text(found: Contents, chunk: Chunk, text: bytes) -> None:
    if chunk.keyword == "XML:com.adobe.xmp":
        found.xmp = found.xmp or text or None
    elif chunk.keyword.startswith(_RAW_PROFILE):
        _add_profile(found, chunk.keyword.removeprefix(_RAW_PROFILE).lower(), text)
    else:
        found.chunks.append(chunk)


def _add_profile(found: Contents, kind: str, text: bytes) -> None:
    """Read what ImageMagick writes: name, length, and the bytes in hexadecimal digits."""
    _, _, digits = text.strip().partition(b"\n")
    _, _, digits = digits.partition(b"\n")
    try:
        data = bytes.fromhex(b"".join(digits.split()).decode("ascii"))
    except ValueError:
        found.others.append(f"PNG profile {kind}")
        return
    if kind in ("exif", "app1") and not data.startswith(_XMP):
        _add_exif(found, data)
    elif kind in ("xmp", "app1"):
        found.xmp = found.xmp or data.removeprefix(_XMP) or None
    elif kind in ("iptc", "8bim"):
        _add_resources(found, data)
    elif kind in ("icc", "icm"):
        found.profile = data
    else:
        found.others.append(f"PNG profile {kind}")


# --- Other formats ------------------------------------------------------------------------------------


def _add_others(found: Contents, kind: str, boxes: Iterable[Part]) -> None:
    for box in boxes:
        name = box.name
        if name in _QUIET.get(kind, ()) or (name == "mime" and box.data == b"application/rdf+xml"):
            continue
        if kind == "GIF" and name == "comment":
            found.comments.append(box.data)
            continue
        if name == "XMP DataXMP":
            found.xmp = found.xmp or box.data or None
            continue
        if kind == "JPEG2000" and name in ("COM", "uuid", "xml "):
            name = _jpeg2000_name(found, box)
        elif name == "auxC":
            name = _auxiliary_name(box.data)
        else:
            name = _NAMES.get(name, f"{kind} part {name.strip()}")
        if name and name not in found.others:
            found.others.append(name)


def _jpeg2000_name(found: Contents, box: Part) -> str:
    """Take metadata from a box; return its name if it holds something else."""
    data = box.data
    if box.name == "COM":
        if not _ENCODER.match(data):
            found.comments.append(data)
    elif box.name == "uuid" and data[:16] == _EXIF_UUID:
        _add_exif(found, data[16:])
    elif box.name == "uuid" and data[:16] == _IPTC_UUID:
        found.iptc = found.iptc or data[16:] or None
    elif (box.name == "uuid" and data[:16] == _XMP_UUID) or b"rdf:RDF" in data:
        found.xmp = found.xmp or data.removeprefix(_XMP_UUID) or None
    else:
        return "JPEG 2000 XML" if box.name == "xml " else f"JPEG 2000 box {data[:16].hex()}"
    return ""


def _auxiliary_name(data: bytes) -> str:
    """Name an auxiliary picture by its URN; "" for an alpha channel."""
    urn = data[4:].split(b"\0")[0].decode("latin-1").lower()
    last = urn.rpartition(":")[2]
    if last == "alpha" or urn.endswith("auxid:1"):
        return ""
    if "gainmap" in last:
        return "gain map"
    return "depth map" if "depth" in last or urn.endswith("auxid:2") else last
