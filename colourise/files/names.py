"""Tell by its name whether a file is a photo, a film or an output of this tool.

Everything here looks at names alone; no file is opened.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from colourise.files.storage import Location

MARK = ".colourised"  # photo.jpg -> photo.colourised.jpg, or photo.colourised-0.7.jpg: see colours_mark
COMPARE = ".compare"  # photo.jpg -> photo.colourised.compare.jpg
VARIANTS = ".variants"  # photo.jpg -> photo.colourised.variants.jpg
PREVIEW = ".preview"  # film.mp4 -> film.preview.mp4
PART = ".part"  # film.colourised.mp4 -> film.colourised.part.mp4, of a run that was stopped
_CHOICES = r"(-from|-to)?(-\d[\d.ehms]*)*"  # which part of a film, and colours_mark
_OURS = re.compile(rf"(\.colourised{_CHOICES}|\.compare|\.variants)$")
_OUR_FILMS = re.compile(rf"{_OURS.pattern}|\.preview{_CHOICES}$")

_SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "AVIF": (".avif",),
    "HEIF": (".heic", ".heif", ".hif"),
}
FORMATS = {suffix: kind for kind, suffixes in _SUFFIXES.items() for suffix in suffixes}
"""Suffixes, and the formats (by Pillow's names) that `images.write` makes of them."""

FORMAT_NAMES = tuple(suffixes[0].removeprefix(".") for suffixes in _SUFFIXES.values())
"""Names of formats, as in --format jpg: the first suffix of each."""

LONG_FORMAT_NAMES = {"jpeg": "jpg", "tiff": "tif", "heif": "heic"}
"""Other names that people give to formats."""

EXTENSIONS = frozenset(FORMATS)
"""Suffixes that a walk through a folder takes as photos: those that can be written under the same name."""

READ_ONLY = frozenset(
    {".apng", ".avifs", ".btf", ".gif", ".heics", ".j2c", ".j2k", ".jfi", ".jif", ".jp2", ".jpc", ".jpf"}
    | {".jps", ".jpx", ".mpo", ".pjp", ".pjpeg", ".tf8"}
)
"""Suffixes of photos that can be read but not written; their coloured versions are PNG."""

_RAW = """
.3fr .arw .bay .cap .cr2 .cr3 .crw .dcr .dcs .dng .drf .eip .erf .fff .gpr .iiq .k25 .kdc .mdc .mef .mos
.mrw .nef .nrw .orf .pef .ptx .pxn .raf .raw .rw2 .rwl .rwz .sr2 .srf .srw .x3f
"""
_OF_PROGRAMS = ".afphoto .ai .cdr .clip .cpt .eps .indd .kra .ora .pdn .psb .psd .svg .xcf"
_OF_SCIENCE_AND_SCANNERS = ".dcm .dicom .djv .djvu .fit .fits .fts .nii .pdf .svs"
_SELDOM = """
.bpg .bw .cin .cur .dcx .dds .dib .dpx .emf .exr .fpx .hdp .hdr .icns .ico .im1 .jbg .jbig .jls .jng .jp3
.jpm .jxl .jxr .mng .msp .pam .pbm .pcd .pct .pcx .pfm .pgm .pic .pict .pnm .ppm .qoi .ras .rgb .sgi .sid
.sun .tga .wbmp .wdp .wmf .xbm .xpm .xwd
"""
UNREADABLE = frozenset(f"{_RAW} {_OF_PROGRAMS} {_OF_SCIENCE_AND_SCANNERS} {_SELDOM}".split())
"""Suffixes of pictures that cannot be read; those in a folder are named, so that nobody misses them later."""

FILMS = frozenset(
    {
        ".3g2",
        ".3gp",
        ".asf",
        ".avi",
        ".dv",
        ".f4v",
        ".flc",
        ".fli",
        ".flv",
        ".m2ts",
        ".m2v",
        ".m4v",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".nut",
        ".ogm",
        ".ogv",
        ".rm",
        ".rmvb",
        ".ts",
        ".vob",
        ".webm",
        ".wmv",
    }
)
"""Suffixes of films."""

ANIMATED = (".gif", ".webp")
"""Suffixes of what is a film where it has several pictures, and is named."""


def is_photo(name: str, suffixes: frozenset[str] = EXTENSIONS) -> bool:
    """Tell whether a file's name is that of a photo, and not of one that this tool made."""
    stem, suffix = os.path.splitext(name)
    return suffix.lower() in suffixes and not _OURS.search(stem)


def is_unreadable_name(name: str) -> bool:
    """Tell whether a file's name is that of a picture in a format that cannot be read."""
    return os.path.splitext(name)[1].lower() in UNREADABLE


def is_film_name(name: str) -> bool:
    """Tell whether a file's name is that of a film, and not of one that this tool made."""
    stem, suffix = os.path.splitext(name)
    return suffix.lower() in FILMS and not _OUR_FILMS.search(stem.removesuffix(PART))


def is_ours(path: Location) -> bool:
    """Tell whether a file's name says that this tool made it."""
    return _OURS.search(path.stem) is not None


def colours_mark(saturation: float) -> str:
    """Return what a name says of colours that are not as predicted: "-0.7" for 0.7, nothing for 1."""
    return "" if saturation == 1 else f"-{saturation:g}"
