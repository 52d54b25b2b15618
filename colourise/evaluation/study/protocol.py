"""The numbers of a study, its key, and the pictures that each participant is shown."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from colourise.errors import StudyError

TRUTH = "truth"
"""Name of the source of unchanged photos; every other source is a model."""

PAGE, KEY = "index.html", "key.json"


@dataclass(frozen=True)
class Protocol:
    """The number of pictures, and what chooses them; the defaults are the paper's."""

    truths: int = 150
    """Photos shown unchanged."""
    each: int = 150
    """Photos shown in each model's colours."""
    per_participant: int = 50
    """Pictures shown to each participant."""
    size: int = 256
    """Side of the pictures in pixels."""
    seed: int = 0
    """Random seed that chooses the photos and the sets."""


@dataclass(frozen=True)
class StudyPicture:
    """What the key knows about a picture."""

    source: str
    """`TRUTH`, or a model."""
    photo: str
    """Path of the photo below the data folder."""
    set: int
    """Number of the set that it belongs to."""


@dataclass(frozen=True)
class Study:
    """The content of `KEY`: everything but the pictures themselves."""

    protocol: Protocol
    """The numbers it was built with."""
    models: list[str]
    """The models' names."""
    pictures: dict[str, StudyPicture]
    """The pictures, by id."""
    hands: list[list[str]]
    """The pictures that participants are shown, as sorted ids; each participant is shown one hand."""

    @property
    def id(self) -> str:
        """Return sixteen hex digits that depend on everything in the study."""
        return digest(canonical(asdict(self)))[:16]

    def draw(self, participant: str) -> list[str]:
        """Return the ids of a participant's pictures, in order; `draw` in the page does the same.

        The first 8 hex digits of SHA-256("STUDY PARTICIPANT"), modulo the number of hands, choose the hand.
        Its pictures are shown sorted by SHA-256("STUDY PARTICIPANT PICTURE").
        """
        who = f"{self.id} {participant}"
        hand = self.hands[int(digest(who)[:8], 16) % len(self.hands)]
        return sorted(hand, key=lambda id_: digest(f"{who} {id_}"))

    def to_json(self) -> str:
        """Return the text of the key's file."""
        return json.dumps({"study": self.id} | asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the key of a study from its folder.

        Raises:
            StudyError: the key is missing, has been changed, or is of version 0.1.0.
        """
        path = folder / KEY
        try:
            values = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
            pictures = {id_: StudyPicture(**picture) for id_, picture in values["pictures"].items()}
            if "hands" not in values:
                raise StudyError(
                    f"{path}: built by version 0.1.0, which showed other pictures to a participant; score it "
                    "with that version: pip install colourise==0.1.0"
                )
            study = cls(Protocol(**values["protocol"]), values["models"], pictures, values["hands"])
            whole = study.id == values["study"]
        except OSError as err:
            raise StudyError(
                f"{path}: {err.strerror}; score where the study was built, or give --study FOLDER"
            ) from err
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
            whole = False
        if not whole:
            raise StudyError(f"{path}: not the key of a study as it was built; take it from a backup")
        return study


def digest(text: str) -> str:
    """Return SHA-256 of a text as 64 hex digits."""
    return sha256(text.encode()).hexdigest()


def canonical(value: Any) -> str:
    """Return the only form of a value as JSON: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
