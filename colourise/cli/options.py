"""Options that several commands share, and the panels of the help pages."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    pass


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


class FormatChoice(StrEnum):
    """Values of --format."""

    jpg = "jpg"
    png = "png"
    tif = "tif"
    webp = "webp"
    bmp = "bmp"
    avif = "avif"
    heic = "heic"


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


NETWORKS, SHOWN = "Measures that need a network", "What comes out"
RUN, LOOK, TREE, SPLIT = "How it runs", "How it looks", "Folders", "A split by classes"
FILMS = "Films"
OF_FILMS = ("codec", "crf", "preset", "steadiness", "start", "end", "preview", "deinterlace")  # not of photos
OF_PHOTOS: tuple[str, ...]
OF_PHOTOS = ("format", "quality", "include", "exclude", "since", "limit", "retry_failed", "dry_run")
OF_PHOTOS += ("follow_symlinks", "shard", "report", "json_lines", "watch", "workers", "engine")
DAYS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME|PATH|OWNER/REPO",
        help="Which model colours; `colourise weights` lists them.",
    ),
]
BackendOption = Annotated[BackendChoice, typer.Option(help="What runs the network.", rich_help_panel=RUN)]
DeviceOption = Annotated[
    str, typer.Option(metavar="auto|cpu|cuda|cuda:N|mps", help="Where it runs.", rich_help_panel=RUN)
]
PrecisionOption = Annotated[
    PrecisionChoice, typer.Option(help="How exactly it computes.", rich_help_panel=RUN)
]
InputSizeOption = Annotated[
    int | None,
    typer.Option(
        min=32,
        max=2048,
        help="Side in pixels of what the network sees.",
        show_default="the model's own",
        rich_help_panel=LOOK,
    ),
]
SaturationOption = Annotated[
    float,
    typer.Option(min=0.0, max=4.0, help="Multiplies the colours; 1.0 is as predicted.", rich_help_panel=LOOK),
]
