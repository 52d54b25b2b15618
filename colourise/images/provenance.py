"""Record in a file what was done to its picture: in EXIF's Software and in XMP's history.

What to notice: nothing that the file said before is lost. An XMP packet is extended in place (xmp.py); a
packet that is not well-formed XML stays byte for byte.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from lxml import etree
from PIL import Image

from colourise.images.metadata import Edit, Metadata, tiff_tags
from colourise.images.xmp import EMPTY, append, full, parse, printable, serialise, set_simple

EDITED_BY_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for "augmentation, correction or enhancement using a Generative AI model"."""

_MADE_BY_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_SOFTWARE, _CHANGED = 305, 306  # EXIF tags; the second is called DateTime or ModifyDate
_EXIF_IFD, _CHANGED_OFFSET, _CHANGED_FRACTION = 34665, 36880, 37520


def with_edit(metadata: Metadata, room: int | None, notes: list[str]) -> Metadata:
    """Return metadata that record the edit.

    In EXIF, Software gets our name behind the others: TIFF 6.0 has there the "software package(s) used to
    create the image", and archives find their scanner's where they look for it. DateTime is, by the EXIF
    standard, when the file was changed, and becomes the time of the edit; what it and Software said goes
    into XMP's history as an event of its own. Every other date stays. Where the XMP cannot be extended,
    so does DateTime, because its old value would have no place.

    In XMP, DigitalSourceType says that AI has edited the picture (what it said before goes into the event's
    parameters), ModifyDate and MetadataDate follow, and History gets an event. IPTC-IIM has no such fields.

    Args:
        metadata: with an `edit`; without one they come back as they are.
        room: bytes that EXIF may have in the format that is to be written; None: any number.
        notes: what the user must hear is added here.
    Source: TIFF 6.0, Exif 3.0 (CIPA DC-008), XMP (ISO 16684-1; ResourceEvent), IPTC Photo Metadata 2025.1.
    """
    if (edit := metadata.edit) is None:
        return metadata
    room = room or 2**31
    tags = tiff_tags(metadata.exif)
    xmp = b""
    try:
        xmp = _extended(metadata.xmp or EMPTY, edit, _earlier(tags) or _changed(metadata))
    except (etree.LxmlError, ValueError):
        notes.append(
            "its XMP data cannot be extended and stay as they are: what was done to it is told in EXIF alone"
        )
    exif = _signed(metadata.exif, tags, edit, dated=bool(xmp))
    if len(exif) > room:
        exif = metadata.exif or b""
        if len(exif) <= room:
            notes.append("its EXIF data leave no room to say what was done to it")
    return replace(metadata, exif=exif or None, xmp=xmp or metadata.xmp)


# --- EXIF ---------------------------------------------------------------------------------------------


def _signed(block: bytes | None, tags: dict[int, Any], edit: Edit, *, dated: bool) -> bytes:
    """Return an EXIF block with our name, and with the time of the edit if `dated`."""
    before = Image.Exif()
    before.load(block or b"")
    signed = Image.Exif()
    signed.endian = before.endian
    signed.update(tags)
    name = printable(f"{edit.software} (model {edit.model})").encode()
    earlier = _ascii(tags.get(_SOFTWARE))
    if not earlier.endswith(name):
        signed[_SOFTWARE] = earlier + b"; " + name if earlier else name
    if dated:
        signed[_CHANGED] = edit.when.strftime("%Y:%m:%d %H:%M:%S")
        if camera := signed.get(_EXIF_IFD):
            camera[_CHANGED_OFFSET] = _iso(edit.when)[19:]
            camera.pop(_CHANGED_FRACTION, None)
    return signed.tobytes()


def _earlier(tags: dict[int, Any]) -> dict[str, str]:
    """Return what DateTime and Software have said so far, as an event; empty if there is no valid date."""
    offset = _ascii(tags.get(_EXIF_IFD, {}).get(_CHANGED_OFFSET)).decode("ascii", "replace")
    try:
        text = _ascii(tags.get(_CHANGED)).decode("ascii", "replace")
        when = datetime.strptime(text, "%Y:%m:%d %H:%M:%S").isoformat()
    except ValueError:
        return {}
    event = {"action": "saved", "when": when + (offset if re.fullmatch(r"[+-]\d\d:\d\d", offset) else "")}
    software = _ascii(tags.get(_SOFTWARE)).decode("utf-8", "replace")
    return event | ({"softwareAgent": software} if software else {})


def _changed(metadata: Metadata) -> dict[str, str]:
    """Return what a PNG's tIME chunk has said so far, as an event; empty if there is none."""
    times = [chunk.text for chunk in metadata.chunks if chunk.keyword == "tIME"]
    return {"action": "saved", "when": f"{times[0]}Z"} if times else {}


def _ascii(value: Any) -> bytes:
    """Return the text of an ASCII tag; empty if it is not text."""
    data = value.encode("utf-8", "replace") if isinstance(value, str) else value
    return data.strip(b"\0 ") if isinstance(data, bytes) else b""


def _iso(when: datetime) -> str:
    return when.isoformat(timespec="seconds")


# --- XMP ----------------------------------------------------------------------------------------------


def _extended(packet: bytes, edit: Edit, earlier: dict[str, str]) -> bytes:
    """Return an XMP packet, in UTF-8, with an edit added to its history.

    Args:
        packet: in any of the encodings that XMP may have.
        edit: what was done.
        earlier: fields of an event to add first, unless the history has an event at that time.
    Raises:
        LxmlError, ValueError: it cannot be parsed.
    """
    root, length = parse(packet)
    rdf = next(root.iter(full("rdf:RDF")), None)
    if rdf is None:
        raise ValueError("no rdf:RDF")
    descriptions = list(rdf.iterchildren("*"))

    when, missing = _iso(edit.when), {}
    before = set_simple(descriptions, "Iptc4xmpExt:DigitalSourceType", EDITED_BY_AI)
    if before == _MADE_BY_AI:  # it says more, and stays true
        set_simple(descriptions, "Iptc4xmpExt:DigitalSourceType", before)
    if before is None:
        missing["Iptc4xmpExt:DigitalSourceType"] = EDITED_BY_AI
    for name in ("xmp:ModifyDate", "xmp:MetadataDate"):
        if set_simple(descriptions, name, when) is None:
            missing[name] = when

    parameters = f"colours added by model {edit.model}"
    parameters += f" (sha256 {edit.digest[:12]})" if edit.digest else ""
    parameters += (
        f"; digital source type was {before}" if before not in (None, "", EDITED_BY_AI, _MADE_BY_AI) else ""
    )
    event = {
        "action": "edited",
        "when": when,
        "softwareAgent": edit.software,
        "parameters": parameters,
        "changed": "/content",
    }
    history = next(rdf.iterfind(f"*/{full('xmpMM:History')}"), None)
    if missing or history is None:
        about = [one.get(full("rdf:about"), "") for one in descriptions]
        ours = append(rdf, "rdf:Description", {"rdf:about": "".join(about[:1])} | missing)
        history = append(ours, "xmpMM:History", {}) if history is None else history
    events = next(history.iterchildren("*"), None)
    events = append(history, "rdf:Seq", {}) if events is None else events
    if earlier and not any(time.startswith(earlier["when"][:19]) for time in _times(events)):
        append(events, "rdf:li", {f"stEvt:{name}": value for name, value in earlier.items()})
    append(events, "rdf:li", {f"stEvt:{name}": value for name, value in event.items()})
    return serialise(root, length)


def _times(events: Any) -> Iterator[str]:
    """Yield the times of a history's events, in either notation of RDF."""
    when = full("stEvt:when")
    for node in events.iterdescendants("*"):
        yield node.get(when, "")
        yield from (child.text or "" for child in node.iterchildren(when))
