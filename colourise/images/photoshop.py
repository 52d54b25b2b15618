"""Photoshop's image resources, in which JPEG carries IPTC, and the records of IPTC-IIM.

Source: Adobe Photoshop File Formats Specification (image resources); IPTC-IIM 4.2, chapters 1 and 6.
"""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

HEADER = b"Photoshop 3.0\0"
"""What an APP13 segment of a JPEG begins with where it has image resources."""

IPTC_RESOURCE, RESOLUTION, DIGEST = 1028, 1005, 1061
CAPTION, COPYRIGHT_FLAG, URL = 1008, 1034, 1035
PATHS = range(2000, 2999)
_OF_OLD_PIXELS = {*range(1000, 1004), *range(1006, 1008), *range(1009, 1034), 1036, 1039, 1041, 1045, 1053}
_OF_OLD_PIXELS -= {IPTC_RESOURCE}
_OF_OLD_PIXELS |= {1058, 1059, 1060, 1077, 1088}  # EXIF and XMP as they were are among them
_OF_OLD_GEOMETRY = {1032, 1050, 1080, *PATHS}
_PREVIEWS = (200, 201, 202)  # data sets of record 2

RECORDS = {
    3: "ObjectTypeReference",
    4: "ObjectAttributeReference",
    5: "ObjectName",
    7: "EditStatus",
    10: "Urgency",
    12: "SubjectReference",
    15: "Category",
    20: "SupplementalCategories",
    22: "FixtureIdentifier",
    25: "Keywords",
    26: "ContentLocationCode",
    27: "ContentLocationName",
    30: "ReleaseDate",
    35: "ReleaseTime",
    37: "ExpirationDate",
    38: "ExpirationTime",
    40: "SpecialInstructions",
    55: "DateCreated",
    60: "TimeCreated",
    62: "DigitalCreationDate",
    63: "DigitalCreationTime",
    65: "OriginatingProgram",
    70: "ProgramVersion",
    75: "ObjectCycle",
    80: "By-line",
    85: "By-lineTitle",
    90: "City",
    92: "Sub-location",
    95: "Province-State",
    100: "CountryCode",
    101: "CountryName",
    103: "TransmissionReference",
    105: "Headline",
    110: "Credit",
    115: "Source",
    116: "CopyrightNotice",
    118: "Contact",
    120: "Caption-Abstract",
    122: "Writer-Editor",
}
"""Names of the data sets of record 2."""


@dataclass(frozen=True)
class Resource:
    """An image resource."""

    number: int
    name: bytes
    """Its name, mostly empty."""
    data: bytes


def resources(block: bytes) -> list[Resource]:
    """Take a block of image resources apart; what is damaged ends it."""
    found, at = [], 0
    while at + 12 <= len(block) and block[at : at + 4] in (b"8BIM", b"MeSa", b"AgHg", b"PHUT", b"DCSR"):
        number, length = struct.unpack(">HB", block[at + 4 : at + 7])
        name = block[at + 7 : at + 7 + length]
        at += 6 + length + 1 + (length + 1) % 2
        if at + 4 > len(block):
            break
        (size,) = struct.unpack(">I", block[at : at + 4])
        if size > len(block) - at - 4:
            break
        found.append(Resource(number, name, block[at + 4 : at + 4 + size]))
        at += 4 + size + size % 2
    return found


def block_of(some: Iterable[Resource]) -> bytes:
    """Return image resources as one block."""
    block = b""
    for one in some:
        name = bytes([len(one.name)]) + one.name
        name += b"\0" * (len(name) % 2)
        block += b"8BIM" + struct.pack(">H", one.number) + name
        block += struct.pack(">I", len(one.data)) + one.data + b"\0" * (len(one.data) % 2)
    return block


def brought_in_line(
    some: Iterable[Resource], dpi: tuple[float, float] | None, turned: bool
) -> list[Resource]:
    """Return the resources that still hold when the picture is upright, in colour and in sRGB.

    Thumbnails, profiles and copies of EXIF and XMP go, and whatever says how the old pixels are to be shown
    or printed; so do clipping paths and slices where the picture was turned. The resolution becomes `dpi`.
    """
    kept = []
    for one in some:
        if one.number in _OF_OLD_PIXELS or (turned and one.number in _OF_OLD_GEOMETRY):
            continue
        if one.number == RESOLUTION:
            if dpi is None or len(one.data) < 16:
                continue
            across, down = (min(round(value * 65536), 2**32 - 1) for value in dpi)
            units = (one.data[4:8], one.data[12:16])
            data = struct.pack(">I", across) + units[0] + struct.pack(">I", down) + units[1]
            kept.append(Resource(one.number, one.name, data))
        else:
            kept.append(one)
    return kept


def segments(block: bytes) -> Iterator[bytes]:
    """Yield the APP13 segments of a JPEG that hold a block of image resources, as Photoshop splits it."""
    most = 65_533 - len(HEADER)
    for start in range(0, len(block), most):
        data = HEADER + block[start : start + most]
        yield b"\xff\xed" + struct.pack(">H", 2 + len(data)) + data


def records(iptc: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield the records of IPTC-IIM: number of the record, of the data set, content, and all bytes.

    What is damaged ends them.
    """
    at = 0
    while at + 5 <= len(iptc) and iptc[at] == 0x1C:
        start = at
        record, dataset, length = struct.unpack(">BBH", iptc[at + 1 : at + 5])
        at += 5
        if length & 0x8000:  # the length of the length
            count = length & 0x7FFF
            length = int.from_bytes(iptc[at : at + count]) if count <= 4 else len(iptc)
            at += count
        if at + length > len(iptc):
            return
        yield record, dataset, iptc[at : at + length], iptc[start : at + length]
        at += length


def without_previews(iptc: bytes) -> bytes:
    """Return IPTC records without previews of the photo as it was; the same bytes if there are none."""
    found = list(records(iptc))
    if not any(record == 2 and dataset in _PREVIEWS for record, dataset, *_ in found):
        return iptc
    return b"".join(whole for record, dataset, _, whole in found if record != 2 or dataset not in _PREVIEWS)


def text_of(data: bytes) -> str:
    """Return text as UTF-8 if it can be that, otherwise as Latin-1."""
    try:
        return data.decode().strip("\0 ")
    except UnicodeDecodeError:
        return data.decode("latin-1").strip("\0 ")


def name_of(record: int, dataset: int) -> str:
    """Name a record, such as "IPTC Caption-Abstract"."""
    if record == 2:
        return f"IPTC {RECORDS.get(dataset, f'2:{dataset}')}"
    return f"IPTC {record}:{dataset}"
