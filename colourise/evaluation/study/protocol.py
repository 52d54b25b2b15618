"""What is shown to whom: the numbers of a study, its key, and how a participant's pictures are drawn."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

from colourise.errors import StudyError

TRUTH = "truth"
"""The source of the photos as they are; every other source is a model."""

PAGE, KEY = "index.html", "key.json"


@dataclass(frozen=True)
class Protocol:
    """How many pictures there are, and which; the paper's numbers by default."""

    truths: int = 150
    """Photos that are shown as they are."""
    each: int = 150
    """Photos that are shown as each model colours them."""
    per_participant: int = 50
    """Pictures that one participant judges."""
    size: int = 256
    """Side of the pictures in pixels."""
    seed: int = 0
    """What fixes the photos and the sets."""


@dataclass(frozen=True)
class StudyPicture:
    """What the key knows about a picture."""

    source: str
    """`TRUTH`, or a model."""
    photo: str
    """Path of the photo below the data folder."""
    set: int
    """Which set of pictures it belongs to."""


@dataclass(frozen=True)
class Study:
    """What `KEY` holds: everything but the pictures themselves."""

    protocol: Protocol
    """The numbers it was built with."""
    models: list[str]
    """The models, as they were named."""
    pictures: dict[str, StudyPicture]
    """By their ids."""

    @property
    def id(self) -> str:
        """Sixteen hex digits that stand for all of the study: pictures, labels, models, numbers."""
        return digest(canonical(asdict(self)))[:16]

    @property
    def sets(self) -> list[list[str]]:
        """Ids of every set, sorted."""
        sets: list[list[str]] = [[] for _ in (TRUTH, *self.models)]
        for id_ in sorted(self.pictures):
            sets[self.pictures[id_].set].append(id_)
        return sets

    def draw(self, participant: str) -> list[str]:
        """Ids of the pictures that a participant is shown, in order; `draw` in the page does the same.

        The first 8 hex digits of SHA-256("STUDY PARTICIPANT"), modulo the number of sets, choose the set.
        Its pictures, sorted by SHA-256("STUDY PARTICIPANT PICTURE"), are shown from the first on.
        """
        sets, who = self.sets, f"{self.id} {participant}"
        own = sets[int(digest(who)[:8], 16) % len(sets)]
        return sorted(own, key=lambda id_: digest(f"{who} {id_}"))[: self.protocol.per_participant]

    def to_json(self) -> str:
        """Text of the key's file."""
        return json.dumps({"study": self.id} | asdict(self), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The study that was built in a folder.

        Raises:
            StudyError: its key is not there, or is not as it was written.
        """
        path = folder / KEY
        try:
            values = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
            pictures = {id_: StudyPicture(**picture) for id_, picture in values["pictures"].items()}
            study = cls(Protocol(**values["protocol"]), values["models"], pictures)
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
    """SHA-256 of a text as 64 hex digits."""
    return sha256(text.encode()).hexdigest()


def canonical(value: Any) -> str:
    """A value as JSON in one way only: keys sorted, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
