"""Texts about a photo (captions, credits, comments), which every format keeps in another place.

What to notice: a text that the output's format has no place for of its own moves to where that format keeps
the same kind of text, and only if nothing else is there. Nothing is shortened or made up.

Source: PNG 3rd edition, 11.3.3.1 (keywords); IPTC Photo Metadata 2025.1 (IIM to XMP); Exif 3.0.
"""

import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from PIL import Image

from colourise.images import photoshop
from colourise.images.contents import Chunk
from colourise.images.metadata import Metadata, tiff_tags
from colourise.images.photoshop import IPTC_RESOURCE, Resource, text_of


@dataclass(frozen=True)
class Place:
    """Where formats keep one kind of text."""

    xmp: str
    """Its property in XMP."""
    container: str = ""
    """"Alt" (one text in several languages), "Seq" or "Bag" (several texts); "": a simple property."""
    exif: int = 0
    """Its tag in EXIF; 0: none."""
    iptc: int = 0
    """Its data set in record 2 of IPTC-IIM; 0: none."""
    png: str = ""
    """Its keyword in PNG."""


PLACES = (
    Place("dc:title", "Alt", 0, 5, "Title"),
    Place("dc:description", "Alt", 270, 120, "Description"),
    Place("dc:creator", "Seq", 315, 80, "Author"),
    Place("dc:rights", "Alt", 33432, 116, "Copyright"),
    Place("dc:subject", "Bag", 0, 25, "Keywords"),
    Place("dc:source", "", 0, 0, "Source"),
    Place("exif:UserComment", "Alt", 37510, 0, "Comment"),
    Place("xmp:CreatorTool", "", 305, 0, "Software"),
    Place("xmp:CreateDate", "", 0, 0, "Creation Time"),
    Place("photoshop:Urgency", "", 0, 10),
    Place("photoshop:Category", "", 0, 15),
    Place("photoshop:SupplementalCategories", "Bag", 0, 20),
    Place("photoshop:Instructions", "", 0, 40),
    Place("photoshop:DateCreated", "", 0, 55),
    Place("photoshop:AuthorsPosition", "", 0, 85),
    Place("photoshop:City", "", 0, 90),
    Place("Iptc4xmpCore:Location", "", 0, 92),
    Place("photoshop:State", "", 0, 95),
    Place("Iptc4xmpCore:CountryCode", "", 0, 100),
    Place("photoshop:Country", "", 0, 101),
    Place("photoshop:TransmissionReference", "", 0, 103),
    Place("photoshop:Headline", "", 0, 105),
    Place("photoshop:Credit", "", 0, 110),
    Place("photoshop:Source", "", 0, 115),
    Place("photoshop:CaptionWriter", "", 0, 122),
)
BY_XMP = {place.xmp: place for place in PLACES}
BY_EXIF = {place.exif: place for place in PLACES if place.exif}
BY_IPTC = {place.iptc: place for place in PLACES if place.iptc}
BY_PNG = {place.png.lower(): place for place in PLACES if place.png}

_COMMENT = BY_PNG["comment"]
_KEEPS_IPTC = ("JPEG", "PNG", "TIFF")
_MOST_COMPRESSED = 2**20  # bytes of a text in PNG: Pillow refuses the file where more of them are compressed
_MOST_COMMENT = 65_533  # bytes of a JPEG's segment


def _homeless(metadata: Metadata, kind: str) -> dict[Place, list[str]]:
    """Return the texts that a format has no place for of its own, in the order of the file."""
    texts: dict[Place, list[str]] = {}
    if kind != "PNG":
        for chunk in metadata.chunks:
            place = BY_PNG.get(chunk.keyword.lower())
            if place and not (kind == "JPEG" and place == _COMMENT and _fits(chunk.text)):
                texts.setdefault(place, []).append(in_xmp(place, chunk.text))
    if kind not in ("PNG", "JPEG"):
        texts.setdefault(_COMMENT, []).extend(text_of(comment) for comment in metadata.comments)
    if kind not in _KEEPS_IPTC:
        for record, dataset, data, _ in photoshop.records(metadata.iptc or b""):
            if record == 2 and (place := BY_IPTC.get(dataset)):
                texts.setdefault(place, []).append(in_xmp(place, text_of(data)))
    return {place: some for place, found in texts.items() if (some := [*dict.fromkeys(filter(None, found))])}


def _fits(text: str) -> bool:
    """Tell whether a text fits into a comment of a JPEG."""
    return len(text.encode()) <= _MOST_COMMENT


def in_xmp(place: Place, text: str) -> str:
    """Return a text as XMP has it: dates as in ISO 8601; "" for a date that is none."""
    try:
        if place.xmp == "xmp:CreateDate":
            return _iso(text)
        if place.xmp == "photoshop:DateCreated" and text.isdigit():
            return datetime.strptime(text, "%Y%m%d").date().isoformat()
    except (ValueError, TypeError):
        return ""
    return text


def _iso(text: str) -> str:
    try:
        return datetime.fromisoformat(text).isoformat()
    except ValueError:
        from email.utils import parsedate_to_datetime

        return parsedate_to_datetime(text).isoformat()


def fitted(metadata: Metadata, kind: str) -> Metadata:
    """Return metadata whose texts lie where a format has a place for them."""
    if kind == "PNG":
        comments = [_png_text(_COMMENT.png, text_of(comment)) for comment in metadata.comments]
        return replace(metadata, chunks=(*metadata.chunks, *comments), comments=())
    if kind == "JPEG":
        texts = [chunk.text for chunk in metadata.chunks if chunk.keyword.lower() == "comment"]
        fitting = (text.encode() for text in texts if _fits(text))
        metadata = replace(metadata, comments=(*metadata.comments, *fitting))
    homeless = _homeless(metadata, kind)
    return _moved(metadata, homeless) if homeless else metadata


def _moved(metadata: Metadata, texts: dict[Place, list[str]]) -> Metadata:
    """Put texts into XMP, or where that has another one, into EXIF."""
    from colourise.images import xmp

    tags = tiff_tags(metadata.exif)
    try:
        there = {xmp.short(name) for name, _ in xmp.properties(metadata.xmp or xmp.EMPTY)}
    except ValueError:
        there = set(BY_XMP)
    new: dict[str, tuple[str, list[str]]] = {}
    for place, some in texts.items():
        more = [text for text in some if text_of(_bytes(tags.get(place.exif))) != text]
        if not more:
            continue
        if place.xmp not in there and (place.container in ("Seq", "Bag") or len(more) == 1):
            new[place.xmp] = (place.container, more)
        elif place.exif and place.exif not in (0, 37510, *tags) and len(more) == 1:
            tags[place.exif] = more[0].encode()
        elif place.xmp not in there:
            new[place.xmp] = (place.container, ["\n".join(more)])
    block = Image.Exif()
    block.load(metadata.exif or b"")
    signed = Image.Exif()
    signed.endian = block.endian
    signed.update(tags)
    changed = tags != tiff_tags(metadata.exif)
    return replace(
        metadata,
        exif=signed.tobytes() if changed else metadata.exif,
        xmp=xmp.add(metadata.xmp, new) if new else metadata.xmp,
    )


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("latin-1", "replace")
    return value if isinstance(value, bytes) else b""


# --- As PNG and JPEG write them -----------------------------------------------------------------------


def _png_text(keyword: str, text: str) -> Chunk:
    text = text.replace("\0", " ")
    try:
        return Chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + text.encode("latin-1"), keyword, text)
    except UnicodeEncodeError:
        return Chunk(b"iTXt", keyword.encode("latin-1") + b"\0\0\0\0\0" + text.encode(), keyword, text)


def resource_block(metadata: Metadata) -> bytes:
    """Return Photoshop's image resources with the IPTC records among them; empty if there are none."""
    iptc = [Resource(IPTC_RESOURCE, b"", metadata.iptc)] if metadata.iptc else []
    return photoshop.block_of([*iptc, *metadata.resources])


def png_chunks(metadata: Metadata) -> list[Chunk]:
    """Return the chunks of a PNG for texts, and for IPTC as ImageMagick writes it."""
    chunks = [chunk for chunk in metadata.chunks if not (chunk.name == b"tIME" and metadata.edit)]
    if block := resource_block(metadata):
        digits = block.hex().encode()
        lines = b"\n".join(digits[start : start + 72] for start in range(0, len(digits), 72))
        profile = b"\niptc\n%8d\n%s\n" % (len(block), lines)
        if len(profile) < _MOST_COMPRESSED:
            chunks.append(Chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(profile)))
        else:
            chunks.append(Chunk(b"tEXt", b"Raw profile type iptc\0" + profile))
    return chunks


def jpeg_comments(comments: Iterable[bytes]) -> bytes:
    """Return segments of a JPEG with comments."""
    return b"".join(b"\xff\xfe" + struct.pack(">H", 2 + len(data)) + data for data in comments)
