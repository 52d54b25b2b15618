"""Score a study: read, check and count the files that participants saved."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

from colourise.errors import StudyError
from colourise.evaluation.study.protocol import TRUTH, Study, canonical, digest

CODE = re.compile(r"[a-z0-9-]{2,20}")  # of a participant; it becomes part of a file name


@dataclass(frozen=True)
class Answers:
    """The answers of a participant, checked."""

    participant: str
    """The participant's code."""
    real: dict[str, bool]
    """Whether each picture was judged real, by picture id."""


@dataclass(frozen=True)
class Naturalness:
    """How often the pictures of a source were taken for real."""

    shown: int
    """Number of judgements of pictures of this source."""
    real: int
    """Number of judgements that said "real"."""

    @property
    def share(self) -> float:
        """Return `real` / `shown`, the paper's naturalness; NaN if nothing was shown."""
        return self.real / self.shown if self.shown else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of `share`.

        All judgements are treated as independent, even those of one participant. As some people believe more
        than others, the true uncertainty is somewhat larger, especially with few participants.
        """
        return wilson(self.real, self.shown)


def read_answers(paths: Sequence[Path], study: Study) -> tuple[list[Answers], list[str]]:
    """Read participants' files: return the answers, and a line about each file that is refused."""
    accepted: dict[str, Path] = {}
    answers, refused = [], []
    for path in paths:
        try:
            answer = read_answer_file(path, study)
            if answer.participant in accepted:
                earlier = accepted[answer.participant]
                raise StudyError(
                    f"{path}: participant {answer.participant} is in {earlier} too; leave one out"
                )
        except StudyError as err:
            refused.append(str(err))
        else:
            accepted[answer.participant] = path
            answers.append(answer)
    return answers, refused


def read_answer_file(path: Path, study: Study) -> Answers:
    """Read and check a participant's file.

    Its checksum is SHA-256 over the canonical JSON of [study, participant, [[id, real, ms], ...]]. Together
    with the draw, which is computed again here, it guards against accidents, mixed-up files and casual edits.
    It does not stop a forger: anyone who reads the page's source can compute it for any answers.

    Raises:
        StudyError: it is not an answer file, belongs to another study, is incomplete, or has been changed.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as err:
        raise StudyError(f"{path}: {err.strerror}; name the files that participants saved") from err
    except (ValueError, RecursionError) as err:
        raise StudyError(f"{path}: damaged, it is not JSON; ask for the file again") from err
    if not is_answer_file(values):
        raise StudyError(f"{path}: not an answer file; name the files that participants saved")
    participant, rows = values["participant"], values["answers"]
    wanted = study.protocol.per_participant
    if values["study"] != study.id:
        raise StudyError(f"{path}: belongs to another study ({values['study']}, this is {study.id})")
    if len(rows) < wanted:
        raise StudyError(f"{path}: incomplete, {len(rows)} of {wanted} answers; ask for the file again")
    if values["checksum"] != checksum(study.id, participant, rows):
        raise StudyError(f"{path}: changed after it was saved, the checksum is wrong; ask for the file again")
    if [row["id"] for row in rows] != study.draw(participant):
        raise StudyError(f"{path}: tampered with, these are not the pictures of participant {participant}")
    return Answers(participant, {row["id"]: row["real"] for row in rows})


def is_answer_file(values: Any) -> bool:
    """Return whether JSON values have the form of an answer file."""
    match values:
        case {"study": str(), "participant": str(code), "answers": [*rows], "checksum": str()}:
            forms = (match_row(row) for row in rows)
            return len(values) == 4 and CODE.fullmatch(code) is not None and all(forms)
    return False


def match_row(row: Any) -> bool:
    """Return whether JSON values have the form of one answer: picture, judgement, milliseconds."""
    match row:
        case {"id": str(), "real": bool(), "ms": int()}:
            return len(row) == 3
    return False


def checksum(study: str, participant: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the checksum that the page writes into an answer file."""
    return digest(canonical([study, participant, [[row["id"], row["real"], row["ms"]] for row in rows]]))


def score(answers: Sequence[Answers], study: Study) -> dict[str, Naturalness]:
    """Return the naturalness of the truth and of every model."""
    judgements: dict[str, list[bool]] = {source: [] for source in (TRUTH, *study.models)}
    for answer in answers:
        for id_, real in answer.real.items():
            judgements[study.pictures[id_].source].append(real)
    return {source: Naturalness(len(verdicts), sum(verdicts)) for source, verdicts in judgements.items()}


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share. It stays within 0..1 even for few trials; without any it is NaN.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference"; checked
    against `scipy.stats`.
    """
    if not trials:
        return math.nan, math.nan
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = successes + z * z / 2
    half = z * math.sqrt(successes * (trials - successes) / trials + z * z / 4)
    return max(0.0, (centre - half) / (trials + z * z)), min(1.0, (centre + half) / (trials + z * z))
