"""The models that `--model` knows by name, and where to get each of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_MODEL = "colourise-v5"
FAST_MODEL = "colourise-v4"  # for films and small machines
ALIASES = {"fast": FAST_MODEL}
PACKAGE = Path(__file__).parent.parent
SHIPPED = (PACKAGE / "weights", PACKAGE.parent / "weights")  # wheel, source tree


@dataclass(frozen=True)
class HubModel:
    """A row of `MODELS`: where to get a named checkpoint that is not in `weights/`."""

    repository: str = ""
    """Hub repository OWNER/REPO; empty if it only ships with colourise."""
    revision: str = "main"
    """Revision in that repository; in `MODELS` always a commit, 40 hexadecimal digits."""
    sha256: str = ""
    """Hash of `model.json` at that commit; the card in turn holds the hashes of the other files."""


MODELS: dict[str, HubModel] = {
    DEFAULT_MODEL: HubModel(),
    FAST_MODEL: HubModel(),
}
