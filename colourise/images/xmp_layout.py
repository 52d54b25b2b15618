"""What XMP says about the pixels of its file: read where it is needed, and brought in line with new pixels.

What to notice: a packet that says none of this stays byte for byte, and is not even parsed.
"""

import re
from typing import Any

from colourise.images import xmp

_STALE = {
    "tiff": "BitsPerSample Compression PhotometricInterpretation SamplesPerPixel PlanarConfiguration "
    "YCbCrSubSampling YCbCrPositioning YCbCrCoefficients TransferFunction WhitePoint "
    "PrimaryChromaticities ReferenceBlackWhite NativeDigest",
    "exif": "NativeDigest",
    "photoshop": "ICCProfile EmbeddedXMPDigest",
    "xmp": "Thumbnails PageInfo",
    "xmpNote": "HasExtendedXMP",
    "GCamera": "MotionPhoto MotionPhotoVersion MotionPhotoPresentationTimestampUs MicroVideo "
    "MicroVideoVersion MicroVideoOffset MicroVideoPresentationTimestampUs",
}
_STALE_NAMES = {
    f"{{{xmp.NAMESPACES[prefix]}}}{name}" for prefix, names in _STALE.items() for name in names.split()
}
_STALE_NAMESPACES = tuple(
    f"{{{xmp.NAMESPACES[prefix]}}}" for prefix in ("hdrgm", "Container", "HDRGainMap", "apdi")
)
_GAIN_MAPS = tuple(f"{{{xmp.NAMESPACES[prefix]}}}" for prefix in ("hdrgm", "HDRGainMap"))
_THUMBNAIL = xmp.full("xmpGImg:image")
_SIZES = (("tiff:ImageWidth", "tiff:ImageLength"), ("exif:PixelXDimension", "exif:PixelYDimension"))
_ORIENTATION, _COLOUR_MODE, _COLOUR_SPACE = "tiff:Orientation", "photoshop:ColorMode", "exif:ColorSpace"
_RESOLUTIONS = ("tiff:XResolution", "tiff:YResolution")
_CHANGED = {
    xmp.full(name)
    for name in (
        *sum(_SIZES, ()),
        *_RESOLUTIONS,
        "tiff:ResolutionUnit",
        _ORIENTATION,
        _COLOUR_MODE,
        _COLOUR_SPACE,
    )
}

_WORDS = re.compile(
    b"ImageWidth|ImageLength|Pixel[XY]Dimension|[XY]Resolution|ColorMode|ColorSpace|xmpGImg|g/img/|"
    b"hdr-gain-map|photos/1.0/c|HDRGainMap|pixeldatainfo|"
    + "|".join(sorted({name for names in _STALE.values() for name in names.split()})).encode()
)


def is_layout(name: str, node: Any = None) -> bool:
    """Tell whether a property, by its full name, is about the pixels as they are stored.

    Args:
        name: with its namespace in braces.
        node: its element, if it has one.
    """
    if name in _STALE_NAMES or name in _CHANGED or name.startswith(_STALE_NAMESPACES):
        return True
    return node is not None and (
        next(node.iter(_THUMBNAIL), None) is not None
        or any(_THUMBNAIL in inner.attrib for inner in node.iter("*"))
    )


def orientation(packet: bytes | None) -> int:
    """Return the orientation that a packet gives, 1 to 8; 1 if there is none, or nonsense."""
    if not packet or b"Orientation" not in _plain(packet):
        return 1
    try:
        found = [text for name, text in xmp.properties(packet) if name == xmp.full(_ORIENTATION)]
        value = int(found[0]) if found else 1
    except ValueError:
        match = re.search(rb"tiff:Orientation(?:=[\"']|>)([1-8])", _plain(packet))
        value = int(match[1]) if match else 1
    return value if 1 <= value <= 8 else 1


def markers(packet: bytes) -> set[str]:
    """Return what a packet says the file holds beside its picture: a gain map, a film.

    Raises:
        ValueError: it cannot be parsed.
    """
    if not re.search(b"hdr-gain-map|HDRGainMap|photos/1.0/camera", _plain(packet)):
        return set()
    found = set()
    for name, text in xmp.properties(packet):
        if name.startswith(_GAIN_MAPS):
            found.add("gain map")
        elif text == "1" and xmp.short(name) in ("GCamera:MotionPhoto", "GCamera:MicroVideo"):
            found.add("motion photo (a film behind the photo)")
    return found


def upright(packet: bytes) -> bytes:
    """Return a packet that calls its picture upright, if it says anything about that."""
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))\d", rb"\g<1>1", packet)


def brought_in_line(packet: bytes, size: tuple[int, int], *, turned: bool, own_profile: bool) -> bytes:
    """Return a packet that is true of an upright picture in sRGB colours; a damaged one stays as it is.

    Sizes, orientation, colour mode and resolution follow the picture. Thumbnails and gain maps go, and
    so does what is said about bits, channels, compression and profile.

    Args:
        packet: the packet, whole.
        size: width and height of the picture, upright.
        turned: whether width and height were exchanged.
        own_profile: whether the picture keeps the profile of the file.
    """
    packet = upright(packet)
    plain = _plain(packet)
    if not _WORDS.search(plain) and not (b"Orientation" in plain and orientation(packet) != 1):
        return packet
    try:
        root, length = xmp.parse(packet)
        nodes = xmp.descriptions(root)
    except ValueError:
        return packet
    before = len(xmp.serialise(root, 0))
    changed = _remove(nodes, own_profile)
    for names in _SIZES:
        for name, value in zip(names, size, strict=True):
            changed |= _replace(nodes, name, str(value))
    for name, text in ((_ORIENTATION, "1"), (_COLOUR_MODE, "3"), (_COLOUR_SPACE, "1")):
        changed |= _replace(nodes, name, text)
    if turned:
        across, down = (xmp.get_simple(nodes, name) for name in _RESOLUTIONS)
        if across and down:
            changed |= _replace(nodes, _RESOLUTIONS[0], down) | _replace(nodes, _RESOLUTIONS[1], across)
    if not changed:
        return packet
    xmp.forget(root, [namespace.strip("{}") for namespace in _STALE_NAMESPACES])
    return xmp.serialise(root, length - max(0, before - len(xmp.serialise(root, 0))))


def _plain(packet: bytes) -> bytes:
    """Return a packet in any of its encodings so that words of ASCII can be found in it."""
    return packet.replace(b"\0", b"")


def _remove(nodes: list[Any], own_profile: bool) -> bool:
    keep = (_CHANGED | {xmp.full("photoshop:ICCProfile")}) if own_profile else _CHANGED
    changed = False
    for node in nodes:
        for name in list(node.attrib):
            if name not in keep and is_layout(name):
                del node.attrib[name]
                changed = True
        for child in list(node.iterchildren("*")):
            if child.tag not in keep and is_layout(child.tag, child):
                xmp.remove(child)
                changed = True
    return changed


def _replace(nodes: list[Any], name: str, value: str) -> bool:
    """Set a property where it is; return whether that changed it."""
    before = xmp.get_simple(nodes, name)
    if before is None or before == value:
        return False
    xmp.set_simple(nodes, name, value)
    return True
