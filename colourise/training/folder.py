"""Train on a folder of photos: find them, split them, and start or resume a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from colourise.models import checkpoints
from colourise.models.backends import Precision
from colourise.models.networks import registry
from colourise.training import downloads
from colourise.training.config import TrainConfig
from colourise.training.events import DownloadNeeded, OnEvent, PhotosFound, ignore
from colourise.words import printable

SCORED = 200  # held-out photos that are scored while the run goes on, unless they were named


def train_folder(
    config: TrainConfig,
    data: Path,
    run: Path,
    *,
    held_out: Path | None = None,
    per_class: tuple[int, int] | None = None,
    split: Path | None = None,
    start_from: Sequence[str | Path] = (),
    encoder_weights: Path | None = None,
    about: str = "",
    licence: str = "MIT",
    precision: Precision = "auto",
    workers: int = 1,
    score_every: int = 500,
    keep: bool = False,
    on_event: OnEvent = ignore,
) -> Path | None:
    """Train a generator on a folder of photos, or resume a run that was stopped.

    `run / "split.csv"` records the split, unless `held_out` was given. Weights that the run needs and that
    this machine lacks are downloaded first, before photos are looked for.

    Args:
        config: what to learn: one of RECIPES, perhaps changed with `configure` or `dataclasses.replace`.
        data: folder of colour photos, in any tree, or of webdataset .tar shards.
        run: folder of the run; its name names the checkpoint.
        held_out: photos to score on; by default 200 of the data, at most a tenth.
        per_class: instead, the numbers of photos of each class to learn from and to test on.
        split: instead, the split.csv of another run.
        start_from: names or paths of trained models whose weights a new run starts from; what the first lacks
            comes from the next.
        encoder_weights: a pretrained encoder's weights in timm's names; by default timm downloads them.
        about: the training data in words, for the card.
        licence: of the weights, for the card.
        precision: "auto", "fp32", "fp16" or "bf16".
        workers: processes that read photos, for each that trains.
        score_every: batches between scores.
        keep: whether `resume.pt` stays when the run is done.
        on_event: called with each event (events.py), in the first process alone.
    Returns:
        The card of the released checkpoint; None if the run was stopped before its end.
    Raises:
        TrainingError: weights cannot be downloaded, there are too few photos, or as `train`.
        ModelError: a model to start from is missing or damaged.
    """
    first = os.environ.get("RANK", "0") == "0"  # of the processes that `accelerate launch` starts
    goes_on = (run / "resume.pt").exists() or (run / f"{run.name}.json").exists()
    models = [checkpoints.find(model, need="safetensors") for model in start_from]
    whole = any(model.card.architecture == config.architecture for model in models)
    grows = bool(models) and not whole and registry.GENERATORS[config.architecture].grows_from is not None
    encoder = not (encoder_weights or goes_on) and (not models or grows)
    missing = downloads.missing(config, encoder=encoder)
    for one in missing:
        downloads.check_connection(one)
        if first:
            on_event(DownloadNeeded(one.name, one.host, one.megabytes))

    from colourise.data.split import split_photos
    from colourise.training.loop import train
    from colourise.training.warm_start import check_start

    check_start(config, models, encoder_weights)
    for one in missing:
        fetch(one, config)
    learn, test = split_photos(
        data,
        held_out=held_out,
        per_class=per_class,
        split=split,
        record=run / "split.csv",
        goes_on=goes_on,
        seed=config.seed,
    )
    if first:
        on_event(PhotosFound(len(learn), len(test), run))
    return train(
        config,
        learn,
        test if held_out else test[:SCORED],
        run,
        encoder_weights=encoder_weights,
        start_from=models,
        about=about or f"{len(learn)} photos of {printable(data.resolve().name)}",
        licence=licence,
        precision=precision,
        workers=workers,
        score_every=score_every,
        keep=keep,
        on_event=on_event,
    )


def fetch(download: downloads.Download, config: TrainConfig) -> None:
    """Download weights into the cache of their library, by building the network once.

    Raises:
        TrainingError: they cannot be downloaded.
    """
    from colourise.models.loss_networks import LOADERS
    from colourise.training.warm_start import initial_generator

    if download.is_encoder:
        initial_generator(config, (), None, fresh=True)
    else:
        LOADERS[config.loss_network](config.feature_layer)
