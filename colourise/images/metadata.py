"""Metadata that a picture takes from file to file: EXIF, ICC profile, XMP, IPTC and resolution.

What to notice: the pixels are upright and in sRGB by the time they are written, and what the metadata
say is changed to agree. The thumbnail of an EXIF block is dropped, because it shows the photo before
colouring, and so are TIFF's layout tags, because they describe other pixels than those that will be written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from PIL import Image

from colourise.images import photoshop
from colourise.images.contents import IPTC, PHOTOSHOP, Chunk, Contents
from colourise.images.photoshop import Resource

ICC, XMP = 34675, 700  # TIFF tags

ORIENTATION = 274
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 282, 283, 296
_EXIF_IFD, _GPS_IFD, _INTEROP_IFD = 34665, 34853, 40965
_COLOUR_SPACE, _PIXEL_WIDTH, _PIXEL_HEIGHT = 40961, 40962, 40963
_OTHER_PROGRAMS = (37724, 50255)  # layers and annotations of Photoshop
_LAYOUT = {*range(254, 267), 273, *range(277, 282), 284, *range(288, 294), 297, 301, *range(317, 348)}
_LAYOUT |= {*range(512, 533), 559, XMP, IPTC, ICC, PHOTOSHOP, *_OTHER_PROGRAMS}
_CLIP_PATHS, _PRINTER = (343, 344, 345), 337
_FACTS = {*_OTHER_PROGRAMS, *_CLIP_PATHS, _PRINTER}  # of _LAYOUT: left out, but that is said
_LONGEST = 2**16  # bytes; a longer tag is some program's working data


@dataclass(frozen=True)
class Edit:
    """The edit that the output records: colours were added, by whom and when."""

    software: str
    """Name and version of the program, such as "colourise 0.1.0"."""
    model: str
    """Name of the model."""
    when: datetime
    """With its time zone."""
    digest: str = ""
    """SHA-256 of the model's weights, in hexadecimal; empty: unknown."""

    def __post_init__(self) -> None:
        """Raise ValueError where the time zone is missing."""
        if self.when.utcoffset() is None:
            raise ValueError(f"{self.when} has no time zone")


@dataclass
class Metadata:
    """Metadata that a picture takes from file to file."""

    exif: bytes | None = None
    """EXIF block from "Exif\\0\\0" on: upright, without thumbnail and without TIFF's layout tags."""
    icc: bytes | None = None
    """ICC profile, always one for sRGB; None: the file had none, which means sRGB too."""
    xmp: bytes | None = None
    """XMP packet."""
    iptc: bytes | None = None
    """IPTC-IIM records (captions, credits)."""
    dpi: tuple[float, float] | None = None
    """Pixels an inch, across and down."""
    edit: Edit | None = None
    """The edit that the output is to record (`provenance.with_edit`); None: it records none."""
    comments: tuple[bytes, ...] = ()
    """Comments, as JPEG has them."""
    chunks: tuple[Chunk, ...] = ()
    """Texts of a PNG, and chunks that can stand in the next one as they are."""
    resources: tuple[Resource, ...] = ()
    """Photoshop's image resources but IPTC."""
    source: dict[tuple[str, Any], str] | None = field(default=None, repr=False)
    """The fields of the file that was read (`losses.Fields`); None: no file was read."""


def orientation(tags: Image.Exif, xmp: bytes | None = None) -> int:
    """Return the orientation of EXIF or TIFF, or where there is none that of XMP: 1 (upright) to 8."""
    value = tags.get(ORIENTATION)
    if isinstance(value, int) and 1 <= value <= 8:
        return value
    if not xmp:
        return 1
    from colourise.images import xmp_layout

    return xmp_layout.orientation(xmp)


def collect(
    contents: Contents,
    info: Mapping[str, Any],
    size: tuple[int, int],
    icc: bytes | None,
    notes: list[str],
    *,
    own_profile: bool = False,
) -> Metadata:
    """Collect the metadata of a file, changed so that they are true of its output.

    Args:
        contents: what the file holds beside its pixels.
        info: with Pillow's key "dpi" where the format has a place of its own for it, and pillow-heif's
            "original_orientation".
        size: width and height in pixels, upright.
        icc: profile that fits the pixels now.
        notes: messages for the user are added here.
        own_profile: whether that is the file's own.
    """
    tags, packet = contents.exif, contents.xmp
    turned = max(orientation(tags, packet), info.get("original_orientation") or 1) > 4  # the second of HEIF
    try:
        exif = _exif(tags, size, turned, srgb=icc is not None)
    except Exception:  # what Pillow reads it cannot always write, and the picture matters more
        exif = None
        notes.append("its EXIF data are damaged and are left out")
    if packet:
        from colourise.images import xmp_layout

        packet = xmp_layout.brought_in_line(packet, size, turned=turned, own_profile=own_profile)
    dpi = _dpi(info, tags, turned)
    return Metadata(
        exif=exif,
        icc=icc,
        xmp=packet,
        iptc=photoshop.without_previews(contents.iptc) if contents.iptc else None,
        dpi=dpi,
        comments=tuple(comment for comment in contents.comments if comment.strip(b"\0 ")),
        chunks=tuple(chunk for chunk in contents.chunks if not _is_layout_text(chunk)),
        resources=tuple(photoshop.brought_in_line(contents.resources, dpi, turned)),
    )


def _is_layout_text(chunk: Chunk) -> bool:
    """Tell whether a text of a PNG repeats a tag of EXIF about the old pixels, as ImageMagick has them."""
    name = chunk.keyword.removeprefix("exif:")
    return name != chunk.keyword and name.startswith(
        (
            "Orientation",
            "PixelXDimension",
            "PixelYDimension",
            "ExifImage",
            "ColorSpace",
            "thumbnail",
            "ImageWidth",
            "ImageLength",
            "BitsPerSample",
            "SamplesPerPixel",
            "PhotometricInterpretation",
            "Compression",
        )
    )


def is_exif_layout(tag: int) -> bool:
    """Tell whether a tag is about how the pixels are stored, or follows the picture."""
    follows = (
        ORIENTATION,
        _X_RESOLUTION,
        _Y_RESOLUTION,
        _RESOLUTION_UNIT,
        _COLOUR_SPACE,
        _PIXEL_WIDTH,
        _PIXEL_HEIGHT,
    )
    return tag in follows or (tag in _LAYOUT and tag not in _FACTS)


def tiff_tags(exif: bytes | None) -> dict[int, Any]:
    """Return the tags of an EXIF block, with its EXIF and GPS directories as dictionaries inside."""
    tags = Image.Exif()
    tags.load(exif or b"")
    return _plain(tags)


def for_box(exif: bytes | None, dpi: tuple[float, float] | None) -> bytes | None:
    """Return an EXIF block for WebP, AVIF and HEIF, which have no other place for the resolution.

    It has no orientation: those containers have their own, and with one Pillow loses accents.
    """
    kept = Image.Exif()
    kept.update(tiff_tags(exif))
    kept.pop(ORIENTATION, None)
    if dpi:
        kept[_X_RESOLUTION], kept[_Y_RESOLUTION] = dpi
        kept[_RESOLUTION_UNIT] = 2  # an inch
    return kept.tobytes() if len(kept) else None


def shortened(exif: bytes | None, room: int) -> bytes | None:
    """Return an EXIF block of at most `room` bytes: its longest tags are left out, if they have to be."""
    if not exif or len(exif) <= room:
        return exif
    before = Image.Exif()
    before.load(exif)
    tags = tiff_tags(exif)
    while tags:
        kept = Image.Exif()
        kept.endian = before.endian
        kept.update(tags)
        if len(block := kept.tobytes()) <= room:
            return block
        camera = tags.get(_EXIF_IFD)
        holders = [tags, *([camera] if isinstance(camera, dict) else [])]
        holder, tag = max(((one, key) for one in holders for key in one), key=lambda pair: _length(*pair))
        del holder[tag]
    return None


def _length(holder: dict[int, Any], tag: int) -> int:
    value = holder[tag]
    return 0 if isinstance(value, dict) else len(value) if isinstance(value, bytes | str) else len(str(value))


def _dpi(info: Mapping[str, Any], tags: Image.Exif, turned: bool) -> tuple[float, float] | None:
    try:
        across, down = info.get("dpi") or (tags[_X_RESOLUTION], tags[_Y_RESOLUTION])
        if "dpi" not in info:
            scale = {2: 1.0, 3: 2.54}[tags.get(_RESOLUTION_UNIT, 2)]
            across, down = across * scale, down * scale
        dpi = (float(down), float(across)) if turned else (float(across), float(down))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):  # none, or nonsense
        return None
    return dpi if all(1 < value < 1e6 for value in dpi) else None  # 0 and 1 stand for "unknown"


def _exif(tags: Image.Exif, size: tuple[int, int], turned: bool, srgb: bool) -> bytes | None:
    kept = Image.Exif()
    kept.endian = tags.endian
    kept.update(_writable(_plain(tags), tags.endian))
    if set(kept) <= {ORIENTATION, _X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT}:
        return None  # nothing that the pixels and the DPI do not say
    if ORIENTATION in kept:
        kept[ORIENTATION] = 1
    if turned and _X_RESOLUTION in kept and _Y_RESOLUTION in kept:
        kept[_X_RESOLUTION], kept[_Y_RESOLUTION] = kept[_Y_RESOLUTION], kept[_X_RESOLUTION]
    camera = kept.get(_EXIF_IFD, {})
    if _PIXEL_WIDTH in camera and _PIXEL_HEIGHT in camera:
        camera[_PIXEL_WIDTH], camera[_PIXEL_HEIGHT] = size
    if srgb and _COLOUR_SPACE in camera:
        camera[_COLOUR_SPACE] = 1
    return kept.tobytes()


def _plain(tags: Image.Exif) -> dict[int, Any]:
    """Return the tags to keep, with the EXIF and GPS directories as dictionaries among them."""
    plain: dict[int, Any] = {}
    for tag, value in tags.items():
        if tag in (_EXIF_IFD, _GPS_IFD):
            plain[tag] = {key: _text(inner) for key, inner in tags.get_ifd(tag).items()}
        elif tag not in _LAYOUT and not (isinstance(value, bytes) and len(value) > _LONGEST):
            plain[tag] = _text(value)
    if _INTEROP_IFD in plain.get(_EXIF_IFD, {}):
        plain[_EXIF_IFD][_INTEROP_IFD] = tags.get_ifd(_INTEROP_IFD)
    return plain


def _writable(tags: dict[int, Any], endian: str | None) -> dict[int, Any]:
    """Return the tags that Pillow can write: what it reads from a damaged file it cannot always."""
    if _can_be_written(tags, endian):
        return tags
    good: dict[int, Any] = {}
    for tag, value in tags.items():
        if isinstance(value, dict):
            inner = {key: one for key, one in value.items() if _can_be_written({tag: {key: one}}, endian)}
            good |= {tag: inner} if inner else {}
        elif _can_be_written({tag: value}, endian):
            good[tag] = value
    return good


def _can_be_written(tags: dict[int, Any], endian: str | None) -> bool:
    block = Image.Exif()
    block.endian = endian
    block.update(tags)
    try:
        block.tobytes()
    except Exception:  # Pillow raises whatever its packing raises
        return False
    return True


def _text(value: Any) -> Any:
    """Return text as the bytes it was read from, because Pillow reads Latin-1 but writes ASCII."""
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value
