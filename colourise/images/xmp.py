"""XMP packets (ISO 16684-1): parse and write them, and read and set their properties.

What to notice: a packet is changed in place, with its prefixes, comments and padding.

Libraries for XMP do not fit: python-xmp-toolkit needs Exempi to be installed, pyexiv2 is under the GPL, and
both write a packet anew in their own order, without its comments and prefixes. lxml keeps all of that.
"""

import re
from typing import Any

from lxml import etree

NAMESPACES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}
EMPTY = f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{NAMESPACES["rdf"]}"/></x:xmpmeta>
<?xpacket end="w"?>""".encode()
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
