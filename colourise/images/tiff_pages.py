"""Choose the picture among the pages of a TIFF, and read what the file says of it.

Thumbnails and masks are marked (NewSubfileType) and may come first. Scanners and cameras put the full picture
under the page of its thumbnail (SubIFDs).
"""

import contextlib
import io
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from PIL import Image

from colourise.errors import PhotoError
from colourise.images.contents import IPTC
from colourise.images.metadata import ICC, ORIENTATION, XMP
from colourise.images.tiff_tags import add_missing, tags_of

_DNG_VERSION, _RESOLUTION = 50706, (282, 283, 296)  # TIFF tags
_NEEDED = (256, 257, 262)  # TIFF tags of a picture: width, height and what its numbers mean
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_SENSOR = (32803, 34892)  # photometric interpretations: colour filter array, linear raw
_MASK_KIND = 4  # photometric interpretation
_MAX_PAGES = 1000  # that are looked at, in about 0.1 s


@dataclass
class Choice:
    """The page that is taken."""

    page: Any
    """A `tifffile.TiffPage`."""
    notes: list[str] = field(default_factory=list)
    """Messages about the others."""
    parent: Any = None
    """The page under which it lies, if it does."""


def choose(opened: Any) -> Choice:
    """Choose the first page of a `tifffile.TiffFile` that is no thumbnail and no mask, or what lies under it.

    Raises:
        PhotoError: it is a raw camera file.
    """
    first = opened.pages.first
    if _DNG_VERSION in first.tags:
        raise _raw()
    pages = list(_distinct(opened.pages))
    pictures = [page for page in pages if not _subfile(page) & _REDUCED and not _is_mask(page)]
    masks = sum(map(_is_mask, pages))
    parent = pictures[0] if pictures else first
    under = [page for page in _distinct(_under(parent)) if not _subfile(page) & _REDUCED]
    masks += sum(map(_is_mask, under))
    under = [page for page in under if not _is_mask(page) and all(tag in page.tags for tag in _NEEDED)]
    if under and (not pictures or _is_larger(under[0], parent)):
        choice = Choice(under[0], parent=parent)
    elif pictures:
        choice = Choice(pictures[0])
    else:
        choice = Choice(max(pages, key=lambda page: page.imagewidth * page.imagelength))
    if getattr(choice.page, "photometric", None) in _SENSOR:
        raise _raw()
    if len(pictures) > 1:
        choice.notes.append(_about_others(pictures))
    if masks:
        choice.notes.append(f"left out: {'a mask' if masks == 1 else f'{masks} masks'} beside the picture")
    return choice


def _raw() -> PhotoError:
    return PhotoError("a raw camera file", advice="develop it to TIFF or JPEG first")


def _distinct(pages: Iterable[Any]) -> Iterator[Any]:
    """Yield pages as far as a chain goes that may be damaged, endless, or a circle."""
    seen: set[int] = set()
    for page in pages:
        if page.offset in seen or len(seen) > _MAX_PAGES:
            break
        seen.add(page.offset)
        yield page


def _under(page: Any) -> list[Any]:
    with contextlib.suppress(Exception):  # a damaged list of pages under a page is none
        return list(_distinct(page.pages or []))
    return []


def _subfile(page: Any) -> int:
    value = getattr(page, "subfiletype", 0)
    return value if isinstance(value, int) else 0


def _is_mask(page: Any) -> bool:
    return bool(_subfile(page) & _MASK) or getattr(page, "photometric", None) == _MASK_KIND


def _is_larger(page: Any, than: Any) -> bool:
    return bool(page.imagewidth > than.imagewidth and page.imagelength > than.imagelength)


def _about_others(pictures: list[Any]) -> str:
    count = len(pictures)
    note = f"{f'more than {_MAX_PAGES}' if count > _MAX_PAGES else count} pages: only the first is taken"
    larger = max(pictures, key=lambda page: page.imagewidth * page.imagelength)
    if _is_larger(larger, pictures[0]):
        note += f", though there is one of {larger.imagewidth} x {larger.imagelength} pixels"
    return note


def facts(file: BinaryIO, opened: Any, choice: Choice) -> tuple[dict[str, Any], Image.Exif]:
    """Return profile, XMP and IPTC of the picture, by Pillow's keys, and its tags.

    A picture under another page, or behind its thumbnail, has the captions of that page where it has none.
    """
    page, first = choice.page, choice.parent or opened.pages.first
    names = {"icc_profile": ICC, "xmp": XMP, "iptc": IPTC}
    info = {name: page.tags.valueof(tag) for name, tag in names.items()}
    tags = tags_of(opened, page, file)
    if page.offset == first.offset:
        return info, tags
    for name, tag in names.items():
        if info[name] is None and (choice.parent or name != "icc_profile"):
            info[name] = first.tags.valueof(tag)
    ignored = _RESOLUTION if choice.parent else (*_RESOLUTION, ORIENTATION)
    add_missing(tags, tags_of(opened, first, file), ignored)
    return info, tags


def alone(file: BinaryIO, opened: Any, page: Any) -> BinaryIO:
    """Return a file whose first page is `page`, for Pillow, which cannot find every page."""
    if page.offset == opened.pages.first.offset:
        return file
    file.seek(0)
    data = bytearray(file.read())
    start, form = (8, "Q") if opened.is_bigtiff else (4, "I")
    struct.pack_into(opened.byteorder + form, data, start, page.offset)
    return io.BytesIO(data)
