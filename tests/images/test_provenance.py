import io
import re
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile
from PIL import Image, ImageCms

from colourise import images
from colourise.images import pillow
from colourise.images.metadata import Edit, Metadata

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
XMP = "{http://ns.adobe.com/xap/1.0/}"
MM = "{http://ns.adobe.com/xap/1.0/mm/}"
EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
IPTC_EXTENSION = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}"
TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
COMPOSITE = TERMS + "compositeWithTrainedAlgorithmicMedia"

WHEN = datetime(2026, 3, 4, 5, 6, 7, 891, timezone(timedelta(hours=-3, minutes=-30)))
EDIT = Edit("colourise 0.1.0", "colourise-v1", WHEN, "0123456789abcdef" * 4)
NAME = "colourise 0.1.0 (model colourise-v1)"
OURS = {
    "action": "edited",
    "when": "2026-03-04T05:06:07-03:30",
    "softwareAgent": "colourise 0.1.0",
    "parameters": "colours added by model colourise-v1 (sha256 0123456789ab)",
    "changed": "/content",
}
IPTC = b"\x1c\x02\x41\x00\x09VueScan 9"  # record 2, data set 65: originating program
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

# What programs write: two descriptions, both notations of RDF, arrays, languages, line ends, a comment, a
# prefix of ours for something else, and padding.
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Adobe XMP Core 5.6">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="uuid:1921" xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="1" dc:format="image/tiff" \
dc:source="Kasten 3&#10;Nr. 17&#9;&quot;Köln&quot; &lt;neu&gt;">
   <!-- from the old card index -->
   <dc:creator><rdf:Seq><rdf:li>A. Sander</rdf:li><rdf:li>N. N.</rdf:li></rdf:Seq></dc:creator>
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Müller &amp; Söhne&#13;
1921 😀</rdf:li></rdf:Alt></dc:title>
  </rdf:Description>
  <rdf:Description rdf:about="uuid:1921" xmlns:mm="http://ns.adobe.com/xap/1.0/mm/" \
xmlns:e="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#" xmlns:stEvt="urn:other" stEvt:own="kept">
   <mm:DocumentID>xmp.did:17</mm:DocumentID>
   <mm:History>
    <rdf:Seq>
     <rdf:li e:action="created" e:when="2001-01-01T00:00:00Z" e:softwareAgent="scanner"/>
     <rdf:li rdf:parseType="Resource">
      <e:action>saved</e:action>
      <e:when>2004-05-06T07:08:09+01:00</e:when>
     </rdf:li>
    </rdf:Seq>
   </mm:History>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
""".encode()
PADDING, END = b" " * 2000, b'\n<?xpacket end="w"?>'
PACKET += PADDING + END


def exif() -> bytes:
    tags = Image.Exif()
    tags[270], tags[271], tags[305], tags[306] = "Hafen", "Nikon", "VueScan 9", "2004:05:06 07:08:09"
    tags[34665] = {36867: "1921:05:01 12:00:00", 36868: "2004:05:06 07:00:00", 37500: b"maker's own"}
    tags[34853] = {1: "N", 2: (50.0, 56.0, 28.5)}
    return tags.tobytes()


def photo(deep: bool = False, **metadata: object) -> images.Photo:
    y, x = np.mgrid[0:24, 0:32]
    pixels = np.dstack([x * 8, y * 10, x + y]).astype(np.uint8)
    pixels = pixels.astype(np.uint16) * 257 if deep else pixels
    return images.Photo(pixels, None, "TIFF", Metadata(**metadata))


def written(picture: images.Photo, suffix: str) -> tuple[bytes, list[str]]:
    buffer = io.BytesIO()
    notes = images.write(picture, buffer, format=suffix)
    return buffer.getvalue(), notes


def tags_of(metadata: Metadata) -> dict:
    """Every tag, those of the EXIF and GPS directories too."""
    tags = Image.Exif()
    tags.load(metadata.exif or b"")
    inner = {(ifd, tag): value for ifd in (34665, 34853) for tag, value in tags.get_ifd(ifd).items()}
    return {tag: value for tag, value in tags.items() if tag not in (34665, 34853)} | inner


def told(picture: images.Photo, suffix: str = ".tif") -> images.Photo:
    """The photo as it comes back from a file that tells of EDIT, with the notes of writing."""
    picture = replace(picture, metadata=replace(picture.metadata, edit=EDIT))
    data, notes = written(picture, suffix)
    return replace(images.read(data), notes=notes)


def descriptions(packet: bytes | None) -> list[ET.Element]:
    root = ET.fromstring((packet or b"").rstrip(b"\0"))  # noqa: S314
    rdf = root if root.tag == f"{RDF}RDF" else root.find(f"{RDF}RDF")
    assert rdf is not None
    return list(rdf)


def values(packet: bytes | None, name: str) -> list[str | None]:
    """Values of a simple property, whichever way they are written."""
    found = []
    for one in descriptions(packet):
        found += [one.attrib[name]] if name in one.attrib else []
        found += [element.get(f"{RDF}resource", element.text) for element in one.findall(name)]
    return found


def events(packet: bytes | None) -> list[dict[str, str]]:
    histories = [found for one in descriptions(packet) for found in one.findall(f"{MM}History")]
    assert len(histories) == 1
    [sequence] = histories[0]
    assert sequence.tag == f"{RDF}Seq"
    return [
        {
            name.removeprefix(EVENT): text or ""
            for name, text in [*event.items(), *((field.tag, field.text) for field in event)]
            if name.startswith(EVENT)
        }
        for event in sequence
    ]


# --- Formats ------------------------------------------------------------------------------------------

FORMATS = (".jpg", ".png", ".tif", ".webp", ".avif", ".heic", "16.png", "16.tif")


def outside(data: bytes, suffix: str) -> tuple[str, bytes]:
    """Software and XMP as another program reads them."""
    if suffix == ".tif":
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            tags = tiff.pages.first.tags
            return tags[305].value, tags[700].value
    if suffix == ".heic":
        heif = pillow_heif.open_heif(io.BytesIO(data))
        tags = Image.Exif()
        tags.load(heif.info["exif"])
        return tags[305], heif.info["xmp"]
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.getexif()[305], image.info["xmp"]


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("earlier", [False, True])
def test_every_format_tells(suffix: str, earlier: bool) -> None:
    rich = {"exif": exif(), "xmp": PACKET, "iptc": IPTC, "icc": SRGB, "dpi": (300.0, 200.0)}
    silent = photo("16" in suffix, **(rich if earlier else {}))
    suffix = suffix.removeprefix("16")
    before, notes = written(silent, suffix)
    after, more = written(replace(silent, metadata=replace(silent.metadata, edit=EDIT)), suffix)
    homeless = earlier and suffix in (".webp", ".avif", ".heic")
    assert more == notes == (["left out: IPTC OriginatingProgram"] if homeless else [])

    software, packet = outside(after, suffix)
    assert software == (f"VueScan 9; {NAME}" if earlier else NAME)
    assert values(packet, f"{IPTC_EXTENSION}DigitalSourceType") == [COMPOSITE]
    assert values(packet, f"{XMP}ModifyDate") == values(packet, f"{XMP}MetadataDate") == [OURS["when"]]
    assert events(packet)[-1] == OURS
    assert len(events(packet)) == (3 if earlier else 1)

    without, with_ = images.read(before), images.read(after)
    assert (with_.pixels == without.pixels).all()
    assert with_.metadata.icc == without.metadata.icc
    assert with_.metadata.iptc == without.metadata.iptc
    assert with_.metadata.iptc == (IPTC if earlier and suffix in (".jpg", ".png", ".tif") else None)
    assert with_.metadata.dpi == without.metadata.dpi
    own = {305, 306, (34665, 36880)}
    others = {tag: value for tag, value in tags_of(with_.metadata).items() if tag not in own}
    assert others == {tag: value for tag, value in tags_of(without.metadata).items() if tag not in own}
    assert not earlier or others[34665, 36867] == "1921:05:01 12:00:00"


@pytest.mark.parametrize("suffix", [*FORMATS, ".bmp"])
def test_silent_unless_asked(suffix: str) -> None:
    data, _ = written(photo("16" in suffix, exif=exif(), xmp=PACKET), suffix.removeprefix("16"))
    assert b"colourise" not in data
    assert b"2026" not in data


def test_bmp_has_no_place() -> None:
    for metadata in ({}, {"exif": exif(), "xmp": PACKET}):
        assert written(photo(**metadata, edit=EDIT), ".bmp") == written(photo(**metadata), ".bmp")
    assert written(photo(edit=EDIT), ".bmp")[1] == []


def test_the_same_every_time() -> None:
    for suffix in FORMATS:
        picture = photo("16" in suffix, exif=exif(), xmp=PACKET, edit=EDIT)
        assert written(picture, suffix.removeprefix("16")) == written(picture, suffix.removeprefix("16"))


def test_silence_needs_no_xml(tmp_path: Path) -> None:
    Image.fromarray(photo().pixels).save(tmp_path / "a.jpg")
    code = (
        "import io, sys; from pathlib import Path; from colourise import images\n"
        "images.write(images.read(Path(sys.argv[1])), io.BytesIO())\n"
        "print('lxml' in sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", code, str(tmp_path / "a.jpg")]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout == "False\n"


# --- EXIF ---------------------------------------------------------------------------------------------


def test_dates_of_exif() -> None:
    tags = tags_of(told(photo(exif=exif())).metadata)
    assert tags[306] == "2026:03:04 05:06:07"
    assert tags[34665, 36880] == "-03:30"
    assert tags[34665, 36867] == "1921:05:01 12:00:00"
    assert tags[34665, 36868] == "2004:05:06 07:00:00"


def test_old_date_and_software_become_an_event() -> None:
    block = Image.Exif()
    block.load(exif())
    camera = block.get_ifd(34665) | {36880: "+01:00", 36881: "+02:00", 37520: "25"}
    block[34665] = camera
    again = told(photo(exif=block.tobytes())).metadata
    scanned = {"action": "saved", "when": "2004-05-06T07:08:09+01:00", "softwareAgent": "VueScan 9"}
    assert events(again.xmp) == [scanned, OURS]
    tags = tags_of(again)
    assert tags[34665, 36880] == "-03:30"
    assert tags[34665, 36881] == "+02:00"  # of DateTimeOriginal
    assert (34665, 37520) not in tags  # fractions of the old second


@pytest.mark.parametrize("date", ["", "0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday"])
def test_no_date_is_no_event(date: str) -> None:
    block = Image.Exif()
    block[270], block[306] = "Hafen", date
    again = told(photo(exif=block.tobytes()))
    assert events(again.metadata.xmp) == [OURS]
    assert tags_of(again.metadata)[306] == "2026:03:04 05:06:07"


def test_accents_in_software() -> None:
    block = Image.Exif()
    block[305], block[306] = "Scänner 2".encode(), "2004:05:06 07:08:09"
    again = told(photo(exif=block.tobytes())).metadata
    assert tags_of(again)[305].encode("latin-1").decode() == f"Scänner 2; {NAME}"
    assert events(again.xmp)[0]["softwareAgent"] == "Scänner 2"


@pytest.mark.parametrize(("order", "mark"), [("<", b"II*\0"), (">", b"MM\0*")])
def test_byte_order_stays(order: str, mark: bytes) -> None:
    tags = Image.Exif()
    tags.endian = order
    tags[270] = "Hafen"
    data, _ = written(photo(exif=tags.tobytes(), edit=EDIT), ".jpg")
    assert b"Exif\0\0" + mark in data


def test_a_time_needs_its_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        replace(EDIT, when=datetime(2026, 3, 4))
    packet = told(photo()).metadata.xmp
    assert values(packet, f"{XMP}ModifyDate") == ["2026-03-04T05:06:07-03:30"]


# --- XMP ----------------------------------------------------------------------------------------------


def test_what_the_packet_has_stays() -> None:
    packet = told(photo(exif=exif(), xmp=PACKET)).metadata.xmp or b""
    inserted = re.compile(rb'\n<rdf:(li|Description) [^<>]*(changed="/content"|MetadataDate="[^"]*")/>')
    assert len(inserted.findall(packet)) == 2
    before, after = PACKET.decode().strip("\ufeff"), inserted.sub(b"", packet).decode()
    assert ET.canonicalize(after, with_comments=True) == ET.canonicalize(before, with_comments=True)
    assert len(packet) == len(PACKET)  # the padding gives way
    assert packet.endswith(END)


def test_history_is_continued_in_order() -> None:
    packet = told(photo(exif=exif(), xmp=PACKET)).metadata.xmp
    first, second, last = events(packet)
    assert first == {"action": "created", "when": "2001-01-01T00:00:00Z", "softwareAgent": "scanner"}
    assert second == {"action": "saved", "when": "2004-05-06T07:08:09+01:00"}  # EXIF's date: no second event
    assert last == OURS
    assert {one.get(f"{RDF}about") for one in descriptions(packet)} == {"uuid:1921"}
    assert values(packet, "{urn:other}own") == ["kept"]


@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".webp"])
def test_colouring_again(suffix: str) -> None:
    once = told(photo(exif=exif()), suffix)
    later = Edit("colourise 0.2.0", "v2", datetime(2027, 1, 1, tzinfo=UTC))
    once.metadata.edit = later
    twice = images.read(written(once, suffix)[0])
    packet = twice.metadata.xmp
    assert values(packet, f"{IPTC_EXTENSION}DigitalSourceType") == [COMPOSITE]
    assert values(packet, f"{XMP}ModifyDate") == ["2027-01-01T00:00:00+00:00"]
    agents = [event["softwareAgent"] for event in events(packet)]
    assert agents == ["VueScan 9", "colourise 0.1.0", "colourise 0.2.0"]
    assert events(packet)[-1]["parameters"] == "colours added by model v2"
    assert len(descriptions(packet)) == 1
    assert tags_of(twice.metadata)[305] == f"VueScan 9; {NAME}; colourise 0.2.0 (model v2)"
    twice.metadata.edit = later
    assert tags_of(images.read(written(twice, suffix)[0]).metadata)[305] == tags_of(twice.metadata)[305]


def packet_with(inside: str = "", attributes: str = "") -> bytes:
    return (
        f'<r:RDF xmlns:r="{RDF[1:-1]}"><r:Description xmlns:i="{IPTC_EXTENSION[1:-1]}" xmlns:x="{XMP[1:-1]}" '
        f'xmlns:m="{MM[1:-1]}" {attributes}>{inside}</r:Description></r:RDF>'
    ).encode()


@pytest.mark.parametrize(
    "packet",
    [
        packet_with(attributes=f'i:DigitalSourceType="{TERMS}negativeFilm" x:ModifyDate="2001"'),
        packet_with(f"<i:DigitalSourceType>{TERMS}negativeFilm</i:DigitalSourceType><x:ModifyDate/>"),
        packet_with(f'<i:DigitalSourceType r:resource="{TERMS}negativeFilm"/><m:History/>'),
        packet_with(
            f'<m:History><r:Seq/></m:History><i:DigitalSourceType r:resource="{TERMS}negativeFilm"/>'
        ),
    ],
)
def test_source_before_is_not_forgotten(packet: bytes) -> None:
    again = told(photo(xmp=packet)).metadata.xmp
    assert values(again, f"{IPTC_EXTENSION}DigitalSourceType") == [COMPOSITE]
    assert values(again, f"{XMP}ModifyDate") == values(again, f"{XMP}MetadataDate") == [OURS["when"]]
    was = f"{OURS['parameters']}; digital source type was {TERMS}negativeFilm"
    assert events(again) == [OURS | {"parameters": was}]


def test_what_ai_made_stays_made_by_ai() -> None:
    packet = packet_with(attributes=f'i:DigitalSourceType="{TERMS}trainedAlgorithmicMedia"')
    again = told(photo(xmp=packet)).metadata.xmp
    assert values(again, f"{IPTC_EXTENSION}DigitalSourceType") == [f"{TERMS}trainedAlgorithmicMedia"]
    assert events(again) == [OURS]


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_encodings(codec: str, mark: str) -> None:
    """XMP may have any of them in general; in these formats it has to be UTF-8."""
    text = PACKET.decode().partition("?>\n")[2].partition("<?xpacket")[0].strip()  # as without the wrapper
    again = told(photo(xmp=(mark + text + "\n\0").encode(codec)), ".png")
    assert again.notes == []
    assert (again.metadata.xmp or b"").decode().startswith("<x:xmpmeta")
    assert events(again.metadata.xmp)[-1] == OURS
    assert "Müller & Söhne\r\n1921 😀" in "".join(descriptions(again.metadata.xmp)[0].itertext())


BOMB = b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 99 + b'">' + b"".join(
    b'<!ENTITY %c "%s">' % (99 + n, b"&%c;" % (98 + n) * 20) for n in range(9)
) + b"]>"  # fmt: skip


@pytest.mark.parametrize(
    "packet",
    [
        BOMB + PACKET,
        BOMB + packet_with("<x:Label>&k;</x:Label>"),
        b'<!DOCTYPE a [<!ENTITY f SYSTEM "file:///etc/passwd">]>' + packet_with("<x:Label>&f;</x:Label>"),
        BOMB.decode().encode("utf-16") + packet_with("<x:Label>&k;</x:Label>").decode().encode("utf-16-le"),
        packet_with("<x:Label>&undefined;</x:Label>"),
        packet_with("<unbound:prefix/>"),
        packet_with("caf\xe9").decode().encode("latin-1"),
        PACKET[: len(PACKET) // 3],
        b"<a>" * 50_000 + b"</a>" * 50_000,
        packet_with("<x:Label>" * 50_000 + "</x:Label>" * 50_000),
        b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>",
        b"not XML \0\1\2",
        b"\xff\xfe\0\xd8",
        packet_with("<x:Label>" + "long" * 2**20 + "</x:Label>"),
    ],
    ids=lambda packet: packet[:20].decode("latin-1"),
)
def test_hostile_packets_stay_as_they_are(packet: bytes) -> None:
    again = told(photo(exif=exif(), xmp=packet))
    assert again.notes == [
        "its XMP data cannot be extended and stay as they are: what was done to it is told in EXIF alone"
    ]
    assert again.metadata.xmp == packet
    tags = tags_of(again.metadata)
    assert tags[305] == f"VueScan 9; {NAME}"
    assert tags[306] == "2004:05:06 07:08:09"  # nothing else keeps it


def test_names_that_xml_cannot_have() -> None:
    picture = photo(edit=replace(EDIT, model='a"<b>&\0\n\ud800\uffff Köln'))
    packet = images.read(written(picture, ".tif")[0]).metadata.xmp
    assert events(packet)[0]["parameters"].startswith('colours added by model a"<b>&     Köln (sha256')
    assert tags_of(images.read(written(picture, ".jpg")[0]).metadata)[305].startswith(
        'colourise 0.1.0 (model a"<b'
    )


# --- Room in a JPEG -----------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [60_000, 64_600, 64_990, 70_000, 200_000, 3_000_000])
@pytest.mark.parametrize("attribute", [False, True])
def test_xmp_longer_than_a_segment(length: int, attribute: bool) -> None:
    label = "l" * length
    packet = (
        packet_with(attributes=f'x:Label="{label}"')
        if attribute
        else packet_with(f"<x:Label>{label}</x:Label>")
    )
    for history in (EDIT, None):
        data, notes = written(photo(exif=exif(), xmp=packet, edit=history), ".jpg")
        again = images.read(data).metadata
        assert notes == []
        assert values(again.xmp, f"{XMP}Label") == [label]
        if history:
            assert events(again.xmp)[-1] == OURS
            assert tags_of(again)[305] == f"VueScan 9; {NAME}"
        with Image.open(io.BytesIO(data)) as image:  # what programs that know no extensions see
            assert len(image.info["xmp"]) <= pillow.JPEG_SEGMENT
            short = values(image.info["xmp"], f"{XMP}Label")
            assert short == ([label] if len(packet) < pillow.JPEG_SEGMENT - 1000 else short)
    assert told(photo(xmp=packet), ".png").notes == []


def test_many_properties_longer_than_a_segment() -> None:
    packet = packet_with("".join(f"<x:Label{n}>{'l' * 3000}</x:Label{n}>" for n in range(100)))
    again = told(photo(xmp=packet), ".jpg")
    assert again.notes == []
    assert [values(again.metadata.xmp, f"{XMP}Label{n}") for n in range(100)] == [["l" * 3000]] * 100
    assert events(again.metadata.xmp)[-1] == OURS


def test_padding_that_is_longer_than_a_segment_gives_way() -> None:
    data, notes = written(photo(xmp=PACKET.replace(PADDING, b" " * 80_000)), ".jpg")
    assert notes == []
    assert b"HasExtendedXMP" not in data
    assert values(images.read(data).metadata.xmp, "{urn:other}own") == ["kept"]


def test_padding_makes_room() -> None:
    packet = PACKET.replace(PADDING, b" " * (64_900 - len(PACKET)))
    again = told(photo(xmp=packet), ".jpg")
    assert again.notes == []
    assert len(again.metadata.xmp or b"") == len(packet)


def test_xmp_that_no_jpeg_can_hold() -> None:
    again = told(photo(xmp=b"no XML" * 12_000), ".jpg")
    assert again.notes[1:] == ["left out: XMP"]
    assert tags_of(again.metadata)[305] == NAME


def test_exif_without_room() -> None:
    tags = Image.Exif()
    tags.load(exif())
    block = tags.tobytes()
    tags[271] = "m" * (pillow.JPEG_SEGMENT - len(block))
    again = told(photo(exif=tags.tobytes()), ".jpg")
    assert again.notes == ["its EXIF data leave no room to say what was done to it"]
    assert tags_of(again.metadata)[305] == "VueScan 9"
    assert events(again.metadata.xmp)[-1] == OURS


# --- Through the whole of it --------------------------------------------------------------------------


def test_damaged_exif_costs_only_itself() -> None:
    block, random = exif(), np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(block)
        for place in random.integers(6, len(block), 4):
            broken[place] = random.integers(256)
        buffer = io.BytesIO()
        Image.fromarray(photo().pixels).save(buffer, "JPEG", exif=bytes(broken))
        source = images.read(buffer.getvalue())
        for suffix in (".jpg", ".tif"):
            again = told(source, suffix).metadata
            assert tags_of(again)[305].endswith(NAME)
            assert events(again.xmp)[-1] == OURS


def test_segments_of_a_jpeg_are_sound() -> None:
    """Each segment's length leads to the next marker, up to the picture itself."""
    data, _ = written(photo(exif=exif(), xmp=PACKET, iptc=IPTC, edit=EDIT), ".jpg")
    place, kinds = 2, []
    while data[place + 1] != 0xDA:
        assert data[place] == 0xFF
        kinds.append(data[place + 1])
        place += 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
    assert kinds.count(0xE1) == 2  # APP1: EXIF and XMP, once each
    assert kinds.count(0xED) == 1  # APP13: IPTC
