"""Scoring a study: the files that participants saved are read, checked and counted."""

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

CODE = re.compile(r"[a-z0-9-]{2,20}")  # a participant's; it becomes part of a file name


@dataclass(frozen=True)
class Answers:
    """A participant's file, found to be whole."""

    participant: str
    """The code."""
    real: dict[str, bool]
    """Picture id to the judgement."""


@dataclass(frozen=True)
class Naturalness:
    """How often the pictures of a source were taken for real."""

    shown: int
    """Judgements of pictures of this source."""
    real: int
    """How many of them said "real"."""

    @property
    def share(self) -> float:
        """`real` of `shown`: the paper's naturalness; not a number where nothing was shown."""
        return self.real / self.shown if self.shown else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of `share`.

        It takes all judgements as independent, also those of one participant. As people differ in how much
        they believe, the true uncertainty is somewhat larger, above all with few participants.
        """
        return wilson(self.real, self.shown)


def read_answers(paths: Sequence[Path], study: Study) -> tuple[list[Answers], list[str]]:
    """The answers in participants' files, and what is wrong with those that cannot be taken, a line each."""
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
    """The answers in a participant's file.

    Its checksum is SHA-256 over the canonical JSON of [study, participant, [[id, real, ms], ...]]. With the
    draw, which is computed anew, it guards against accidents, mixed-up files and casual edits. It does not
    stop a forger: whoever reads the page's source can compute it for any answers.

    Raises:
        StudyError: it is not an answer file, of another study, incomplete, or not as the page saved it.
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
    """Whether JSON values have the form of an answer file."""
    match values:
        case {"study": str(), "participant": str(code), "answers": [*rows], "checksum": str()}:
            forms = (match_row(row) for row in rows)
            return len(values) == 4 and CODE.fullmatch(code) is not None and all(forms)
    return False


def match_row(row: Any) -> bool:
    """Whether JSON values have the form of one answer: which picture, the judgement, milliseconds."""
    match row:
        case {"id": str(), "real": bool(), "ms": int()}:
            return len(row) == 3
    return False


def checksum(study: str, participant: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """What the page writes into an answer file to show that it is whole."""
    return digest(canonical([study, participant, [[row["id"], row["real"], row["ms"]] for row in rows]]))


def score(answers: Sequence[Answers], study: Study) -> dict[str, Naturalness]:
    """The naturalness of the truth and of every model."""
    judgements: dict[str, list[bool]] = {source: [] for source in (TRUTH, *study.models)}
    for answer in answers:
        for id_, real in answer.real.items():
            judgements[study.pictures[id_].source].append(real)
    return {source: Naturalness(len(verdicts), sum(verdicts)) for source, verdicts in judgements.items()}


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of a share, which stays within 0..1 also for few trials; not a number without any.

    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference"; checked
    against `scipy.stats`.
    """
    if not trials:
        return math.nan, math.nan
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = successes + z * z / 2
    half = z * math.sqrt(successes * (trials - successes) / trials + z * z / 4)
    return max(0.0, (centre - half) / (trials + z * z)), min(1.0, (centre + half) / (trials + z * z))
