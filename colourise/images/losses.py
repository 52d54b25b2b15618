"""What a photo said and its output does not: found by comparing both, field by field.

What to notice: the fields of both are read from what the files hold, not from what was meant to be written,
so that a loss is noticed wherever it happens. What describes how pixels are stored is no field.
"""

import math
import re
from collections.abc import Iterator
from typing import Any

from PIL import ExifTags, Image

from colourise.images import photoshop
from colourise.images.captions import BY_EXIF, BY_IPTC, BY_PNG, BY_XMP, Place, in_xmp
from colourise.images.contents import Contents
from colourise.images.metadata import is_exif_layout
from colourise.images.photoshop import text_of

Fields = dict[tuple[str, Any], str]
"""For each field, by what it means and its value, how it is called for the user."""

_EXIF_IFD, _GPS_IFD, _INTEROP_IFD, _USER_COMMENT = 34665, 34853, 40965, 37510
_FOLLOW_THE_EDIT = {
    "EXIF DateTime",
    "EXIF OffsetTime",
    "EXIF SubsecTime",
    "XMP xmp:ModifyDate",
    "XMP xmp:MetadataDate",
    "XMP Iptc4xmpExt:DigitalSourceType",
}
_DERIVED = ("date:", "exif:", "tiff:", "png:", "jpeg:", "icc:", "photoshop:", "Thumb::")  # by ImageMagick
_TIFF = {37724: "Photoshop layers", 50255: "Photoshop annotations"}
_START = "left out: "
_MOST, _LONGEST = 8, 280  # names of a kind, and characters, in a line


def fields(contents: Contents) -> Fields:
    """Return the fields of what a file holds."""
    found: Fields = {}
    for key, value, name in _fields(contents):
        found.setdefault((key, value), name)
    return found


def left_out(before: Fields, after: Fields, *, edited: bool) -> str:
    """Return a line that names what is missing; empty if nothing is.

    Args:
        before: fields of the photo.
        after: fields of its output.
        edited: whether the output records the edit, and so another date of change.
    """
    texts: dict[str, list[str]] = {}
    for key, value in after:
        if isinstance(value, str):
            texts.setdefault(key, []).append(value)
    missing: dict[str, list[str]] = {}
    for (key, value), name in before.items():
        if (key, value) in after or (edited and name in _FOLLOW_THE_EDIT):
            continue
        if isinstance(value, str) and value and any(value in text for text in texts.get(key, [])):
            continue  # several comments become one
        name = _printable(name)
        names = missing.setdefault(name.partition(" ")[0], [])
        if name not in names:
            names.append(name)
    if not missing:
        return ""
    most = next((most for most in range(_MOST, 0, -1) if len(_line(missing, most)) < _LONGEST), 0)
    return _line(missing, most)[:_LONGEST]


def _line(missing: dict[str, list[str]], most: int) -> str:
    """Name up to `most` fields of each kind, such as EXIF, and say how many more there are."""
    shown = []
    for kind, names in missing.items():
        if most == 0 and len(names) > 1:
            shown.append(f"{kind} ({len(names)} fields)")
        else:
            more = f" and {len(names) - most} more" if len(names) > most > 0 else ""
            shown.append(", ".join(names[: most or None]) + more)
    return _START + ", ".join(shown)


def joined(notes: list[str]) -> list[str]:
    """Return notes with all that is left out in one of them, the last."""
    out = [note for note in notes if note.startswith(_START)]
    if len(out) < 2:
        return notes
    whole = _START + ", ".join(note.removeprefix(_START) for note in out)
    return [*(note for note in notes if note not in out), whole]


def _fields(contents: Contents) -> Iterator[tuple[str, Any, str]]:
    """Yield what each field means, its value, and its name."""
    yield from _of_exif(contents.exif)
    yield from _of_xmp(contents.xmp)
    for record, dataset, data, _ in photoshop.records(contents.iptc or b""):
        name = photoshop.name_of(record, dataset)
        place = BY_IPTC.get(dataset) if record == 2 else None
        if (text := text_of(data)) and name not in ("IPTC 1:90", "IPTC 1:0", "IPTC 2:0") and record < 7:
            yield _text(place, name, text)
    for resource in contents.resources:
        yield from _of_resource(resource)
    for comment in contents.comments:
        if text := text_of(comment):
            yield _text(BY_PNG["comment"], "comment", text)
    for chunk in contents.chunks:
        if not chunk.keyword:
            yield chunk.name.decode(), chunk.data, f"PNG chunk {chunk.name.decode()}"
        elif chunk.keyword == "tIME":
            yield "date", chunk.text, "PNG time of change"
        elif not chunk.keyword.startswith(_DERIVED) and chunk.text:
            yield _text(BY_PNG.get(chunk.keyword.lower()), f"PNG text {chunk.keyword}", chunk.text)
    for other in contents.others:
        yield other, "", other


def _text(place: Place | None, name: str, text: str) -> tuple[str, Any, str]:
    """Return a field whose meaning is that of its place, if it has one."""
    value = " ".join(((in_xmp(place, text) if place else "") or text).split())
    return (place.xmp if place else name), value, name


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text[:60])


# --- EXIF ---------------------------------------------------------------------------------------------


def _of_exif(tags: Image.Exif) -> Iterator[tuple[str, Any, str]]:
    for tag in sorted(tags, key=lambda tag: (tag in (_EXIF_IFD, _GPS_IFD), tag)):
        if tag in (_EXIF_IFD, _GPS_IFD):
            names = ExifTags.GPSTAGS if tag == _GPS_IFD else ExifTags.TAGS
            prefix = "EXIF GPS " if tag == _GPS_IFD else "EXIF "
            try:
                inner = dict(tags.get_ifd(tag))
            except Exception:  # noqa: S112  # damaged: the pixels matter more
                continue
            for key, value in inner.items():
                if key != _INTEROP_IFD and not is_exif_layout(key):
                    yield from _of_tag(key, value, prefix + names.get(key, str(key)).removeprefix("GPS"))
        elif not is_exif_layout(tag):
            try:
                value = tags[tag]
            except Exception:  # noqa: S112
                continue
            yield from _of_tag(tag, value, _TIFF.get(tag, f"EXIF {ExifTags.TAGS.get(tag, str(tag))}"))


def _of_tag(tag: int, value: Any, name: str) -> Iterator[tuple[str, Any, str]]:
    if tag == _USER_COMMENT and isinstance(value, bytes):
        value = _user_comment(value)
    elif isinstance(value, str | bytes) and tag in BY_EXIF:
        value = text_of(value.encode("latin-1", "replace") if isinstance(value, str) else value)
    if tag in BY_EXIF and isinstance(value, str | int | float):
        if value := str(value):
            yield _text(BY_EXIF[tag], name, value)
        return
    if (plain := _plain(value)) not in ("", b"", ()):
        yield name, plain, name


def _user_comment(data: bytes) -> str:
    code, text = data[:8], data[8:]
    if code.startswith(b"UNICODE"):
        return text.decode("utf-16", "replace").strip("\0 ")
    return text_of(text)


def _plain(value: Any) -> Any:
    """Return a value so that equal ones are equal, however they were stored."""
    if isinstance(value, dict):
        return tuple(sorted((key, _plain(inner)) for key, inner in value.items()))
    if isinstance(value, tuple | list):
        return _plain(value[0]) if len(value) == 1 else tuple(_plain(inner) for inner in value)
    if isinstance(value, str):
        value = value.encode("latin-1", "replace")
    if isinstance(value, bytes):
        return value.strip(b"\0 ")
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return repr(value)
    return number if math.isfinite(number) else "nan"


# --- XMP, and Photoshop's resources -------------------------------------------------------------------


def _of_xmp(packet: bytes | None) -> Iterator[tuple[str, Any, str]]:
    if not packet:
        return
    from colourise.images import xmp, xmp_layout

    try:
        for marker in xmp_layout.markers(packet):
            yield marker, "", marker
        found = list(xmp.properties(packet, xmp_layout.is_layout))
    except ValueError:
        yield "XMP", packet, "XMP"
        return
    for full, text in found:
        name = xmp.short(full)
        if name == "xmpMM:History" and re.match(r"\d{4}-\d\d-\d\dT", text):
            yield "date", text[:19], f"XMP {name}"
        if text:
            yield _text(BY_XMP.get(name), f"XMP {name}", text)


def _of_resource(resource: photoshop.Resource) -> Iterator[tuple[str, Any, str]]:
    data = resource.data
    if resource.number == photoshop.CAPTION:
        if text := text_of(data[1:]):
            yield _text(BY_PNG["description"], "Photoshop caption", text)
    elif resource.number == photoshop.COPYRIGHT_FLAG:
        if any(data):
            yield "xmpRights:Marked", "True", "Photoshop copyright flag"
    elif resource.number == photoshop.URL:
        if text := text_of(data):
            yield "xmpRights:WebStatement", text, "Photoshop copyright URL"
    elif resource.number in photoshop.PATHS:
        yield f"path {resource.number}", data, "clipping path"
