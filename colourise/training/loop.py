"""Train a generator: `train(config, photos, ...)`.

A run folder holds the release files (`NAME.safetensors`, `NAME.json`: the moving average of the weights),
`resume.pt` (all that a stopped run needs to go on, until it is done), `metrics.csv`, TensorBoard's files and
preview sheets.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import set_seed
from torch.utils.data import DataLoader, Subset

from colourise.data.crops import Crops
from colourise.data.photos import Source, place_of
from colourise.errors import TrainingError
from colourise.interrupts import interruptions
from colourise.models.backends import Precision
from colourise.models.card import Card
from colourise.models.checkpoints import Checkpoint
from colourise.training.config import TrainConfig
from colourise.training.devices import STOP_SIGNALS, asked_to_stop, ignore_interruptions, prepare_accelerator
from colourise.training.events import OnEvent, TrainingFinished, TrainingStopped, ignore
from colourise.training.learner import Learner
from colourise.training.recorder import Recorder
from colourise.training.run_folder import check_no_links, is_finished, load_resume
from colourise.training.scoring import check_held_out
from colourise.training.warm_start import check_start


def train(
    config: TrainConfig,
    photos: Sequence[Source],
    held_out: Sequence[Source],
    run: Path,
    *,
    encoder_weights: Path | None = None,
    start_from: Sequence[Checkpoint] = (),
    about: str = "",
    licence: str = "MIT",
    precision: Precision = "auto",
    workers: int = 1,
    score_every: int = 500,
    keep: bool = False,
    on_event: OnEvent = ignore,
) -> Path | None:
    """Train a generator, or resume a run that was stopped.

    Ctrl-C saves and stops. A resumed run restores the random state (of dropout) of the first process.

    Under `accelerate launch`, every process calls this with the same arguments; only the first one scores,
    reports and writes. On GPUs, batch norms see the batch of all processes; on the CPU, each process uses
    the statistics of its own part. In a resumed run, all processes but the first get new seeds.

    Args:
        config: what to learn.
        photos: colour photos to learn from.
        held_out: colour photos to score on.
        run: folder of the run; its name names the checkpoint.
        encoder_weights: a pretrained encoder's weights in timm's names; by default timm downloads them.
        start_from: trained models whose weights a new run starts from (see `check_start`); weights that the
            first lacks come from the next, and those that all lack are drawn at random.
        about: the training data in words, for the card.
        licence: of the weights, for the card.
        precision: "auto", "fp32", "fp16" or "bf16".
        workers: processes that read photos, for each that trains.
        score_every: batches between scores on `held_out`.
        keep: whether `resume.pt` stays when the run is done.
        on_event: called with each event (events.py), in the first process alone.
    Returns:
        The card of the released checkpoint; None if the run was stopped before its end.
    Raises:
        TrainingError: the run was started with another configuration, its loss or gradient is no longer
            finite, or the photos cannot be read.
        ColouriseError: a link has the name of a file of the run.
    """
    check_start(config, start_from, encoder_weights)
    check_held_out(held_out)
    run.mkdir(parents=True, exist_ok=True)
    check_no_links(run)
    accelerator = prepare_accelerator(config, precision)
    names = sha256(os.fsencode("\n".join(place_of(photo).name for photo in photos))).hexdigest()
    released = run / f"{run.name}.json"
    if is_finished(run, asdict(config), names):
        if accelerator.is_main_process:
            on_event(TrainingFinished(released))
        return released
    resume = load_resume(run, asdict(config), names)
    done = resume["step"] if resume else 0
    set_seed(config.seed)
    learner = Learner(config, accelerator, start_from, encoder_weights, fresh=resume is None)
    set_seed(config.seed + done + accelerator.process_index)  # each process drops other neurons
    if resume is not None:
        restore(learner, resume)
    recorder = None
    if accelerator.is_main_process:
        card = blank_card(run.name, config, start_from, about, licence)
        recorder = Recorder(run, learner, held_out, names, card, resume, score_every, on_event)
    resume = None  # frees its copy of every weight
    step, steps = done, config.images // config.batch
    crops = make_crops(config, photos)
    loader = make_loader(crops, done, learner, workers)
    with interruptions(STOP_SIGNALS) as interrupted, recorder or nullcontext():
        for step in learn(learner, loader, crops, done, run, recorder):
            stopped = asked_to_stop(accelerator, interrupted.is_set())
            if recorder is not None:
                recorder.record(step, stopped=stopped)
            if stopped and step < steps:
                break
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        if step == steps and not keep:
            (run / "resume.pt").unlink()  # far larger than the model; the card has all of its facts
        on_event(TrainingFinished(released) if step == steps else TrainingStopped(step))
    return released if step == steps else None


def blank_card(
    name: str, config: TrainConfig, start_from: Sequence[Checkpoint], about: str, licence: str
) -> Card:
    """Return the card of a run that has not learnt anything yet."""
    recipe = {"start_from": ", ".join(model.card.name for model in start_from)} if start_from else {}
    return Card(
        name=name,
        architecture=config.architecture,
        arguments=config.arguments,
        input_size=config.input_size,
        data=about,
        recipe=recipe,
        scores={},
        licence=licence,
    )


def restore(learner: Learner, resume: dict[str, Any]) -> None:
    """Restore the networks and optimisers of a stopped run, and the random state of the first process."""
    learner.load_state_dict(resume["learner"])
    if learner.accelerator.is_main_process:
        torch.set_rng_state(resume["rng"])
        if learner.cuda and resume.get("cuda_rng") is not None:
            torch.cuda.set_rng_state(resume["cuda_rng"], learner.accelerator.device)


def make_crops(config: TrainConfig, photos: Sequence[Source]) -> Crops:
    """Return all pictures of a run, in order."""
    return Crops(
        photos,
        sizes=config.sizes,
        length=config.images // config.batch * config.batch,
        batch=config.batch,
        seed=config.seed,
        aged=config.aged,
    )


def make_loader(crops: Crops, done: int, learner: Learner, workers: int) -> DataLoader[Any]:
    """Return a loader of the pictures from batch `done` on, one part of a batch at a time."""
    config = learner.config
    loader: DataLoader[Any] = learner.accelerator.prepare(
        DataLoader(
            Subset(crops, range(done * config.batch, len(crops))),  # type: ignore[arg-type]
            batch_size=config.batch // config.accumulate,
            num_workers=workers,
            pin_memory=learner.cuda,
            worker_init_fn=ignore_interruptions,
            generator=torch.Generator().manual_seed(config.seed),  # not the one that is restored
        )
    )
    return loader


def learn(
    learner: Learner,
    loader: DataLoader[Any],
    crops: Crops,
    done: int,
    run: Path,
    recorder: Recorder | None,
) -> Iterator[int]:
    """Learn batch after batch; yield the number of batches learnt after each complete one.

    Raises:
        TrainingError: the loss or the gradient is no longer finite, or the photos cannot be read.
    """
    config = learner.config
    for count, part in enumerate(readable(loader), done * config.accumulate + 1):
        step, rest = divmod(count, config.accumulate)
        try:
            losses = learner.step(*part)
        except FloatingPointError as err:
            step += bool(rest)
            seen = crops.names(range((step - 1) * config.batch, step * config.batch))
            raise TrainingError(
                f"{run.name}: the {err} of batch {step} is not finite ({', '.join(seen[:3])} ...); "
                "try a smaller lr"
            ) from err
        if recorder is not None:
            recorder.add(losses)
        if not rest:
            yield step


def readable(loader: DataLoader[Any]) -> Any:
    """Yield the loader's batches; an error of a worker is raised without the worker's traceback."""
    try:
        yield from loader
    except TrainingError as err:
        raise TrainingError(str(err).strip().rpartition("TrainingError: ")[2]) from err
