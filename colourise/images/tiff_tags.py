"""The directory of a TIFF as Pillow has it, even of big-endian BigTIFFs, which Pillow cannot read."""

from collections.abc import Iterable
from typing import Any, BinaryIO

from PIL import Image, TiffTags
from PIL.TiffImagePlugin import IFDRational

_EXIF_IFD, _GPS_IFD, _USER_COMMENT = 34665, 34853, 37510
_EXIF_RATIONALS = {33434, 33437, 37122, *range(37377, 37383), 37386, 37387, *range(37888, 37893)}
_EXIF_RATIONALS |= {41483, 41486, 41487, 41493, 41988, 42034, 42240}  # whose type tifffile does not say
_RATIONALS = (TiffTags.RATIONAL, TiffTags.SIGNED_RATIONAL)


def tags_of(opened: Any, page: Any, file: BinaryIO) -> Image.Exif:
    """Return the tags of a `tifffile.TiffPage`.

    Args:
        opened: the `tifffile.TiffFile` that it is of.
        page: the page.
        file: what that reads.
    """
    tags = Image.Exif()
    if not (opened.is_bigtiff and opened.byteorder == ">"):
        tags.endian, tags.bigtiff = opened.byteorder, opened.is_bigtiff
        tags.load_from_fp(file, page.offset)
        return tags
    tags.endian = ">"
    for tag in page.tags:
        if tag.code in (_EXIF_IFD, _GPS_IFD):
            tags._ifds[tag.code] = _inner(tag.code, tag.value)  # where Pillow keeps those that it has read
            tags[tag.code] = 0
        else:
            tags[tag.code] = _number(tag.value) if tag.dtype in _RATIONALS else tag.value
    return tags


def add_missing(tags: Image.Exif, others: Image.Exif, ignored: Iterable[int]) -> None:
    """Add those tags of another page of the same file that a page has not, but for some."""
    for tag, value in others.items():
        if tag not in tags and tag not in ignored:
            tags[tag] = value
            if tag in others._ifds:
                tags._ifds[tag] = others._ifds[tag]


def _inner(directory: int, values: Any) -> dict[int, Any]:
    """Return the EXIF or GPS directory by numbers, from tifffile's names."""
    import tifffile

    names = tifffile.TIFF.GPS_TAGS if directory == _GPS_IFD else tifffile.TIFF.EXIF_TAGS
    found: dict[int, Any] = {}
    for name, value in values.items() if isinstance(values, dict) else ():
        tag = int(name) if name.isdigit() else int(names[name])
        rational = directory == _GPS_IFD and TiffTags.lookup(tag, directory).type in _RATIONALS
        if tag == _USER_COMMENT and isinstance(value, str):  # decoded by tifffile
            value = b"UNICODE\0" + value.encode("utf-16-be")
        found[tag] = _number(value) if rational or tag in _EXIF_RATIONALS else value
    return found


def _number(value: Any) -> Any:
    """Return fractions from numerators and denominators in turn."""
    if not isinstance(value, tuple):
        return value
    fractions = tuple(IFDRational(top, bottom) for top, bottom in zip(value[::2], value[1::2], strict=False))
    return fractions[0] if len(fractions) == 1 else fractions
