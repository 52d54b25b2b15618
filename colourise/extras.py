"""Parts of the tool that are installed only on request, and the command that installs them."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from colourise.errors import ExtraError

Extra = Literal["fast", "gpu", "ray", "s3", "train"]

MODULES: dict[Extra, tuple[str, ...]] = {  # what pyproject.toml's extras bring
    "fast": ("numba",),
    "gpu": ("nvidia",),  # libraries, which may also be those of the system
    "ray": ("ray", "pyarrow", "pandas"),
    "s3": ("s3fs",),
    "train": (
        "torch",
        "torchvision",
        "accelerate",
        "timm",
        "safetensors",
        "torchmetrics",
        "onnx",
        "onnxscript",
        "segmentation_models_pytorch",
        "tensorboard",
        "matplotlib",
    ),
}


def missing(extra: Extra) -> list[str]:
    """Return the modules of an extra that are not installed; loads none of them."""
    return [module for module in MODULES[extra] if find_spec(module) is None]


def needs(extra: Extra, what: str) -> None:
    """Refuse what needs an extra that is not installed.

    Args:
        extra: its name.
        what: what was asked for, as the user wrote it: "colourise train".
    Raises:
        ExtraError: the extra is not installed, or not all of it; the advice is the command that installs it.
    """
    if gone := missing(extra):
        reason = f"{what} needs {gone[0]}, which is not installed"
        raise ExtraError(reason, advice=f"run: {install_command(extra)}")


def install_command(extra: Extra) -> str:
    """Return the command that adds an extra to this installation, by the tool that made it."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution  # slow to load, like the next
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    name, source, installer, editable = f"colourise[{extra}]", "", "", False
    try:
        package = distribution("colourise")
        installer = (package.read_text("INSTALLER") or "").strip()
        origin = json.loads(package.read_text("direct_url.json") or "{}")  # PEP 610; absent if from an index
    except (PackageNotFoundError, ValueError):
        origin = {}
    if url := origin.get("url"):
        vcs = origin.get("vcs_info", {}).get("vcs")
        source = f" @ {f'{vcs}+' if vcs else ''}{url}"
        editable = origin.get("dir_info", {}).get("editable", False)
    wanted = f'"{name}{source}"'
    if editable:
        wanted = f'--editable "{url2pathname(urlsplit(url).path)}[{extra}]"'
    prefix = Path(sys.prefix)
    if (prefix / "uv-receipt.toml").is_file():
        return f"uv tool install {wanted}"
    if (prefix / "pipx_metadata.json").is_file():
        return f"pipx install --force {wanted}"
    python = f'"{sys.executable}"' if " " in sys.executable else sys.executable
    if installer == "uv":
        return f"uv pip install --python {python} {wanted}"
    return f"{python} -m pip install {wanted}"
