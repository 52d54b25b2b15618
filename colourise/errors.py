"""Everything that can go wrong for a reason the user can act on.

    ColouriseError
    ├── PhotoError         a file cannot be read or written as a photo
    ├── FilmError          a file cannot be read or written as a film
    ├── ModelError         a model is unknown, damaged, or not what its card says
    │   └── HubError       the Hugging Face Hub refused, or cannot be reached
    ├── DeviceError        the device, provider or precision asked for is not there
    ├── ExtraError         what was asked for needs a part that is not installed
    ├── TrainingError      a recipe, its data or a run cannot go on
    ├── OptionError        options do not go together
    ├── StudyError         a naturalness study cannot be built, or its answers not be scored
    └── LedgerError        the list of what a batch has done cannot be read or written

Each message is one line: what failed, on which file, what to do next.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from upath import UPath


class ColouriseError(Exception):
    """Base of every error that `colourise` raises on purpose; its text is "PATH: REASON; ADVICE".

    Args:
        reason: what is wrong; or the whole line, where nobody needs its parts.
        path: the file, folder or address that it is about.
        advice: what to do next.
    """

    def __init__(
        self, reason: str, *, path: str | PathLike[str] | UPath | None = None, advice: str = ""
    ) -> None:
        super().__init__(reason)
        self.reason, self.path, self.advice = reason, path, advice

    def __str__(self) -> str:
        """Say it in one line."""
        where = "" if self.path is None else f"{self.path}: "
        return f"{where}{self.reason}{self.advice and f'; {self.advice}'}"

    def about(self, path: str | PathLike[str] | UPath) -> Self:
        """Say the same of another path, such as the one that the user knows a temporary file by."""
        return type(self)(self.reason, path=path, advice=self.advice)


class PhotoError(ColouriseError):
    """A file cannot be read or written as a photo."""


class FilmError(ColouriseError):
    """A file cannot be read or written as a film."""


class ModelError(ColouriseError):
    """A model is unknown, damaged, or not what its card says."""


class HubError(ModelError):
    """The Hugging Face Hub refused, or cannot be reached."""


class DeviceError(ColouriseError):
    """The device, provider or precision asked for is not there."""


class ExtraError(ColouriseError):
    """What was asked for needs a part of the tool that is not installed."""


class TrainingError(ColouriseError):
    """A recipe, its data or a run cannot go on."""


class OptionError(ColouriseError):
    """Options do not go together, or not with what they are about."""


class StudyError(ColouriseError):
    """A naturalness study cannot be built, or its answers not be scored."""


class LedgerError(ColouriseError):
    """The list of what a batch has done cannot be read or written."""
