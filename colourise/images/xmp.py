"""XMP packets (ISO 16684-1): parse and write them, and read and set their properties.

What to notice: a packet is changed in place, with its prefixes, comments and padding.

Libraries for XMP do not fit: python-xmp-toolkit needs Exempi to be installed, pyexiv2 is under the GPL, and
both write a packet anew in their own order, without its comments and prefixes. lxml keeps all of that.
"""

import re
from collections.abc import Callable, Iterator
from hashlib import md5
from typing import Any

from lxml import etree

NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmpGImg": "http://ns.adobe.com/xap/1.0/g/img/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
    "hdrgm": "http://ns.adobe.com/hdr-gain-map/1.0/",
    "Container": "http://ns.google.com/photos/1.0/container/",
    "GCamera": "http://ns.google.com/photos/1.0/camera/",
    "HDRGainMap": "http://ns.apple.com/HDRGainMap/1.0/",
    "apdi": "http://ns.apple.com/pixeldatainfo/1.0/",
}
EMPTY = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{NAMESPACES["rdf"]}"/></x:xmpmeta>
<?xpacket end="w"?>""".encode()
_PREFIXES = {namespace: prefix for prefix, namespace in NAMESPACES.items()}
_RDF, _XML = f"{{{NAMESPACES['rdf']}}}", "{http://www.w3.org/XML/1998/namespace}"
_RESOURCE, _EXTENDED = f"{_RDF}resource", f"{{{NAMESPACES['xmpNote']}}}HasExtendedXMP"
_GUID_ROOM = 400  # bytes that a packet grows by when it names its extension
_LONGEST = 2**22  # bytes of XMP that are parsed


def parse(packet: bytes) -> tuple[Any, int]:
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


def serialise(root: Any, length: int) -> bytes:
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


def full(name: str) -> str:
    """Return a name such as "rdf:li" as lxml writes it, with its namespace in braces."""
    prefix, _, local = name.partition(":")
    return f"{{{NAMESPACES[prefix]}}}{local}"


def set_simple(descriptions: list[Any], name: str, value: str) -> str | None:
    """Set a simple property where the packet has it; return its value before, or None if it is nowhere."""
    name, resource = full(name), full("rdf:resource")
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


def append(parent: Any, name: str, attributes: dict[str, str]) -> Any:
    """Add an element, which declares those of its prefixes that are unbound or otherwise bound there."""
    if len(parent):
        parent[-1].tail = (parent[-1].tail or "") + "\n"
    else:
        parent.text = (parent.text or "") + "\n"
    prefixes = dict.fromkeys(key.partition(":")[0] for key in (name, *attributes))
    known = parent.nsmap
    fresh = {prefix: NAMESPACES[prefix] for prefix in prefixes if known.get(prefix) != NAMESPACES[prefix]}
    named = {full(key): printable(text) for key, text in attributes.items()}
    return etree.SubElement(parent, full(name), named, fresh)


def printable(text: str) -> str:
    """Replace control characters and lone surrogates by spaces: XML cannot hold them, not even escaped."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def descriptions(root: Any) -> list[Any]:
    """Return the elements of a packet that have its properties.

    Raises:
        ValueError: there is no rdf:RDF.
    """
    rdf = next(root.iter(full("rdf:RDF")), None)
    if rdf is None:
        raise ValueError("no rdf:RDF")
    return list(rdf.iterchildren("*"))


def get_simple(nodes: list[Any], name: str) -> str | None:
    """Return the value of a simple property, or None if it is nowhere."""
    for found, _, texts in _read(nodes):
        if found == full(name):
            return "".join(texts[:1])
    return None


def properties(
    packet: bytes, ignored: Callable[[str, Any], bool] = lambda _name, _node: False
) -> Iterator[tuple[str, str]]:
    """Yield the full name of each property with each of its texts, however deep they lie in it.

    Args:
        packet: the packet.
        ignored: tells whether to leave out a property, from its full name and its element if it has one.
    Raises:
        ValueError: the packet cannot be parsed.
    """
    root, _ = parse(packet)
    for name, node, texts in _read(descriptions(root)):
        if not ignored(name, node):
            for text in texts:
                yield name, text


def _read(nodes: list[Any]) -> Iterator[tuple[str, Any, list[str]]]:
    """Yield each property's full name, its element (None if it is an attribute) and its texts."""
    for node in nodes:
        for name, value in node.attrib.items():
            if not name.startswith(_RDF) and "}" in name:
                yield name, None, [value]
        for child in node.iterchildren("*"):
            yield child.tag, child, list(_texts(child))


def _texts(node: Any) -> Iterator[str]:
    for inner in node.iter("*"):
        for name, value in inner.attrib.items():
            if name == _RESOURCE or not name.startswith((_RDF, _XML)):
                yield value
        if inner.text and inner.text.strip():
            yield inner.text.strip()
    if not len(node) and not (node.text or "").strip() and not node.attrib:
        yield ""


def remove(node: Any) -> None:
    """Remove an element, with the white space behind it."""
    parent = node.getparent()
    parent.remove(node)


def forget(root: Any, namespaces: list[str]) -> None:
    """Remove the declarations of namespaces that are no longer used; those of others stay as they are."""
    used = {
        prefix for node in root.iter("*") for prefix, name in node.nsmap.items() if name not in namespaces
    }
    etree.cleanup_namespaces(root, keep_ns_prefixes=[prefix for prefix in used if prefix])


def add(packet: bytes | None, values: dict[str, tuple[str, list[str]]]) -> bytes:
    """Add properties to a packet, in an element of their own.

    Args:
        packet: what they are added to; None: a new packet.
        values: for each name its container ("Alt", "Seq", "Bag", or "" for a simple property), and its texts.
    Raises:
        ValueError: it cannot be parsed.
    """
    root, length = parse(packet or EMPTY)
    nodes = descriptions(root)
    rdf = next(root.iter(full("rdf:RDF")))
    about = "".join(node.get(full("rdf:about"), "") for node in nodes[:1])
    simple = {name: texts[0] for name, (container, texts) in values.items() if not container}
    ours = append(rdf, "rdf:Description", {"rdf:about": about} | simple)
    for name, (container, texts) in values.items():
        if container:
            items = append(append(ours, name, {}), f"rdf:{container}", {})
            for text in texts:
                item = append(items, "rdf:li", {})
                if container == "Alt":
                    item.set(f"{_XML}lang", "x-default")
                item.text = clean(text)
    return serialise(root, length)


def clean(text: str) -> str:
    """Replace what XML cannot hold by spaces, but keep line breaks."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text)


def merged(packet: bytes, extension: bytes) -> bytes:
    """Return a packet together with the extension that did not fit into its segment of a JPEG.

    Raises:
        ValueError: one of them cannot be parsed.
    """
    root, length = parse(packet)
    nodes = descriptions(root)
    rdf = next(root.iter(full("rdf:RDF")))
    for node in nodes:
        node.attrib.pop(_EXTENDED, None)
        for child in node.findall(_EXTENDED):
            remove(child)
    more, _ = parse(extension)
    for node in descriptions(more):
        rdf.append(node)
    return serialise(root, length)


def extension_of(packet: bytes) -> str:
    """Return the GUID of the extension that a packet asks for; "" if it asks for none."""
    match = re.search(rb"HasExtendedXMP\s*(?:=\s*[\"']|>)\s*([0-9A-Fa-f]{32})", packet)
    return match[1].decode() if match else ""


def split(packet: bytes, room: int) -> tuple[bytes, bytes, str]:
    """Split a packet that is too long for a segment of a JPEG: the longest properties go into an extension.

    Returns:
        The packet, of at most `room` bytes; its extension, empty if it fits without its padding; and the
        GUID that joins both.
    Raises:
        ValueError: it cannot be parsed, or not be split like that.
    Source: XMP Specification, Part 3, 1.1.3.1.
    """
    root, _ = parse(packet)
    nodes = descriptions(root)
    if len(unpadded := serialise(root, 0)) <= room:
        return unpadded, b"", ""
    rdf = next(root.iter(full("rdf:RDF")))
    about = "".join(node.get(full("rdf:about"), "") for node in nodes[:1])
    more, _ = parse(EMPTY)
    more = more.getroottree().getroot()
    theirs = append(next(more.iter(full("rdf:RDF"))), "rdf:Description", {"rdf:about": about})
    lengths = []
    for node in nodes:
        lengths += [
            (len(value), node, name) for name, value in node.attrib.items() if not name.startswith(_RDF)
        ]
        lengths += [(len(_xml(child)), node, child) for child in node.iterchildren("*")]
    excess = len(unpadded) - (room - _GUID_ROOM)
    for length, node, what in sorted(lengths, key=lambda one: one[0], reverse=True):
        if excess <= 0:  # by the lengths of its parts, which declare their prefixes anew
            excess = len(serialise(root, 0)) - (room - _GUID_ROOM)
        if excess <= 0:
            break
        if isinstance(what, str):
            etree.SubElement(theirs, what).text = node.attrib.pop(what)
        else:
            theirs.append(what)
        excess -= length
    extension = _xml(more).encode()
    guid = md5(extension, usedforsecurity=False).hexdigest().upper()
    append(rdf, "rdf:Description", {"rdf:about": about, "xmpNote:HasExtendedXMP": guid})
    short = serialise(root, 0)
    if len(short) > room:
        raise ValueError("too long")
    return short, extension, guid


def short(name: str) -> str:
    """Return the name of a property with its usual prefix, such as "dc:title", from its full name."""
    namespace, _, local = name[1:].partition("}")
    return f"{_PREFIXES[namespace]}:{local}" if namespace in _PREFIXES else local
