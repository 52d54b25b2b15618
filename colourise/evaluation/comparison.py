"""Compare models on colour photos or films: one table, and figures on request."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from colourise.colouriser import Colouriser, loaded
from colourise.data.photos import Source, find_photos, place_of
from colourise.data.split import read_split
from colourise.errors import PhotoError
from colourise.evaluation.contact_sheets import contact_sheets
from colourise.evaluation.events import (
    Event,
    OnEvent,
    PhotoFailed,
    PhotoLeftOut,
    PhotoScored,
    PhotosFound,
    ignore,
)
from colourise.evaluation.figures import Album
from colourise.evaluation.models import Models, StrPath, by_name
from colourise.evaluation.photos import Grey, score_photos
from colourise.extras import needs
from colourise.films.steady import STEADINESS

if TYPE_CHECKING:
    from colourise.evaluation.perceptual import PerceptualScores

Measure = Literal["lpips", "fid", "frechet"]


@dataclass(frozen=True)
class Comparison:
    """The result of comparing models on photos."""

    scores: dict[str, dict[str, float]]
    """Measures of the baseline and of every model, by name; "photos" is the number of scored photos."""
    found: int
    """Number of photos, including those that were not scored."""
    grey: tuple[Source, ...]
    """Photos that were left out because they are exactly grey."""
    failures: tuple[PhotoFailed, ...]
    """Photos that could not be read."""

    @property
    def scored(self) -> int:
        """Number of photos that were scored."""
        return self.found - len(self.grey) - len(self.failures)


def compare(
    models: Models,
    photos: StrPath | Sequence[Source],
    *,
    split: StrPath | None = None,
    size: int = 256,
    archive: bool = False,
    baseline: bool = True,
    measures: Collection[Measure] = (),
    device: str = "auto",
    figures: StrPath | None = None,
    sheet: StrPath | None = None,
    on_event: OnEvent = ignore,
) -> Comparison:
    """Score models on colour photos, each turned grey and coloured as `colourise photo.jpg` would.

    Args:
        models: the name or path of a model, or a list of them. Or a mapping from a name for the table to a
            model: its name or path, a `Colouriser`, or a function that returns one.
        photos: a folder of colour photos, one photo, or photos that `find_photos` found.
        split: split.csv of a run; only its test photos are scored.
        size: side in pixels at which pictures are compared; the centre square of each photo is used.
        archive: give the models aged versions of the photos.
        baseline: whether to score plain grey too, called "grey", or "plain grey" if a model has that name.
        measures: measures that need a network, which may have to be downloaded.
        device: device for these networks, and for models given by name or path.
        figures: folder for a sheet of photos, histograms, and every model's best and worst photos.
        sheet: folder for contact sheets of all photos.
        on_event: called with a `PhotosFound` once everything is loaded, and for every photo with a
            `PhotoScored`, a `PhotoLeftOut` or a `PhotoFailed`.
    Returns:
        The scores. If no photo can be read, `scored` is 0.
    Raises:
        PhotoError: all photos that can be read are grey.
        ExtraError: a network or a figure is asked for, and what makes it is not installed.
        ModelError: there is no such model, or a network cannot be loaded.
        TrainingError: there are no photos, `split` does not fit them, or VGG16 cannot be loaded.
        ColouriseError: a link has the name of a figure or a sheet.
        OSError: a figure cannot be written.
        ValueError: a measure is unknown, or there is no model.
    """
    for option, folder in (("--figures", figures), ("--sheet", sheet)):
        if folder is not None:
            needs("train", option)
    sources = select(photos, split)
    loaders = by_name(models)
    check_measures(measures)
    colourisers: dict[str, Colouriser] = {}
    if baseline:
        colourisers["plain grey" if "grey" in loaders else "grey"] = Colouriser(Grey(), input_size=32)
    colourisers |= {name: loaded(model, device=device) for name, model in loaders.items()}
    perceptual = load_networks(measures, device) if measures else None
    album = Album(list(loaders))
    if figures is not None:
        album.files(Path(figures))  # refuses links before the work, not after it
        Path(figures).mkdir(parents=True, exist_ok=True)
    grey: list[Source] = []
    failures: list[PhotoFailed] = []
    sheets = contact_sheets(Path(sheet), list(loaders)) if sheet is not None else nullcontext(None)
    with sheets as put_on_sheet:

        def keep(event: Event) -> None:
            if isinstance(event, PhotoScored):
                if put_on_sheet is not None:
                    put_on_sheet(event.photo)
                if figures is not None:
                    album.add(event.photo)
            elif isinstance(event, PhotoLeftOut):
                grey.append(event.source)
            elif isinstance(event, PhotoFailed):
                failures.append(event)
            on_event(event)

        on_event(PhotosFound(len(sources)))
        scores = score_photos(
            colourisers, sources, size=size, archive=archive, perceptual=perceptual, on_event=keep
        )
    if grey and len(grey) + len(failures) == len(sources):
        reason = (
            f"grey (R = G = B), as {len(grey)} of {len(sources)} photos are; "
            "with none in colour there is nothing to compare with"
        )
        raise PhotoError(reason, path=place_of(grey[0]))
    rows: dict[str, dict[str, float]] = {}
    for name, one in scores.items():
        networks = perceptual.summary(name) if perceptual is not None else {}
        rows[name] = {"photos": one.photos, **one.summary(), **networks}
    comparison = Comparison(rows, len(sources), tuple(grey), tuple(failures))
    if figures is not None and comparison.scored:
        album.write(Path(figures), scores)
    return comparison


def compare_films(
    models: Models,
    films: Iterable[StrPath],
    *,
    steadiness: float = STEADINESS,
    frames: int | None = None,
    device: str = "auto",
    on_event: OnEvent = ignore,
) -> dict[Path, dict[str, dict[str, float]]]:
    """Score models on colour films, both frame by frame and with steadied colours.

    Args:
        models: as for `compare`.
        films: paths of colour films.
        steadiness: how strongly the steadied versions are steadied.
        frames: number of frames of each film to score, from its beginning; by default all.
        device: device for models given by name or path.
        on_event: called with a `FilmBegun`, and a `FrameScored` for every frame of every version.
    Returns:
        For every film the measures of "truth", "NAME, frame by frame" and "NAME, steadied".
    Raises:
        FilmError: a film cannot be read.
        ModelError: there is no such model.
    """
    from colourise.evaluation.films import score_film  # FFmpeg takes a while to load

    colourisers = {name: loaded(model, device=device) for name, model in by_name(models).items()}
    rows: dict[Path, dict[str, dict[str, float]]] = {}
    for film in map(Path, films):
        scores = score_film(film, colourisers, steadiness=steadiness, frames=frames, on_event=on_event)
        rows[film] = {version: one.summary() for version, one in scores.items()}
    return rows


def check_measures(measures: Collection[str]) -> None:
    """Refuse measures that there are not.

    Raises:
        ValueError: a measure is unknown.
    """
    if unknown := set(measures) - set(get_args(Measure)):
        raise ValueError(f"measures are {', '.join(get_args(Measure))}, not {', '.join(sorted(unknown))}")


def load_networks(measures: Collection[Measure], device: str) -> PerceptualScores:
    """Load the networks that some measures need.

    Raises:
        ExtraError: they are not installed.
        ModelError: a network cannot be loaded.
        TrainingError: VGG16 cannot be loaded.
    """
    needs("train", f"--{next(iter(measures))}")
    from colourise.evaluation.perceptual import PerceptualScores  # torch takes a while to load
    from colourise.models.backends import torch_device

    return PerceptualScores(measures, device=torch_device(device))


def select(photos: StrPath | Sequence[Source], split: StrPath | None) -> Sequence[Source]:
    """Return the photos to score.

    Raises:
        TrainingError: there are no photos, or the split does not fit them.
        ValueError: there is a split, but `photos` is a list.
    """
    if isinstance(photos, str | os.PathLike):
        found = find_photos(Path(photos))
        return found if split is None else read_split(Path(split), Path(photos), found)[1]
    if split is not None:
        raise ValueError("a split needs the folder that the photos are in, not a list of them")
    return photos
