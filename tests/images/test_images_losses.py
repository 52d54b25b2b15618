"""What is left out, and what goes because it was true of the old picture alone."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.pictures import CAPTION, IPTC, exif, picture, picture8, save
from PIL import Image, PngImagePlugin
from typer.testing import Result

from colourise import images
from colourise.images import losses, photoshop, xmp, xmp_layout

CASES = Path(__file__).parent.parent / "cases"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"

Colourise = Callable[..., Result]


def coloured(colourise: Colourise, source: Path, target: Path) -> tuple[Path, str]:
    """The output, and the line that says what is left out."""
    result = colourise(source, "-o", target)
    assert result.exit_code == 0, result.stderr
    lines = [line.partition(": ")[2] for line in result.stderr.splitlines() if line.startswith("note ")]
    return target, "\n".join(line for line in lines if line.startswith("left out: "))


def packet(inside: str = "", attributes: str = "") -> bytes:
    prefixes = " ".join(
        f'xmlns:{prefix}="{name}"' for prefix, name in xmp.NAMESPACES.items() if prefix != "rdf"
    )
    return (
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about="" '
        f'{prefixes} xmlns:Item="http://ns.google.com/photos/1.0/container/item/" {attributes}>{inside}'
        f"</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def properties(data: bytes | None) -> dict[str, str]:
    return {xmp.short(name): text for name, text in xmp.properties((data or b"").rstrip(b"\0"))}


# --- The cases ----------------------------------------------------------------------------------------


def test_a_comment_of_a_jpeg(colourise: Colourise, tmp_path: Path) -> None:
    with Image.open(CASES / "caption-comment.jpg") as image:
        comment = image.info["comment"]
    made, line = coloured(colourise, CASES / "caption-comment.jpg", tmp_path / "a.jpg")
    with Image.open(made) as image:
        assert image.info["comment"] == comment == b"Schoolhouse, east side, 1911. Plate 14."
    assert line == ""


def test_texts_of_a_png(colourise: Colourise, tmp_path: Path) -> None:
    texts = {
        "Title": "Plate 14",
        "Description": "Schoolhouse, east side, 1911",
        "Copyright": "City archive",
        "Comment": "Négatif nº 14",
    }
    made, line = coloured(colourise, CASES / "caption-text.png", tmp_path / "a.png")
    with Image.open(made) as image:
        assert {key: image.text[key] for key in texts} == texts
    assert line == ""
    made, line = coloured(colourise, CASES / "caption-text.png", tmp_path / "a.jpg")
    with Image.open(made) as image:
        assert image.info["comment"].decode() == texts["Comment"]
        there = properties(image.info["xmp"])
    assert (there["dc:title"], there["dc:description"], there["dc:rights"]) == tuple(texts.values())[:3]
    assert line == ""


def test_iptc_of_a_png(colourise: Colourise, tmp_path: Path) -> None:
    made, line = coloured(colourise, CASES / "caption-iptc.png", tmp_path / "a.png")
    with Image.open(made) as image:
        digits = image.text["Raw profile type iptc"].split("\n", 3)[3]
    assert b"\x1c\x02\x78\0\x0bSchoolhouse" in bytes.fromhex(digits)
    assert line == ""
    made, line = coloured(colourise, CASES / "caption-iptc.png", tmp_path / "a.jpg")
    with Image.open(made) as image:
        assert b"\x1c\x02\x78\0\x0bSchoolhouse" in image.info["photoshop"][1028]
    assert line == ""


def test_a_turn_in_xmp_alone(colourise: Colourise, tmp_path: Path) -> None:
    made, _ = coloured(colourise, CASES / "turn-in-xmp-16bit.png", tmp_path / "a.png")
    with Image.open(CASES / "turn-in-xmp-16bit.png") as source, Image.open(made) as image:
        assert source.size == image.size[::-1]
        assert properties(image.info["xmp"])["tiff:Orientation"] == "1"
        before = np.rot90(np.asarray(source).astype(float), -1)
        assert np.corrcoef(before.ravel(), np.asarray(image.convert("L")).ravel())[0, 1] > 0.99


def test_a_thumbnail_in_xmp(colourise: Colourise, tmp_path: Path) -> None:
    made, line = coloured(colourise, CASES / "xmp-thumbnail.jpg", tmp_path / "a.jpg")
    with Image.open(made) as image:
        assert image.size == (320, 235)
        data, there = image.info["xmp"], properties(image.info["xmp"])
    for gone in (
        b"Thumbnails",
        b"xmpGImg:image",
        b"Dot Gain",
        b"SamplesPerPixel",
        b"PhotometricInterpretation",
    ):
        assert gone not in data
    assert there["photoshop:ColorMode"] == "3"
    assert (there["tiff:ImageWidth"], there["tiff:ImageLength"], there["tiff:Orientation"]) == (
        "320",
        "235",
        "1",
    )
    assert (there["exif:PixelXDimension"], there["exif:PixelYDimension"]) == ("320", "235")
    assert there["dc:description"] == "Schoolhouse"
    assert len(data) < 2000 + 1500  # the thumbnail's place is not filled with blanks
    assert line == ""


# --- Of the old picture alone -------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".jpg", ".png", "16.png", ".tif", "16.tif", ".webp", ".avif", ".heic"])
def test_layout_in_xmp_of_every_format(tmp_path: Path, suffix: str) -> None:
    data = packet(
        "<tiff:BitsPerSample><rdf:Seq><rdf:li>8</rdf:li></rdf:Seq></tiff:BitsPerSample>"
        '<xmp:Thumbnails><rdf:Alt><rdf:li xmpGImg:image="AAAA"/></rdf:Alt></xmp:Thumbnails>'
        '<xmp:Label><rdf:Seq><rdf:li rdf:parseType="Resource"><xmpGImg:image>AA</xmpGImg:image></rdf:li>'
        "</rdf:Seq></xmp:Label>"
        "<exif:ColorSpace>65535</exif:ColorSpace><dc:format>image/jpeg</dc:format>",
        'tiff:SamplesPerPixel="1" photoshop:ColorMode="1" photoshop:ICCProfile="Dot Gain 20%" '
        'tiff:ImageWidth="9" tiff:ImageLength="8" tiff:XResolution="300/1" tiff:YResolution="200/1" '
        'tiff:Orientation="6"',
    )
    source = tmp_path / f"a{suffix}"
    image = Image.fromarray(picture()[..., 0] if suffix.startswith("16") else picture8()[..., 0])
    if suffix.endswith(".png"):
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", data.decode())
        image.save(source, pnginfo=info)
    elif suffix.endswith(".tif"):
        image.save(source, tiffinfo={700: data})
    else:
        save(source, image, xmp=data)
    photo = images.read(source)
    assert photo.pixels.shape[:2] == (64, 48)
    there = properties(photo.metadata.xmp)
    there.pop("tiff:Orientation", "")
    assert there == {
        "exif:ColorSpace": "1",
        "dc:format": "image/jpeg",
        "photoshop:ColorMode": "3",
        "tiff:ImageWidth": "48",
        "tiff:ImageLength": "64",
        "tiff:XResolution": "200/1",
        "tiff:YResolution": "300/1",
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_layout_in_any_encoding(encoding: str) -> None:
    data = (
        packet(attributes='photoshop:ColorMode="1" tiff:SamplesPerPixel="1" dc:source="Köln"')
        .decode()
        .encode(encoding)
    )
    there = properties(xmp_layout.brought_in_line(data, (4, 3), turned=False, own_profile=False))
    assert there == {"photoshop:ColorMode": "3", "dc:source": "Köln"}


@pytest.mark.parametrize(
    "data", [packet(attributes='dc:source="Köln" tiff:Orientation="1"'), b"no XML SamplesPerPixel", b""]
)
def test_what_says_none_of_it_stays_byte_for_byte(data: bytes) -> None:
    assert xmp_layout.brought_in_line(data, (4, 3), turned=True, own_profile=False) == data


def test_the_name_of_a_profile_that_stays_stays() -> None:
    data = packet(attributes='photoshop:ICCProfile="sRGB IEC61966-2.1"')
    assert xmp_layout.brought_in_line(data, (4, 3), turned=False, own_profile=True) == data


def test_a_gain_map_goes_with_all_that_speaks_of_it(colourise: Colourise, tmp_path: Path) -> None:
    """Ultra HDR: a second JPEG behind the first, named in a directory (MPF) and in XMP."""
    buffer = io.BytesIO()
    Image.fromarray(picture8(24, 32)).save(buffer, "JPEG")
    directory = (
        '<Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource">'
        '<Container:Item Item:Semantic="Primary"/></rdf:li>'
        '<rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" '
        f'Item:Length="{len(buffer.getvalue())}"/></rdf:li></rdf:Seq></Container:Directory>'
    )
    data = packet(directory, 'hdrgm:Version="1.0" dc:source="Kasten 3"')
    app2 = b"MPF\0II*\0\x08\0\0\0\0\0\0\0\0\0"
    iso = b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0"
    extra = b"".join(b"\xff\xe2" + struct.pack(">H", 2 + len(one)) + one for one in (app2, iso))
    source = tmp_path / "a.jpg"
    Image.fromarray(picture8()).save(source, xmp=data, extra=extra)
    source.write_bytes(source.read_bytes() + buffer.getvalue())
    made, line = coloured(colourise, source, tmp_path / "b.jpg")
    assert line == "left out: gain map"
    output = made.read_bytes()
    for gone in (b'hdr-gain-map/1.0/" hdrgm', b"hdrgm:Version", b"GainMap", b"MPF\0", b"21496", b"Directory"):
        assert gone not in output
    assert b"Kasten 3" in output
    assert output.count(b"\xff\xd8\xff") == 1


def test_a_film_behind_a_photo_is_named(colourise: Colourise, tmp_path: Path) -> None:
    data = packet(attributes='GCamera:MotionPhoto="1" GCamera:MotionPhotoVersion="1"')
    source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), xmp=data)
    made, line = coloured(colourise, source, tmp_path / "b.jpg")
    assert "motion photo" in line
    assert b"MotionPhoto" not in made.read_bytes()


# --- Photoshop ----------------------------------------------------------------------------------------


def resource(number: int, data: bytes) -> bytes:
    return photoshop.block_of([photoshop.Resource(number, b"", data)])


BLOCK = b"".join(
    (
        resource(1005, struct.pack(">IHHIHH", 72 << 16, 1, 1, 72 << 16, 1, 1)),
        resource(1036, b"\0\0\0\1" + bytes(24) + b"\xff\xd8thumbnail"),
        resource(1028, IPTC),
        resource(1035, b"https://archive.example"),
        resource(2000, b"a path of the old picture"),
    )
)


@pytest.mark.parametrize("suffix", [".jpg", ".tif", "16.tif"])
@pytest.mark.parametrize("target", [".jpg", ".tif", ".png"])
@pytest.mark.parametrize("turned", [False, True])
def test_image_resources(tmp_path: Path, suffix: str, target: str, turned: bool) -> None:
    source = tmp_path / f"a{suffix}"
    image = Image.fromarray(picture()[..., 0] if suffix.startswith("16") else picture8())
    block = exif(6 if turned else 1)
    if suffix == ".jpg":
        image.save(source, extra=next(photoshop.segments(BLOCK)), exif=block.tobytes(), dpi=(300, 200))
    else:
        block = Image.Exif()
        block[274], block[34377] = 6 if turned else 1, BLOCK
        image.save(source, exif=block, dpi=(300, 200))
    photo = images.read(source)
    notes = images.write(photo, tmp_path / f"b{target}")
    assert ("left out: clipping path" in notes) == turned
    again = images.read(tmp_path / f"b{target}").metadata
    assert again.iptc == IPTC
    there = {one.number: one.data for one in again.resources}
    assert there.keys() == ({1005, 1035} if turned else {1005, 1035, 2000})
    across, down = (200, 300) if turned else (300, 200)
    assert struct.unpack(">I4xI4x", there[1005]) == pytest.approx((across << 16, down << 16), rel=1e-5)
    assert b"thumbnail" not in (tmp_path / f"b{target}").read_bytes()


def test_resources_over_several_segments(tmp_path: Path) -> None:
    many = b"".join(IPTC.replace(b"Hafen", b"%05d" % number) for number in range(20_000))
    block = resource(1028, many) + resource(1035, b"https://archive.example")
    Image.fromarray(picture8()).save(tmp_path / "a.jpg", extra=b"".join(photoshop.segments(block)))
    photo = images.read(tmp_path / "a.jpg")
    assert photo.metadata.iptc == many
    assert images.write(photo, tmp_path / "b.jpg") == []
    again = images.read(tmp_path / "b.jpg").metadata
    assert again.iptc == many
    assert [one.data for one in again.resources] == [b"https://archive.example"]


@pytest.mark.parametrize("order", ["<", ">"])
def test_iptc_as_32_bit_numbers(tmp_path: Path, order: str) -> None:
    """As libtiff has it in old files: the bytes are those of the records, whatever the byte order."""
    data = IPTC + bytes(-len(IPTC) % 4)
    numbers = struct.unpack(f"{order}{len(data) // 4}I", data)
    tifffile.imwrite(
        tmp_path / "a.tif", picture8(), byteorder=order, extratags=[(33723, "I", len(numbers), numbers, True)]
    )
    assert (images.read(tmp_path / "a.tif").metadata.iptc or b"").rstrip(b"\0") == IPTC


def test_previews_in_iptc_go(tmp_path: Path) -> None:
    preview = b"\x1c\x02\xca\0\x04old!"
    save(
        tmp_path / "a.jpg",
        Image.fromarray(picture8()),
        extra=next(photoshop.segments(resource(1028, IPTC + preview))),
    )
    assert images.read(tmp_path / "a.jpg").metadata.iptc == IPTC


# --- What nobody knows --------------------------------------------------------------------------------


def test_unknown_parts_are_named(tmp_path: Path) -> None:
    segment = b"\xff\xeb\0\x10JP\0\0\0\0\0\0c2pa\0\0\xff\xec\0\x0bUnknown\0\1"
    source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), extra=segment)
    notes = images.write(images.read(source), tmp_path / "b.jpg")
    assert notes == ["left out: Content Credentials, APP12 (Unknown)"]


@pytest.mark.parametrize("deep", [False, True])
def test_chunks_that_are_safe_to_copy_are_copied(tmp_path: Path, deep: bool) -> None:
    info = PngImagePlugin.PngInfo()
    info.add(b"prVt", b"safe to copy")
    info.add(b"prVW", b"of the old pixels")
    Image.fromarray(picture()[..., 0] if deep else picture8()).save(tmp_path / "a.png", pnginfo=info)
    photo = images.read(tmp_path / "a.png")
    assert images.write(photo, tmp_path / "b.png") == ["left out: preview"]
    assert b"prVtsafe to copy" in (tmp_path / "b.png").read_bytes()
    assert b"prVW" not in (tmp_path / "b.png").read_bytes()
    assert images.write(photo, tmp_path / "b.jpg")[-1] == "left out: PNG chunk prVt, preview"


def test_a_line_names_what_it_can_and_counts_the_rest(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    for number in range(40):
        info.add_text(f"Drawer {number} of the cabinet in the hall\x1b[2J", "17")
    Image.fromarray(picture8()).save(tmp_path / "a.png", pnginfo=info)
    (line,) = images.write(images.read(tmp_path / "a.png"), tmp_path / "a.jpg")
    assert line.startswith("left out: PNG text Drawer 0 of the cabinet in the hall?[2J, PNG text Drawer 1 of")
    assert line.endswith(" more")
    assert len(line) < 300
    assert line.isprintable()


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("length", [70_000, 2_000_000])
def test_long_texts(tmp_path: Path, deep: bool, compressed: bool, length: int) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "c" * length, zip=compressed)
    Image.fromarray(picture()[..., 0] if deep else picture8()).save(tmp_path / "a.png", pnginfo=info)
    photo = images.read(tmp_path / "a.png")
    for suffix in (".png", ".jpg", ".tif", ".webp"):
        notes = images.write(photo, tmp_path / f"b{suffix}")
        assert [note for note in notes if "16 bits" not in note] == []
        again = images.read(tmp_path / f"b{suffix}").metadata
        texts = [chunk.text for chunk in again.chunks] or [properties(again.xmp)["exif:UserComment"]]
        assert texts == ["c" * length]


def test_many_image_resources_in_a_png(tmp_path: Path) -> None:
    """Pillow refuses a PNG with more than 1 MB of compressed text."""
    noise = np.random.default_rng(0).integers(0, 256, 700_000, dtype=np.uint8).tobytes()
    photo = images.Photo(picture8(), None, "JPEG")
    photo.metadata.resources = (photoshop.Resource(4000, b"", noise),)
    assert images.write(photo, tmp_path / "a.png") == []
    with Image.open(tmp_path / "a.png") as image:
        assert noise.hex() in image.text["Raw profile type iptc"].replace("\n", "")


def test_an_output_that_cannot_be_read_back_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = save(tmp_path / "a.jpg", Image.fromarray(picture8()), exif=exif())
    photo = images.read(source)
    monkeypatch.setattr("colourise.images.losses.fields", lambda _contents: 1 / 0)
    (note,) = images.write(photo, tmp_path / "b.jpg")
    assert "cannot be read back" in note
    assert (tmp_path / "b.jpg").exists()


def test_comments_stay_in_order(tmp_path: Path) -> None:
    photo = images.Photo(picture8(), None, "JPEG")
    photo.metadata.comments = (b"first", b"second", b"third")
    assert images.write(photo, tmp_path / "a.jpg") == []
    assert images.read(tmp_path / "a.jpg").metadata.comments == photo.metadata.comments


def test_one_line_for_all() -> None:
    notes = ["left out: a mask beside the picture", "2 pages: only the first is taken", "left out: comment"]
    assert losses.joined(notes) == [notes[1], "left out: a mask beside the picture, comment"]
    assert losses.joined(notes[:2]) == notes[:2]


def test_a_text_moves_only_where_nothing_else_is(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Description", "from the text")
    info.add_itxt(
        "XML:com.adobe.xmp",
        packet(
            '<dc:description><rdf:Alt><rdf:li xml:lang="x-default">from XMP</rdf:li></rdf:Alt>'
            "</dc:description>"
        ).decode(),
    )
    Image.fromarray(picture8()).save(tmp_path / "a.png", pnginfo=info)
    assert images.write(images.read(tmp_path / "a.png"), tmp_path / "a.jpg") == []
    with Image.open(tmp_path / "a.jpg") as image:
        assert properties(image.info["xmp"])["dc:description"] == "from XMP"
        assert image.getexif()[270] == "from the text"
    Image.fromarray(picture8()).save(tmp_path / "a.png", pnginfo=info, exif=exif())
    assert images.write(images.read(tmp_path / "a.png"), tmp_path / "b.jpg") == [
        "left out: PNG text Description"
    ]
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif()[270].encode("latin-1").decode() == CAPTION


def test_damaged_exif_loses_what_cannot_be_written(tmp_path: Path) -> None:
    tags = exif()
    tags[34665] |= {33434: 1.5}
    block = tags.tobytes()
    place = block.index(b"\x82\x9a\0\x0c")  # ExposureTime, as a double
    source = save(
        tmp_path / "a.jpg",
        Image.fromarray(picture8()),
        exif=block[: place + 2] + b"\0\x0d" + block[place + 4 :],
    )
    assert images.write(images.read(source), tmp_path / "b.jpg") in ([], ["left out: EXIF ExposureTime"])
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.getexif()[315] == "A. Sander"
