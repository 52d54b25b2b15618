"""Options that several commands share, and the panels of the help pages."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from colourise.files.names import FORMAT_NAMES, LONG_FORMAT_NAMES


class BackendChoice(StrEnum):
    """Values of --backend."""

    auto = "auto"
    torch = "torch"
    onnx = "onnx"


class EngineChoice(StrEnum):
    """Values of --engine."""

    local = "local"
    ray = "ray"


class PrecisionChoice(StrEnum):
    """Values of --precision."""

    auto = "auto"
    fp32 = "fp32"
    fp16 = "fp16"
    bf16 = "bf16"


class ColourPhotosChoice(StrEnum):
    """Values of --colour-photos."""

    leave = "leave"
    recolour = "recolour"


class CodecChoice(StrEnum):
    """Values of --codec."""

    h264 = "h264"
    hevc = "hevc"
    av1 = "av1"
    ffv1 = "ffv1"
    prores = "prores"


class BaselineChoice(StrEnum):
    """Values of eval's --baseline."""

    grey = "grey"
    none = "none"


def format_of(name: str) -> str:
    """Return our name of a format: jpg for JPEG, and so on.

    Raises:
        BadParameter: there is no such format.
    """
    plain = LONG_FORMAT_NAMES.get(name.lower(), name.lower())
    if plain not in FORMAT_NAMES:
        raise typer.BadParameter(f"{name}: choose {', '.join(FORMAT_NAMES)}")
    return plain


NETWORKS, SHOWN = "Measures that need a network", "Output"
RUN, LOOK, TREE, SPLIT = "Running", "Appearance", "Folders", "Split by class"
FILMS = "Films"
OF_FILMS = ("codec", "crf", "preset", "steadiness", "start", "end", "preview", "deinterlace")  # not of photos
OF_PHOTOS: tuple[str, ...]
OF_PHOTOS = ("format", "quality", "variants", "include", "exclude", "since", "limit", "retry_failed")
OF_PHOTOS += ("dry_run", "colour_photos", "follow_symlinks", "shard", "report", "csv", "json_lines")
OF_PHOTOS += ("watch", "workers", "engine")
OF_ONE_LOOK = ("saturation", "compare", "films", *OF_PHOTOS[3:])  # not of --variants, nor for folders
DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|PATH|OWNER/REPO",
        show_default="colourise-v5; fast for films",
        help="Model to colour with: fast, or one that `colourise weights` lists.",
    ),
]
Backend = Annotated[BackendChoice, typer.Option(help="Library that runs the network.", rich_help_panel=RUN)]
Device = Annotated[
    str,
    typer.Option(
        metavar="auto|cpu|cuda|cuda:N|mps", help="Processor that runs the network.", rich_help_panel=RUN
    ),
]
Precision = Annotated[PrecisionChoice, typer.Option(help="Numerical precision.", rich_help_panel=RUN)]
InputSize = Annotated[
    int | None,
    typer.Option(
        min=32,
        max=2048,
        metavar="PIXELS",
        help="Side of a square of as many pixels as the network sees.",
        show_default="the model's own",
        rich_help_panel=LOOK,
    ),
]
Saturation = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=4.0,
        metavar="FACTOR",
        help="Strength of the colours: 0 is grey, 1 is as predicted.",
        rich_help_panel=LOOK,
    ),
]

# Of `colourise PHOTO|FOLDER|FILM...`

Paths = Annotated[list[str], typer.Argument(metavar="PHOTO|FOLDER|FILM", hidden=True)]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="PATH",
        help="Where the result goes: a file for one photo or film, otherwise a folder; - is standard output.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", metavar="", help="Overwrite existing outputs.")]
Format = Annotated[
    str | None,
    typer.Option(
        parser=format_of,
        metavar="|".join(FORMAT_NAMES),
        help="Output format.",
        show_default="the photo's",
        rich_help_panel=LOOK,
    ),
]
Quality = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100,
        metavar="N",
        help="Quality of JPEG, WebP, AVIF and HEIC outputs.",
        show_default="90 to 95",
        rich_help_panel=LOOK,
    ),
]
Compare = Annotated[
    bool,
    typer.Option("--compare", metavar="", help="Also write a before | after picture.", rich_help_panel=LOOK),
]
Variants = Annotated[
    bool,
    typer.Option(
        "--variants",
        metavar="",
        help="Write a calm, a plain and a vivid version, and a sheet to choose from.",
        rich_help_panel=LOOK,
    ),
]
History = Annotated[
    bool,
    typer.Option(
        "--history/--no-history",
        metavar="",
        help="Record in the metadata what was done.",
        rich_help_panel=LOOK,
    ),
]
ColourPhotos = Annotated[
    ColourPhotosChoice | None,
    typer.Option(
        metavar="CHOICE",
        help="Photos in colour: leave or recolour.",
        show_default="leave in folders",
        rich_help_panel=TREE,
    ),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Only photos that match, like '*.tif'.",
        rich_help_panel=TREE,
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        metavar="GLOB",
        help="Skip photos that match, like 'drafts/*'.",
        rich_help_panel=TREE,
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        metavar="DATE",
        help="Colour only photos changed since this date, such as 2026-01-31.",
        formats=DAYS,
        rich_help_panel=TREE,
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Colour at most N photos in this run.",
        rich_help_panel=TREE,
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed",
        metavar="",
        help="Colour only photos that failed before.",
        rich_help_panel=TREE,
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", metavar="", help="List what would be coloured, and stop.", rich_help_panel=TREE
    ),
]
FollowSymlinks = Annotated[
    bool,
    typer.Option(
        "--follow-symlinks", metavar="", help="Follow symbolic links to folders.", rich_help_panel=TREE
    ),
]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="I/N",
        help="Colour only part I of N, to share the work among N machines.",
        rich_help_panel=TREE,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.html",
        help="Write a web page, before | after.",
        rich_help_panel=TREE,
    ),
]
Csv = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.csv",
        help="Write a list for a spreadsheet.",
        rich_help_panel=TREE,
    ),
]
JsonLines = Annotated[
    bool,
    typer.Option(
        "--json-lines",
        metavar="",
        help="Print one line of JSON per photo.",
        rich_help_panel=TREE,
    ),
]
FilmsToo = Annotated[
    bool,
    typer.Option("--films", metavar="", help="Colour films in folders too.", rich_help_panel=TREE),
]
Watch = Annotated[
    bool,
    typer.Option("--watch", metavar="", help="Keep running and colour what arrives.", rich_help_panel=TREE),
]
Codec = Annotated[CodecChoice, typer.Option(help="Video codec.", rich_help_panel=FILMS)]
Crf = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=63,
        metavar="N",
        help="Quality (CRF): lower is better and larger.",
        show_default="18; hevc 20, av1 25",
        rich_help_panel=FILMS,
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Encoder preset: ultrafast to veryslow; for av1, 13 to 0.",
        show_default="medium",
        rich_help_panel=FILMS,
    ),
]
Steadiness = Annotated[
    float,
    typer.Option(
        min=0.0,
        max=1.0,
        metavar="AMOUNT",
        help="How firmly colours are held from frame to frame; 0 colours each frame by itself.",
        rich_help_panel=FILMS,
    ),
]
Start = Annotated[
    str | None, typer.Option(metavar="TIME", help="Start time: 90, 90s or 1:30.", rich_help_panel=FILMS)
]
End = Annotated[str | None, typer.Option(metavar="TIME", help="End time.", rich_help_panel=FILMS)]
Preview = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Colour only this much, to film.preview.mp4.", rich_help_panel=FILMS),
]
Deinterlace = Annotated[
    bool,
    typer.Option("--deinterlace", metavar="", help="Deinterlace (yadif).", rich_help_panel=FILMS),
]
Workers = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Photos coloured at the same time.",
        show_default="processors + 1",
        rich_help_panel=RUN,
    ),
]
Engine = Annotated[
    EngineChoice, typer.Option(help="Run on this machine or on a Ray cluster.", rich_help_panel=RUN)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", metavar="", help="Print only failures.")]
