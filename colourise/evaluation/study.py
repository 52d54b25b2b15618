"""The naturalness study (Tarres et al., Table 2): do people take a picture's colours for real ones?

`build` makes one web page with every picture inside and a key that stays with the researcher. A participant
opens the page, says "real" or "generated" of each picture, and saves a small file; `score` counts the files.

What to notice:
- All sources, the truth and every model, show the same photos, so that no model gets easier ones. They go
  through the path of `eval` and through one JPEG encoder.
- The pool is cut into as many sets as there are sources. A set holds each photo at most once, in a version
  that was drawn by seed, and a participant sees pictures of one set: never the same photo in two versions.
- The page knows pictures by hashes alone, in the order of those hashes, padded to one length: it holds
  nothing that depends on what a picture is, but the picture itself.
- Draws and checksums are SHA-256 over short texts, the same in Python here and in the page's JavaScript.
"""

from __future__ import annotations

import io
import json
import math
import random
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256, shake_256
from pathlib import Path
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Self

from colourise.errors import PhotoError, StudyError

if TYPE_CHECKING:
    from colourise.colouriser import Colouriser
    from colourise.data.photos import Source
    from colourise.lab.pictures import Pixels

TRUTH = "truth"
"""The source of the photos as they are; every other source is a model."""

PAGE, KEY = "index.html", "key.json"
QUALITY = 90  # of all JPEGs, with colour at full resolution; 450 pictures of 256 px make about 45 MB
CODE = re.compile(r"[a-z0-9-]{2,20}")  # a participant's; it becomes part of a file name


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
class Picture:
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
    pictures: dict[str, Picture]
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
            pictures = {id_: Picture(**picture) for id_, picture in values["pictures"].items()}
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


# Building


def build(
    data: Path,
    photos: Sequence[Source],
    models: Sequence[str],
    load: Callable[[str], Colouriser],
    output: Path,
    protocol: Protocol,
    *,
    failed: Callable[[PhotoError], None],
    advance: Callable[[], None] = lambda: None,
) -> Study:
    """Write a study's page and key into a folder.

    Args:
        data: the folder, or shard, that the photos are in.
        photos: colour photos; as many are drawn, by seed, as the largest source needs.
        models: names of the models.
        load: loads one, once all else is known to be right.
        output: a folder without a study; made if it is not there.
        protocol: how many pictures.
        failed: called for a photo that cannot be read; another one takes its place.
        advance: called after every photo of the study.
    Raises:
        StudyError: there are too few photos for these numbers, a model is named "truth", or the folder holds
            a study already, whose answers could not be scored without its key.
    """
    for path in (output / PAGE, output / KEY):
        if path.exists():
            raise StudyError(f"{path}: exists already; choose another folder with -o")
    if TRUTH in models:
        raise StudyError(f'a model cannot be called "{TRUTH}", which is what the photos are; give its path')
    dealt = deal(protocol, 1 + len(models))
    drawn = draw_photos(data, photos, protocol, failed)
    colourisers = {name: load(name) for name in models}
    sources = [TRUTH, *models]
    pictures: dict[str, Picture] = {}
    jpegs: dict[str, bytes] = {}
    for (photo, truth), versions in zip(drawn, dealt, strict=True):
        for number, set_ in versions:
            source = sources[number]
            jpeg = to_jpeg(truth if source == TRUTH else colourisers[source]([truth])[0])
            # The set makes ids of one photo differ where a model paints it as it was, or as another model.
            id_ = sha256(f"{protocol.seed} {set_} ".encode() + jpeg).hexdigest()[:16]
            if id_ in pictures:
                raise StudyError(
                    f"{photo}: as {source} the same picture as {pictures[id_].photo}; remove one of the two"
                )
            pictures[id_] = Picture(source, photo, set_)
            jpegs[id_] = jpeg
        advance()
    study = Study(protocol, list(models), pictures)
    output.mkdir(parents=True, exist_ok=True)
    for name, text in ((PAGE, page(study, jpegs)), (KEY, study.to_json())):
        with (output / name).open("x", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            file.write(text)
    return study


def deal(protocol: Protocol, sources: int) -> list[list[tuple[int, int]]]:
    """For each photo of a study, the (source, set) of its versions; source 0 is the truth.

    Photo k is in every source that has more than k photos. Which version goes into which set is chance; where
    a photo has fewer versions than there are sets, the smallest sets get them.

    Raises:
        StudyError: a set would hold too few pictures for a participant.
    """
    chance = random.Random(f"sets {protocol.seed}")
    counts = [protocol.truths] + [protocol.each] * (sources - 1)
    sizes = [0] * sources
    dealt = []
    for photo in range(max(counts)):
        versions = [source for source, count in enumerate(counts) if photo < count]
        smallest = sorted(range(sources), key=lambda set_: (sizes[set_], chance.random()))
        dealt.append(list(zip(versions, smallest, strict=False)))
        for _, set_ in dealt[-1]:
            sizes[set_] += 1
    if min(sizes) < protocol.per_participant:
        raise StudyError(
            f"--per-participant {protocol.per_participant}: no participant sees a photo twice, which leaves "
            f"{min(sizes)} pictures for each; lower it to {min(sizes)}, or raise --truths and --each"
        )
    return dealt


def draw_photos(
    data: Path, photos: Sequence[Source], protocol: Protocol, failed: Callable[[PhotoError], None]
) -> list[tuple[str, Pixels]]:
    """The photos of a study, drawn by seed and name: paths below the data folder, and centre squares.

    A photo that is there twice counts once. As in `eval`, one that is exactly grey has no colours to judge.

    Raises:
        StudyError: there are too few.
    """
    from colourise.data.crops import square
    from colourise.data.photos import place_of, read_rgb
    from colourise.data.split import shuffle

    wanted = {"--truths": protocol.truths, "--each": protocol.each}
    need = max(wanted.values())

    def enough(count: int, kind: str) -> None:
        if count < need:
            told = " and ".join(f"{option} {value}" for option, value in wanted.items() if value > count)
            what_to_do = f"lower that to {count} or add photos" if count else "add photos"
            raise StudyError(f"{data}: {count} {kind}, too few for {told}; {what_to_do}")

    enough(len(photos), "photos")
    drawn: dict[bytes, tuple[str, Pixels]] = {}
    for photo in shuffle(photos, data, protocol.seed):
        try:
            pixels = square(read_rgb(photo), protocol.size)
        except PhotoError as err:
            failed(err)
            continue
        if (pixels != pixels[..., :1]).any():
            name = place_of(photo).relative_to(data).as_posix()
            drawn.setdefault(sha256(pixels.tobytes()).digest(), (name, pixels))
        if len(drawn) == need:
            break
    enough(len(drawn), "different photos in colour that can be read")
    return list(drawn.values())


def to_jpeg(picture: Pixels) -> bytes:
    """A picture (H, W, 3) as a JPEG without metadata."""
    from colourise import images

    file = io.BytesIO()
    images.write(images.Photo(picture, None, "JPEG"), file, quality=QUALITY)
    return file.getvalue()


def page(study: Study, jpegs: Mapping[str, bytes]) -> str:
    """The web page of a study, which needs nothing else.

    Behind the end of each JPEG, noise fills it up to the length of the longest; decoders stop before it.
    """
    length = max(map(len, jpegs.values()))
    pictures = []
    for id_, jpeg in sorted(jpegs.items()):
        padded = jpeg + shake_256(jpeg).digest(length - len(jpeg))
        pictures.append(f'<script type="text/plain" id="p{id_}">{b64encode(padded).decode()}</script>')
    facts = {
        "id": study.id,
        "size": study.protocol.size,
        "perParticipant": study.protocol.per_participant,
        "sets": study.sets,
    }
    template = Path(__file__).with_name("study.html").read_text(encoding="utf-8")
    return template.replace("{{study}}", canonical(facts)).replace("{{pictures}}", "\n".join(pictures))


# Scoring


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
    taken: dict[str, Path] = {}
    answers, refused = [], []
    for path in paths:
        try:
            one = read_answer_file(path, study)
            if one.participant in taken:
                earlier = taken[one.participant]
                raise StudyError(f"{path}: participant {one.participant} is in {earlier} too; leave one out")
        except StudyError as err:
            refused.append(str(err))
        else:
            taken[one.participant] = path
            answers.append(one)
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
    for one in answers:
        for id_, real in one.real.items():
            judgements[study.pictures[id_].source].append(real)
    return {source: Naturalness(len(said), sum(said)) for source, said in judgements.items()}


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
