"""Train a generator: `train(config, photos, ...)`.

A run folder holds the release files (`NAME.safetensors`, `NAME.json`: the moving average of the weights),
`resume.pt` (all that a stopped run needs to go on), `metrics.csv`, TensorBoard's files and preview sheets.
"""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import (
    DataLoaderConfiguration,
    DistributedDataParallelKwargs,
    parse_flag_from_env,
    set_seed,
)
from PIL import Image
from safetensors import SafetensorError
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from torch.utils.tensorboard import SummaryWriter

from colourise.colouriser import Colouriser
from colourise.data.crops import Crops, square
from colourise.data.photos import Source, place_of, read_rgb
from colourise.errors import PhotoError, TrainingError
from colourise.evaluation.figures import contact_sheet, grey_of
from colourise.evaluation.metrics import Picture
from colourise.evaluation.photos import evaluate
from colourise.interrupts import interruptions
from colourise.models import checkpoints
from colourise.models.backends import Precision, TorchBackend, torch_precision
from colourise.models.checkpoints import Card, Checkpoint
from colourise.models.networks import norms, registry
from colourise.models.networks.patchgan import MultiScale
from colourise.training.losses import (
    DistributionLoss,
    FeatureReconstructionLoss,
    adversarial_loss,
    colourfulness_loss,
    pixel_loss,
    psnr_both_loss,
    psnr_loss,
    realness,
)
from colourise.training.recipes import TrainConfig
from colourise.training.run_folder import (
    Means,
    ignore_interruptions,
    load_resume,
    rewind,
    save_resume,
    write_row,
)

if TYPE_CHECKING:
    from colourise.models.networks.encoder_unet import EncoderUNet

SAVE_EVERY = 300  # seconds between saves of `resume.pt`
PATIENCE = timedelta(hours=2)  # how long other processes wait while the first one scores
PREVIEWS = 8  # held-out photos on a preview sheet
WON = 0.9  # a discriminator that finds real pictures so much more real than generated ones has won


@dataclass
class Progress:
    """What a run tells while it goes on."""

    step: int
    """Batches done."""
    steps: int
    """Batches in the whole run."""
    losses: dict[str, float]
    """Means since the last report: each weighted term of the loss, and how real pictures look to a GAN."""
    images_per_second: float
    """Training speed since the last report."""
    scores: dict[str, float] | None = None
    """Held-out scores, when they have just been measured."""
    warning: str = ""
    """What the user should look at."""


def train(
    config: TrainConfig,
    photos: Sequence[Source],
    held_out: Sequence[Source],
    run: Path,
    *,
    encoder_weights: Path | None = None,
    start_from: Sequence[Checkpoint] = (),
    data: str = "",
    licence: str = "MIT",
    precision: Precision = "auto",
    workers: int = 1,
    score_every: int = 500,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Path | None:
    """Train a generator, or go on with a run that was stopped.

    Ctrl-C saves and stops. A run that goes on has the first process's chance (of dropout) as it was.

    Started by `accelerate launch`, every process calls this with the same arguments; the first alone scores,
    reports and writes. On GPUs, batch norms see the batch of all processes; on the CPU each process has
    statistics of its own part. When a run goes on, processes but the first get fresh seeds.

    Args:
        config: what to learn.
        photos: colour photos to learn from.
        held_out: colour photos to score, never learnt from.
        run: folder of the run; its name names the checkpoint.
        encoder_weights: the encoder's ImageNet weights in timm's names; by default timm downloads them.
        start_from: trained models whose weights a fresh run takes, as check_start lets them; those that the
            first lacks come from the next, and those that all lack start anew.
        data: the training data in words, for the card.
        licence: of the weights, for the card.
        precision: "auto", "fp32", "fp16" or "bf16".
        workers: processes that read photos, for each that trains.
        score_every: batches between scores on `held_out`.
        report: called about once a second.
    Returns:
        The card of the released checkpoint; None if the run was stopped before its end.
    Raises:
        TrainingError: the run belongs to another configuration, its loss or gradient is no longer finite, or
            the photos cannot be read.
    """
    check_start(config, start_from, encoder_weights)
    check_held_out(held_out)
    run.mkdir(parents=True, exist_ok=True)
    process = PartialState(cpu=parse_flag_from_env("ACCELERATE_USE_CPU"), timeout=PATIENCE)
    mixed = mixed_precision(precision, process.device)
    if mixed == "fp16" and config.accumulate > 1 and config.discriminators:
        raise TrainingError(
            f"accumulate={config.accumulate}: not in fp16 with discriminators, whose steps change the scale "
            "of gradients half-way; use --precision bf16 or fp32"
        )
    accelerator = Accelerator(
        mixed_precision=mixed,
        gradient_accumulation_steps=config.accumulate,
        dataloader_config=DataLoaderConfiguration(split_batches=True, dispatch_batches=False),
        kwargs_handlers=[
            DistributedDataParallelKwargs(broadcast_buffers=False)
        ],  # a GAN calls D twice a step
    )
    part = config.batch // config.accumulate
    if part % accelerator.num_processes:
        raise TrainingError(
            f"batch={config.batch}: {accelerator.num_processes} processes cannot share {part} pictures "
            "equally; set another batch"
        )
    names = sha256(os.fsencode("\n".join(place_of(photo).name for photo in photos))).hexdigest()
    resume = load_resume(run, asdict(config), names)
    set_seed(config.seed)
    first_weights = start_from or encoder_weights
    learner = Learner(config, accelerator, first_weights, fresh=resume is None)
    first = resume["step"] if resume else 0
    set_seed(config.seed + first + accelerator.process_index)  # each process drops out other neurons
    scores: dict[str, float] = {}
    scored_at = 0
    if resume is not None:
        learner.load_state_dict(resume["learner"])
        scores, scored_at = resume["scores"], resume.get("scored_at", 0)
        if accelerator.is_main_process:
            torch.set_rng_state(resume["rng"])
            if learner.cuda and resume.get("cuda_rng") is not None:
                torch.cuda.set_rng_state(resume["cuda_rng"], accelerator.device)
    resume = None  # it holds another copy of every weight
    if accelerator.is_main_process:
        rewind(run / "metrics.csv", first)
    steps = config.images // config.batch
    crops = Crops(
        photos,
        sizes=config.sizes,
        length=steps * config.batch,
        batch=config.batch,
        seed=config.seed,
        aged=config.aged,
    )
    loader: DataLoader[Any] = accelerator.prepare(
        DataLoader(
            Subset(crops, range(first * config.batch, len(crops))),  # type: ignore[arg-type]
            batch_size=part,
            num_workers=workers,
            pin_memory=learner.cuda,
            worker_init_fn=ignore_interruptions,
            generator=torch.Generator().manual_seed(config.seed),  # else it takes from the one that we resume
        )
    )
    recent, means = Means(), Means()  # since the last report; since the last scores
    reported = saved = time.monotonic()
    events: Any = nullcontext()
    if accelerator.is_main_process:
        events = SummaryWriter(run / "tensorboard", purge_step=first + 1)
    with interruptions((signal.SIGINT, signal.SIGTERM)) as interrupted, events as writer:
        for count, batch in enumerate(numbered(loader), first * config.accumulate + 1):
            step, rest = divmod(count, config.accumulate)
            try:
                losses = learner.step(*batch)
            except FloatingPointError as err:
                step += bool(rest)
                seen = crops.names(range((step - 1) * config.batch, step * config.batch))
                raise TrainingError(
                    f"{run.name}: the {err} of batch {step} is not finite ({', '.join(seen[:3])} ...); "
                    "try a smaller lr"
                ) from err
            recent.add(losses)
            means.add(losses)
            if rest:
                continue
            stopped = asked_to_stop(accelerator, interrupted.is_set())
            scored = step % score_every == 0 or step == steps
            if writer is not None and (time.monotonic() - reported > 1 or scored or stopped):
                speed = recent.count * part / (time.monotonic() - reported)
                progress = Progress(step, steps, recent.take(), speed)
                if scored:
                    row = means.take()
                    progress.warning = lost_balance(row)
                    sheet, scores = score(learner.averaged(), config, held_out, heading(step, row))
                    Image.fromarray(sheet).save(run / f"preview-{step:06d}.jpg", quality=90)
                    progress.scores, scored_at = scores, step
                    write_row(run / "metrics.csv", {"step": step, **row, **scores})
                    writer.add_image("preview", sheet, step, dataformats="HWC")
                for name, value in {**progress.losses, "images_per_second": speed}.items():
                    writer.add_scalar(f"train/{name}", value, step)
                for name, value in (progress.scores or {}).items():
                    writer.add_scalar(f"held_out/{name}", value, step)
                report(progress)
                reported = time.monotonic()
            if writer is not None and (time.monotonic() - saved > SAVE_EVERY or scored or stopped):
                seen_by = {"images_seen": step * config.batch, "scored_at": scored_at * config.batch}
                recipe = asdict(config) | seen_by
                if start_from:
                    recipe["start_from"] = ", ".join(model.card.name for model in start_from)
                release(run, config, learner.averaged(), data, licence, scores, recipe)
                state = {
                    "config": asdict(config),
                    "photos": names,
                    "step": step,
                    "scores": scores,
                    "scored_at": scored_at,
                    "rng": torch.get_rng_state(),
                    "cuda_rng": torch.cuda.get_rng_state(accelerator.device) if learner.cuda else None,
                    "learner": learner.state_dict(),
                }
                save_resume(run, state)  # last: a run that is at its end has released its end
                saved = time.monotonic()
            if stopped and step < steps:
                accelerator.wait_for_everyone()
                return None
    accelerator.wait_for_everyone()
    return run / f"{run.name}.json"


class Learner:
    """The networks of a run and their optimisers: one `step` a batch.

    Args:
        config: what to learn.
        accelerator: devices, precision, processes.
        first_weights: trained models to start from, or where an encoder's ImageNet weights are, if timm
            shall not download them.
        fresh: whether the run starts; one that goes on has its own weights.
    Raises:
        TrainingError: weights cannot be downloaded, or do not fit.
    """

    def __init__(
        self,
        config: TrainConfig,
        accelerator: Accelerator,
        first_weights: Sequence[Checkpoint] | Path | None,
        *,
        fresh: bool,
    ) -> None:
        self.config, self.accelerator, self.steps = config, accelerator, 0
        device = accelerator.device
        self.cuda = device.type == "cuda"
        generator = start(config, first_weights, fresh=fresh)
        if config.frozen:
            cast("EncoderUNet", generator).freeze(config.frozen)
        judges: nn.Module | None = None
        if config.discriminators:
            judges = MultiScale(config.discriminators, **config.discriminator)
        if self.cuda and accelerator.num_processes > 1:
            generator = norms.share_batch_norms(generator)
            judges = judges and norms.share_batch_norms(judges)
        self.features = None
        if config.feature_weight:
            self.features = FeatureReconstructionLoss(config.loss_network, config.feature_layer).to(device)
            self.features.to(memory_format=torch.channels_last)
        self.distribution = DistributionLoss().to(device) if config.distribution_weight else None
        for network in (generator, judges):
            if network is not None:
                network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
                if config.spectral_norm:
                    norms.add_spectral_norm(network)
        self.ema = ModelEmaV3(generator, decay=config.ema, use_warmup=True)  # before `prepare` adds autocast
        self.generator, self.optimizer = accelerator.prepare(
            generator, adam(groups(generator, config), config)
        )
        self.judges: Any = None
        self.judges_optimizer: Any = None
        if judges is not None:
            parameters = [{"params": list(judges.parameters()), "lr": config.lr}]
            self.judges, self.judges_optimizer = accelerator.prepare(judges, adam(parameters, config))
        self.generator.train()

    def step(self, L: Tensor, ab: Tensor, seen: Tensor | None = None) -> dict[str, float]:
        """Learn from one batch, or part of one; returns what it cost.

        Args:
            L: (N, 1, S, S), of the pictures that losses and discriminators look at.
            ab: (N, 2, S, S).
            seen: (N, 1, S, S), what the generator is given; by default L.
        """
        self.set_rate()
        L = L.contiguous(memory_format=torch.channels_last)
        seen = L if seen is None else seen.contiguous(memory_format=torch.channels_last)
        networks = [network for network in (self.generator, self.judges) if network is not None]
        with self.accelerator.accumulate(*networks):
            predicted = self.generator(seen).float()  # (N, 2, S, S)
            told = {}
            if self.judges is not None:
                told = discriminator_step(self, L, ab, predicted.detach())
            told = generator_step(self, L, ab, predicted) | told
        if self.accelerator.sync_gradients:
            self.steps += 1
            if self.config.ema:
                self.ema.update(self.accelerator.unwrap_model(self.generator), step=self.steps)
        return told

    def averaged(self) -> nn.Module:
        """The generator that is scored and released, in evaluation mode."""
        if self.config.ema:
            norms.settle_spectral_norm(self.ema.module)  # means of its vectors say nothing of mean weights
        else:
            self.ema.module.load_state_dict(self.accelerator.unwrap_model(self.generator).state_dict())
        return self.ema.module

    def set_rate(self) -> None:
        """Set the learning rates of this step."""
        share = 1.0
        if self.config.schedule == "one_cycle":
            share = one_cycle(self.steps * self.config.batch / self.config.images, self.config.warmup)
        for optimizer in (self.optimizer, self.judges_optimizer):
            for group in optimizer.param_groups if optimizer is not None else ():
                group["lr"] = group["highest_lr"] * share

    def parts(self) -> dict[str, Any]:
        """Everything that has a state."""
        unwrap = self.accelerator.unwrap_model
        parts = {"generator": unwrap(self.generator), "ema": self.ema.module, "optimizer": self.optimizer}
        if self.judges is not None:
            parts |= {"judges": unwrap(self.judges), "judges_optimizer": self.judges_optimizer}
        if self.distribution is not None:
            parts["distribution"] = self.distribution
        if self.accelerator.scaler is not None:  # in fp16
            parts["scaler"] = self.accelerator.scaler
        return parts

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` takes."""
        return {"steps": self.steps} | {name: part.state_dict() for name, part in self.parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.steps = state["steps"]
        for name, part in self.parts().items():
            if name != "scaler" or name in state:  # fp16 may begin half-way
                part.load_state_dict(state[name])


def discriminator_step(learner: Learner, L: Tensor, ab: Tensor, predicted: Tensor) -> dict[str, float]:
    """Teach the discriminators to tell true ab (N, 2, S, S) from predicted; returns loss and realness."""
    kind, judges = learner.config.adversarial, learner.judges
    real, fake = judges(L, ab), judges(L, predicted)
    loss = (adversarial_loss(real, True, kind) + adversarial_loss(fake, False, kind)) / 2  # pix2pix halves it
    descend(learner, loss, judges, learner.judges_optimizer)
    told = {"discriminator": loss, "real": realness(real, kind), "fake": realness(fake, kind)}
    return {name: value.item() for name, value in told.items()}


def generator_step(learner: Learner, L: Tensor, ab: Tensor, predicted: Tensor) -> dict[str, float]:
    """Teach the generator, whose predicted ab (N, 2, S, S) has its graph; returns each weighted term."""
    config, accelerator = learner.config, learner.accelerator
    if config.pixel == "psnr":
        pixel = psnr_loss(predicted, ab)
    elif config.pixel == "psnr_both":
        pixel = psnr_both_loss(L, predicted, ab)
    else:
        pixel = pixel_loss(predicted, ab, config.pixel_beta)
    terms = {"pixel": config.pixel_weight * pixel}
    if learner.distribution is not None:
        terms["distribution"] = config.distribution_weight * learner.distribution(predicted, ab)
    if config.colourfulness_weight:
        terms["colourfulness"] = config.colourfulness_weight * colourfulness_loss(L, predicted, ab)
    with accelerator.autocast():
        if learner.features is not None:
            some = slice(math.ceil(config.feature_share * len(L)))
            terms["feature"] = config.feature_weight * learner.features(L[some], predicted[some], ab[some])
        if learner.judges is not None:
            judges = accelerator.unwrap_model(learner.judges).requires_grad_(False)  # gradients pass through
            verdicts = [verdict.float() for verdict in judges(L, predicted)]
            judges.requires_grad_(True)
            terms["adversarial"] = config.adversarial_weight * adversarial_loss(
                verdicts, True, config.adversarial
            )
    descend(
        learner, sum(terms.values(), torch.zeros((), device=L.device)), learner.generator, learner.optimizer
    )
    return {name: term.item() for name, term in terms.items()}


def descend(learner: Learner, loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Backward, clip, and, once a batch is whole, one step.

    Raises:
        FloatingPointError: the loss or the gradient (which one is its text) is not finite.
    """
    accelerator = learner.accelerator
    if not loss.isfinite():
        raise FloatingPointError("loss")
    accelerator.backward(loss)
    if accelerator.sync_gradients:
        norm = accelerator.clip_grad_norm_(network.parameters(), learner.config.clip or math.inf)
        if accelerator.scaler is None and not norm.isfinite():  # a scaler of fp16 passes over such a step
            raise FloatingPointError("gradient")
    optimizer.step()  # accelerate's: waits for the batch to be whole
    optimizer.zero_grad()


def one_cycle(done: float, warmup: float) -> float:
    """Share of the highest learning rate at `done` (0..1) of the run: a line up, then half a cosine down."""
    if done < warmup:
        return max(done / warmup, 1e-3)
    return (1 + math.cos(math.pi * (done - warmup) / (1 - warmup))) / 2


def groups(generator: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Parameters with their learning rates: a pretrained encoder learns slower than the rest."""
    encoder: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in generator.named_parameters():
        if parameter.requires_grad:
            (encoder if name.startswith("encoder.") else rest).append(parameter)
    chosen = [{"params": rest, "lr": config.lr}, {"params": encoder, "lr": config.lr * config.encoder_lr}]
    return [group for group in chosen if group["params"]]


def adam(parameters: list[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW over parameter groups, each with the highest learning rate that it will have."""
    groups = [{**group, "highest_lr": group["lr"]} for group in parameters]
    betas = (config.betas[0], config.betas[1])
    return torch.optim.AdamW(groups, betas=betas, weight_decay=config.weight_decay, fused=True)


def start(
    config: TrainConfig, first_weights: Sequence[Checkpoint] | Path | None, *, fresh: bool
) -> nn.Module:
    """A new generator; a fresh run's starts from trained models, or its encoder from ImageNet.

    Raises:
        TrainingError: the encoder's weights are not cached and cannot be downloaded, or do not fit.
    """
    if first_weights and not isinstance(first_weights, Path):
        return mended(registry.build(config.architecture, **config.arguments), first_weights)
    for chatter in ("timm", "huggingface_hub"):  # keys of the classifier that is left out; retries
        logging.getLogger(chatter).setLevel(logging.ERROR)
    arguments = dict(config.arguments)
    if fresh and config.architecture == "encoder_unet":
        arguments["pretrained"] = first_weights or True
    try:
        return registry.build(config.architecture, **arguments)
    except (OSError, RuntimeError, SafetensorError) as err:
        raise TrainingError(
            f"{first_weights or 'the encoder'}: its ImageNet weights cannot be loaded "
            f"({str(err).splitlines()[0]}); connect once, or give --encoder-weights"
        ) from err


def mended(generator: nn.Module, givers: Sequence[Checkpoint]) -> nn.Module:
    """The generator with weights of trained models: each part of it from the first that has it whole."""
    state = generator.state_dict()
    for giver in reversed(givers):
        given = checkpoints.load_generator(giver).state_dict()
        lacking = {
            part_of(name)
            for name, value in state.items()
            if name not in given or given[name].shape != value.shape
        }
        state |= {name: given[name] for name in state if part_of(name) not in lacking}
    generator.load_state_dict(state)
    return generator


def part_of(name: str) -> str:
    """What a weight belongs to: a stage, such as "ups.2", or what lies at the top, such as "encoder"."""
    top, below = name.split(".")[:2]
    return f"{top}.{below}" if below.isdigit() else top


def mixed_precision(precision: Precision, device: torch.device) -> str:
    """The word that accelerate has for a precision; "auto" is what `accelerate launch` was told."""
    launched: Any = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")  # also where it was told nothing
    if precision == "auto" and launched != "no":
        precision = launched
    chosen = torch_precision(precision, device.type)
    return "no" if chosen == "fp32" else chosen


def numbered(loader: DataLoader[Any]) -> Any:
    """The loader's batches; what a worker has to say comes without the worker's traceback."""
    try:
        yield from loader
    except TrainingError as err:
        raise TrainingError(str(err).strip().rpartition("TrainingError: ")[2]) from err


def asked_to_stop(accelerator: Accelerator, interrupted: bool) -> bool:
    """Whether any process has been asked to stop; all give the same answer."""
    if accelerator.num_processes == 1:
        return interrupted
    if interrupted:
        accelerator.set_trigger()
    return bool(accelerator.check_trigger())


def lost_balance(means: dict[str, float]) -> str:
    """A warning if the discriminator has won: then the generator no longer learns from it."""
    if "real" not in means or means["real"] - means["fake"] < WON:
        return ""
    return (
        f"the discriminator wins: it finds real photos {means['real']:.2f} real and coloured ones "
        f"{means['fake']:.2f}; look at the preview, and try spectral_norm=true or a smaller lr"
    )


def heading(step: int, means: dict[str, float]) -> str:
    """What stands above a preview."""
    judged = f", real {means['real']:.2f}, fake {means['fake']:.2f}" if "real" in means else ""
    return f"batch {step}{judged}" + ": the discriminator wins" * bool(lost_balance(means))


def check_start(config: TrainConfig, givers: Sequence[Checkpoint], encoder_weights: Path | None) -> None:
    """Refuse first weights that are not of the network to train.

    A trained model's decoder may have other widths; where they differ, it has no weights to give.

    Raises:
        TrainingError: naming both.
    """
    if encoder_weights is not None and config.architecture != "encoder_unet":
        raise TrainingError(f"{encoder_weights}: {config.architecture} has no encoder; leave it out")
    for card in (giver.card for giver in givers):
        if (card.architecture, apart_from_widths(card)) != (config.architecture, apart_from_widths(config)):
            raise TrainingError(
                f"{card.name}: is {card.architecture} {json.dumps(card.arguments)}, and the recipe has "
                f"{config.architecture} {json.dumps(config.arguments)}; set the same"
            )
        if encoder_weights is not None:
            raise TrainingError(
                f"{encoder_weights}: {card.name} has all its weights; leave one of the two out"
            )


def apart_from_widths(one: Card | TrainConfig) -> dict[str, Any]:
    """A network's arguments, without the one in which a model to start from may differ."""
    return {name: value for name, value in one.arguments.items() if name != "widths"}


def check_held_out(photos: Sequence[Source]) -> None:
    """Refuse held-out photos of which none can be scored, before hours go by.

    Raises:
        TrainingError: none can be read, or those that can have no colour.
    """
    broken = 0
    for photo in photos:
        try:
            truth = square(read_rgb(photo), 256)
        except PhotoError:
            broken += 1
        else:
            if (truth != truth[..., :1]).any():
                return
    where = place_of(photos[0]).parent if photos else "held out"
    grey = f"those of the held-out photos that can be read ({len(photos) - broken} of {len(photos)}) are grey"
    what = grey if broken < len(photos) else "none of the held-out photos can be read"
    raise TrainingError(f"{where}: {what}; hold out photos in colour")


def score(
    generator: nn.Module, config: TrainConfig, held_out: Sequence[Source], heading: str
) -> tuple[Picture, dict[str, float]]:
    """Score the averaged generator on held-out photos; returns a sheet of the first few, and the scores."""
    device = str(next(generator.parameters()).device)
    colouriser = Colouriser(
        TorchBackend(generator, device=device, precision="fp32"), input_size=config.input_size
    )
    rows: list[list[Picture]] = []

    def keep(photo: Source, predicted: Picture, truth: Picture) -> None:
        if len(rows) < PREVIEWS:
            rows.append([grey_of(truth), predicted, truth])

    scores = evaluate(colouriser, held_out, each=keep, failed=lambda err: None)
    if not rows:
        raise TrainingError(
            f"{place_of(held_out[0]).parent}: the held-out photos can no longer be read; put them back"
        )
    return contact_sheet(rows, columns=2, heading=heading), scores.summary()


def release(
    run: Path,
    config: TrainConfig,
    generator: nn.Module,
    data: str,
    licence: str,
    scores: dict[str, float],
    recipe: dict[str, Any],
) -> None:
    """Write the release files: the averaged weights as fp16, and their card.

    `recipe` says what they learnt, how many images they have seen, and those that had the scores, which may
    be older.
    """
    card = Card(
        name=run.name,
        architecture=config.architecture,
        arguments=config.arguments,
        input_size=config.input_size,
        data=data,
        recipe=recipe,
        scores=scores,
        licence=licence,
    )
    checkpoints.save(norms.plain_state_dict(generator), run / run.name, card, half=True)
