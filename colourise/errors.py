"""Everything that can go wrong for a reason the user can act on.

    ColouriseError
    ├── PhotoError         a file cannot be read or written as a photo
    ├── FilmError          a file cannot be read or written as a film
    ├── ModelError         a model is unknown, damaged, or not what its card says
    │   └── HubError       the Hugging Face Hub refused, or cannot be reached
    ├── DeviceError        the device, provider or precision asked for is not there
    ├── TrainingError      a recipe, its data or a run cannot go on
    ├── StudyError         a naturalness study cannot be built, or its answers not be scored
    └── LedgerError        the list of what a batch has done cannot be read or written

Each message is one line: what failed, on which file, what to do next.
"""


class ColouriseError(Exception):
    """Base of every error that `colourise` raises on purpose."""


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


class TrainingError(ColouriseError):
    """A recipe, its data or a run cannot go on."""


class StudyError(ColouriseError):
    """A naturalness study cannot be built, or its answers not be scored."""


class LedgerError(ColouriseError):
    """The list of what a batch has done cannot be read or written."""
