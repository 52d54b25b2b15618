"""Build a study: draw photos, colour them with every model, and deal them out to sets."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING

from colourise.errors import PhotoError, StudyError
from colourise.evaluation.events import OnEvent, PhotoFailed, PhotosFound, PhotoShown, ignore
from colourise.evaluation.study.page import write_page
from colourise.evaluation.study.protocol import KEY, PAGE, TRUTH, Protocol, Study, StudyPicture
from colourise.files.atomic import atomic
from colourise.files.containment import own_file

if TYPE_CHECKING:
    from colourise.data.photos import Source
    from colourise.evaluation.models import Models, StrPath
    from colourise.lab.pictures import Pixels

QUALITY = 90  # of all JPEGs, with colour at full resolution; 450 pictures of 256 px make about 45 MB


def build(
    models: Models,
    data: StrPath,
    output: StrPath,
    protocol: Protocol,
    *,
    device: str = "auto",
    on_event: OnEvent = ignore,
) -> Study:
    """Write a study's page and key into a folder.

    Args:
        models: as for `compare`; they are loaded after everything else has been checked.
        data: folder of colour photos, or a shard; the seed draws as many as the largest source needs.
        output: folder without a study; made if need be.
        protocol: the numbers of pictures, their size, and the seed.
        device: device for models given by name or path.
        on_event: called with a `PhotosFound`, with a `PhotoFailed` for a photo that cannot be read, which
            another one replaces, and with a `PhotoShown` for every photo of the study.
    Raises:
        StudyError: there are too few photos for these numbers, a model is named "truth", or the folder
            already holds a study, whose answers could not be scored without its key.
        ColouriseError: a link has the name of one of the files.
    """
    from colourise.colouriser import loaded
    from colourise.data.photos import find_photos
    from colourise.evaluation.models import by_name

    data, output, loaders = Path(data), Path(output), by_name(models)
    photos = find_photos(data)
    for path in (own_file(output, PAGE), own_file(output, KEY)):
        if path.exists():
            raise StudyError(f"{path}: exists already; choose another folder with -o")
    if TRUTH in loaders:
        raise StudyError(f'a model cannot be called "{TRUTH}", which is what the photos are; give its path')
    dealt = deal(protocol, 1 + len(loaders))
    on_event(PhotosFound(len(dealt)))
    drawn = draw_photos(data, photos, protocol, on_event)
    colourisers = {name: loaded(model, device=device) for name, model in loaders.items()}
    sources = [TRUTH, *loaders]
    pictures: dict[str, StudyPicture] = {}
    jpegs: dict[str, bytes] = {}
    for (photo, truth), versions in zip(drawn, dealt, strict=True):
        for number, set_ in versions:
            source = sources[number]
            jpeg = to_jpeg(truth if source == TRUTH else colourisers[source]([truth])[0])
            # The set makes ids differ even if a model paints a photo as it was, or as another model does.
            id_ = sha256(f"{protocol.seed} {set_} ".encode() + jpeg).hexdigest()[:16]
            if id_ in pictures:
                raise StudyError(
                    f"{photo}: as {source} the same picture as {pictures[id_].photo}; remove one of the two"
                )
            pictures[id_] = StudyPicture(source, photo, set_)
            jpegs[id_] = jpeg
        on_event(PhotoShown(photo))
    study = Study(protocol, list(loaders), pictures, deal_hands(pictures, protocol))
    output.mkdir(parents=True, exist_ok=True)
    with atomic(output / PAGE, overwrite=False) as file:
        write_page(study, jpegs, file)
    with atomic(output / KEY, overwrite=False) as file:
        file.write(study.to_json().encode(errors="surrogateescape"))
    return study


def deal(protocol: Protocol, sources: int) -> list[list[tuple[int, int]]]:
    """Return, for each photo of a study, the (source, set) of its versions; source 0 is the truth.

    Photo k is in every source that has more than k photos. Which version goes into which set is random for
    one photo, and goes round in turn for the next ones, until every version has been in every set.

    Raises:
        StudyError: a set would hold too few pictures for a participant.
    """
    chance = random.Random(f"sets {protocol.seed}")
    counts = [protocol.truths] + [protocol.each] * (sources - 1)
    sizes = [0] * sources
    dealt = []
    places: list[int] = []  # of each source, in a round of the sets
    for photo in range(max(counts)):
        turn = (photo - (photo >= min(counts)) * min(counts)) % sources
        if turn == 0:
            places, sets = (chance.sample(range(sources), sources) for _ in range(2))
        versions = [source for source, count in enumerate(counts) if photo < count]
        dealt.append([(source, sets[(places[source] + turn) % sources]) for source in versions])
        for _, set_ in dealt[-1]:
            sizes[set_] += 1
    if min(sizes) < protocol.per_participant:
        raise StudyError(
            f"--per-participant {protocol.per_participant}: no participant sees a photo twice, which leaves "
            f"{min(sizes)} pictures for each; lower it to {min(sizes)}, or raise --truths and --each"
        )
    return dealt


def deal_hands(pictures: Mapping[str, StudyPicture], protocol: Protocol) -> list[list[str]]:
    """Deal each set out to hands of `per_participant` pictures; return the sorted ids of each hand.

    Of every source, a hand holds the set's share, rounded up or down; whatever was rounded is made up for in
    the next hands. There are as many hands as it takes for all pictures of a set to be in equally many. Ids
    are hashes, so that their order is a random one.
    """
    size = protocol.per_participant
    sets: dict[int, dict[str, list[str]]] = {}
    for id_, picture in sorted(pictures.items()):
        sets.setdefault(picture.set, {}).setdefault(picture.source, []).append(id_)
    hands = []
    for own in (sets[number] for number in sorted(sets)):
        total = sum(map(len, own.values()))
        due, given = Counter[str](), Counter[str]()  # in this hand and those before; due is times `total`
        for _ in range(total // gcd(total, size)):
            due.update({source: size * len(ids) for source, ids in own.items()})
            least = {source: size * len(ids) // total for source, ids in own.items()}
            odd = [source for source, ids in own.items() if size * len(ids) % total]
            odd.sort(key=lambda source: (given[source] + least[source]) * total - due[source])
            hand = Counter(least) + Counter(odd[: size - sum(least.values())])
            hands.append(
                sorted(
                    own[source][(given[source] + place) % len(own[source])]
                    for source, count in hand.items()
                    for place in range(count)
                )
            )
            given += hand
    return hands


def draw_photos(
    data: Path, photos: Sequence[Source], protocol: Protocol, on_event: OnEvent
) -> list[tuple[str, Pixels]]:
    """Draw the photos of a study by seed and name: return paths below the data folder, and centre squares.

    A photo that occurs twice counts once. As in `eval`, a photo that is exactly grey is left out.

    Raises:
        StudyError: there are too few photos.
    """
    from colourise.data.crops import square
    from colourise.data.photos import place_of, read_rgb
    from colourise.data.split import shuffle

    wanted = {"--truths": protocol.truths, "--each": protocol.each}
    need = max(wanted.values())

    def enough(count: int, kind: str) -> None:
        if count < need:
            options = " and ".join(f"{option} {value}" for option, value in wanted.items() if value > count)
            advice = f"lower that to {count} or add photos" if count else "add photos"
            raise StudyError(f"{data}: {count} {kind}, too few for {options}; {advice}")

    enough(len(photos), "photos")
    drawn: dict[bytes, tuple[str, Pixels]] = {}
    for photo in shuffle(photos, data, protocol.seed):
        try:
            pixels = square(read_rgb(photo), protocol.size)
        except PhotoError as err:
            on_event(PhotoFailed(photo, err))
            continue
        if (pixels != pixels[..., :1]).any():
            name = place_of(photo).relative_to(data).as_posix()
            drawn.setdefault(sha256(pixels.tobytes()).digest(), (name, pixels))
        if len(drawn) == need:
            break
    enough(len(drawn), "different photos in colour that can be read")
    return list(drawn.values())


def to_jpeg(picture: Pixels) -> bytes:
    """Return a picture (H, W, 3) as a JPEG without metadata."""
    from colourise import images

    file = io.BytesIO()
    images.write(images.Photo(picture, None, "JPEG"), file, quality=QUALITY)
    return file.getvalue()
