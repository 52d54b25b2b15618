"""Record in a file what was done to its picture: in EXIF's Software and in XMP's history.

What to notice: nothing that the file said before is lost. An XMP packet is extended in place, with its
prefixes, comments and padding; a packet that is not well-formed XML stays byte for byte.

Libraries for XMP do not fit: python-xmp-toolkit needs Exempi to be installed, pyexiv2 is under the GPL, and
both write a packet anew in their own order, without its comments and prefixes. lxml keeps all of that.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from lxml import etree
from PIL import Image

from colourise.images.metadata import Edit, Metadata, tiff_tags

EDITED_BY_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
"""IPTC's term for "augmentation, correction or enhancement using a Generative AI model"."""

_MADE_BY_AI = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
_EMPTY = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_NAMESPACES["rdf"]}"/></x:xmpmeta>
<?xpacket end="w"?>""".encode()

_SOFTWARE, _CHANGED = 305, 306  # EXIF tags; the second is called DateTime or ModifyDate
_EXIF_IFD, _CHANGED_OFFSET, _CHANGED_FRACTION = 34665, 36880, 37520
_LONGEST = 2**22  # bytes of XMP that are parsed


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
        room: bytes that EXIF and XMP may have each, in the format that is to be written; None: any number.
        notes: what the user must hear is added here.
    Source: TIFF 6.0, Exif 3.0 (CIPA DC-008), XMP (ISO 16684-1; ResourceEvent), IPTC Photo Metadata 2025.1.
    """
    if (edit := metadata.edit) is None:
        return metadata
    room = room or 2**31
    tags = tiff_tags(metadata.exif)
    old, xmp = metadata.xmp or b"", b""
    try:
        xmp = _extended(old or _EMPTY, edit, _earlier(tags))
    except (etree.LxmlError, ValueError):
        notes.append(
            "its XMP data cannot be extended and stay as they are: what was done to it is told in EXIF alone"
        )
    if len(xmp) > room:
        xmp = b""
        if len(old) <= room:
            notes.append("its XMP data leave no room: what was done to it is told in EXIF alone")
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
    name = _printable(f"{edit.software} (model {edit.model})").encode()
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
    root, length = _parsed(packet)
    rdf = next(root.iter(_full("rdf:RDF")), None)
    if rdf is None:
        raise ValueError("no rdf:RDF")
    descriptions = list(rdf.iterchildren("*"))

    when, missing = _iso(edit.when), {}
    before = _set(descriptions, "Iptc4xmpExt:DigitalSourceType", EDITED_BY_AI)
    if before == _MADE_BY_AI:  # it says more, and stays true
        _set(descriptions, "Iptc4xmpExt:DigitalSourceType", before)
    if before is None:
        missing["Iptc4xmpExt:DigitalSourceType"] = EDITED_BY_AI
    for name in ("xmp:ModifyDate", "xmp:MetadataDate"):
        if _set(descriptions, name, when) is None:
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
    history = next(rdf.iterfind(f"*/{_full('xmpMM:History')}"), None)
    if missing or history is None:
        about = [one.get(_full("rdf:about"), "") for one in descriptions]
        ours = _append(rdf, "rdf:Description", {"rdf:about": "".join(about[:1])} | missing)
        history = _append(ours, "xmpMM:History", {}) if history is None else history
    events = next(history.iterchildren("*"), None)
    events = _append(history, "rdf:Seq", {}) if events is None else events
    if earlier and not any(time.startswith(earlier["when"][:19]) for time in _times(events)):
        _append(events, "rdf:li", {f"stEvt:{name}": value for name, value in earlier.items()})
    _append(events, "rdf:li", {f"stEvt:{name}": value for name, value in event.items()})
    return _packet(root, length)


def _parsed(packet: bytes) -> tuple[Any, int]:
    """Parse a packet; return its root element, and its length in UTF-8."""
    if len(packet) > _LONGEST:
        raise ValueError("too long")
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        try:
            text = packet.decode(encoding).strip("\ufeff\0 \t\r\n")
            if "<!DOCTYPE" in text:  # without one there are no entities, which could expand without end
                raise ValueError("a document type")
            parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True)
            return etree.fromstring(text.encode(), parser), len(text.encode())
        except (UnicodeError, etree.XMLSyntaxError):
            continue
    raise ValueError("not XML")


def _packet(root: Any, length: int) -> bytes:
    """Return the document of a root element as bytes, padded before its last line to `length`."""
    nodes = [*reversed([*root.itersiblings(preceding=True)]), root, *root.itersiblings()]
    *body, end = map(_xml, nodes)
    data, tail = "\n".join(body).encode(), b"\n" + end.encode()
    if not (body and end.startswith("<?xpacket")):
        return data + tail if body else end.encode()
    lack = max(0, length - len(data) - len(tail))
    return data + (b"\n" + b" " * 99) * (lack // 100) + b" " * (lack % 100) + tail


def _xml(node: Any) -> str:
    """Return a node as text; a value with double quotes stands in single ones, as in outputs of old."""
    text: str = etree.tostring(node, encoding="unicode", with_tail=False)

    def quoted(value: re.Match[str]) -> str:
        return value[0] if "'" in value[1] else "='" + value[1].replace("&quot;", '"') + "'"

    return re.sub('="([^"<>]*&quot;[^"<>]*)"', quoted, text)  # only values of attributes have &quot;


def _full(name: str) -> str:
    """Return a name such as "rdf:li" as lxml writes it, with its namespace in braces."""
    prefix, _, local = name.partition(":")
    return f"{{{_NAMESPACES[prefix]}}}{local}"


def _set(descriptions: list[Any], name: str, value: str) -> str | None:
    """Set a simple property where the packet has it; return its value before, or None if it is nowhere."""
    name, resource = _full(name), _full("rdf:resource")
    for node in descriptions:
        for holder, key in ((node, name), *((element, resource) for element in node.iterchildren(name))):
            if key in holder.attrib:
                before, holder.attrib[key] = holder.attrib[key], value
                return str(before)
            if holder is not node:
                before = "".join(holder.xpath("text()"))
                del holder[:]
                holder.text = value
                return before
    return None


def _append(parent: Any, name: str, attributes: dict[str, str]) -> Any:
    """Add an element, which declares those of its prefixes that are unbound or otherwise bound there."""
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + "\n"
    else:
        parent.text = (parent.text or "") + "\n"
    prefixes = dict.fromkeys(key.partition(":")[0] for key in (name, *attributes))
    known = parent.nsmap
    fresh = {prefix: _NAMESPACES[prefix] for prefix in prefixes if known.get(prefix) != _NAMESPACES[prefix]}
    named = {_full(key): _printable(text) for key, text in attributes.items()}
    return etree.SubElement(parent, _full(name), named, fresh)


def _printable(text: str) -> str:
    """Replace control characters and lone surrogates by spaces: XML cannot hold them, not even escaped."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _times(events: Any) -> Iterator[str]:
    """Yield the times of a history's events, in either notation of RDF."""
    when = _full("stEvt:when")
    for node in events.iterdescendants("*"):
        yield node.get(when, "")
        yield from (child.text or "" for child in node.iterchildren(when))
