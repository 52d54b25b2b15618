"""Train a generator: `train(config, photos, ...)`.

A run folder holds the release files (`NAME.safetensors`, `NAME.json`: the moving average of the weights),
`resume.pt` (all that a killed run needs to go on), `metrics.csv` and preview sheets.
"""

from __future__ import annotations

import csv
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from PIL import Image
from safetensors import SafetensorError
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from colourise import checkpoints, models
from colourise.backends import Precision, TorchBackend, torch_device, torch_precision
from colourise.checkpoints import Card
from colourise.colouriser import Colouriser
from colourise.data import Crops
from colourise.errors import TrainingError
from colourise.evaluate import contact_sheet, evaluate
from colourise.losses import FeatureReconstructionLoss, pixel_loss
from colourise.metrics import Picture
from colourise.recipes import TrainConfig

SAVE_EVERY = 300  # seconds between saves of `resume.pt`
PREVIEWS = 8  # held-out photos on a preview sheet


@dataclass
class Progress:
    """What a run tells while it goes on."""

    step: int
    """Batches done."""
    steps: int
    """Batches in the whole run."""
    losses: dict[str, float]
    """Each term of the loss, averaged since the last report."""
    images_per_second: float
    """Training speed since the last report."""
    scores: dict[str, float] | None = None
    """Held-out scores, when they have just been measured."""


def train(
    config: TrainConfig,
    photos: Sequence[Path],
    held_out: Sequence[Path],
    run: Path,
    *,
    encoder_weights: Path | None = None,
    data: str = "",
    licence: str = "MIT",
    precision: Precision = "auto",
    workers: int = 1,
    score_every: int = 500,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Path:
    """Train a generator, or go on with a run that was stopped.

    Args:
        config: what to learn.
        photos: colour photos to learn from.
        held_out: colour photos to score, never learnt from.
        run: folder of the run; its name names the checkpoint.
        encoder_weights: the encoder's ImageNet weights in timm's names; by default timm downloads them.
        data: the training data in words, for the card.
        licence: of the weights, for the card.
        precision: "auto", "fp32", "fp16" or "bf16".
        workers: processes that read photos.
        score_every: batches between scores on `held_out`.
        report: called about once a second.
    Returns:
        The card of the released checkpoint.
    Raises:
        TrainingError: the run belongs to another configuration, or its loss is no longer finite.
    """
    run.mkdir(parents=True, exist_ok=True)
    set_seed(config.seed)
    accelerator = Accelerator(mixed_precision=mixed_precision(precision))
    names = sha256("\n".join(photo.name for photo in photos).encode()).hexdigest()
    resume = load_resume(run, config, names)
    generator = start(config, encoder_weights, fresh=resume is None)
    optimizer = torch.optim.AdamW(
        groups(generator, config), betas=(0.9, 0.99), weight_decay=config.weight_decay
    )
    steps = config.images // config.batch
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: one_cycle(step / steps, config.warmup)
    )
    features = FeatureReconstructionLoss(config.feature_layer) if config.feature_weight else None
    if features is not None:
        features.to(accelerator.device).to(memory_format=torch.channels_last)
    generator.to(accelerator.device)
    ema = ModelEmaV3(generator, decay=config.ema, use_warmup=True)  # before `prepare` wraps it in autocast
    generator, optimizer = accelerator.prepare(generator, optimizer)
    first = 0
    if resume is not None:
        accelerator.unwrap_model(generator).load_state_dict(resume["generator"])
        ema.module.load_state_dict(resume["ema"])
        optimizer.load_state_dict(resume["optimizer"])
        scheduler.load_state_dict(resume["scheduler"])
        torch.set_rng_state(resume["rng"])
        first = resume["step"]
        rewind(run / "metrics.csv", first)

    crops = Crops(
        photos, sizes=config.sizes, length=steps * config.batch, batch=config.batch, seed=config.seed
    )
    loader: DataLoader[Any] = DataLoader(
        Subset(crops, range(first * config.batch, len(crops))),  # type: ignore[arg-type]
        batch_size=config.batch,
        num_workers=workers,
        pin_memory=accelerator.device.type == "cuda",
    )
    share = math.ceil(config.feature_share * config.batch)
    scores: dict[str, float] = resume["scores"] if resume else {}
    sums: dict[str, float] = {}
    since, reported, saved = 0, time.monotonic(), time.monotonic()
    generator.train()
    for step, (L, ab) in enumerate(loader, first + 1):
        L, ab = L.to(accelerator.device), ab.to(accelerator.device)  # (N, 1, S, S), (N, 2, S, S)
        losses = generator_step(generator, features, L, ab, config, share, accelerator)
        if not math.isfinite(sum(losses.values())):
            raise TrainingError(f"{run.name}: the loss of batch {step} is not finite; try a smaller lr")
        accelerator.clip_grad_norm_(generator.parameters(), config.clip)
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        ema.update(accelerator.unwrap_model(generator), step=step)

        since += 1
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value
        now = time.monotonic()
        scored = step % score_every == 0 or step == steps
        if now - reported > 1 or scored:
            speed = since * config.batch / (now - reported)
            progress = Progress(step, steps, {name: total / since for name, total in sums.items()}, speed)
            if scored:
                scores = progress.scores = score(
                    ema.module, config, held_out, run / f"preview-{step:06d}.jpg"
                )
                write_row(run / "metrics.csv", {"step": step, **progress.losses, **scores})
            report(progress)
            sums, since, reported = {}, 0, time.monotonic()
        if time.monotonic() - saved > SAVE_EVERY or scored:
            state = {
                "config": asdict(config),
                "photos": names,
                "step": step,
                "generator": accelerator.unwrap_model(generator).state_dict(),
                "ema": ema.module.state_dict(),
                "optimizer": optimizer.state_dict(),
                "scheduler": scheduler.state_dict(),
                "rng": torch.get_rng_state(),
                "scores": scores,
            }
            release(run, config, ema.module, data, licence, scores, step)
            save_resume(run, state)  # last: a run that is at its end has released its end
            saved = time.monotonic()
    return run / f"{run.name}.json"


def generator_step(
    generator: nn.Module,
    features: FeatureReconstructionLoss | None,
    L: Tensor,
    ab: Tensor,
    config: TrainConfig,
    share: int,
    accelerator: Accelerator,
) -> dict[str, float]:
    """Forward and backward on one batch: L (N, 1, S, S), true ab (N, 2, S, S); returns each weighted term."""
    with accelerator.autocast():
        predicted = generator(L.contiguous(memory_format=torch.channels_last)).float()
        terms = {"pixel": config.pixel_weight * pixel_loss(predicted, ab, config.pixel_beta)}
        if features is not None:
            some = slice(share)
            terms["feature"] = config.feature_weight * features(L[some], predicted[some], ab[some])
    accelerator.backward(sum(terms.values()))
    return {name: float(term.detach()) for name, term in terms.items()}


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
        (encoder if name.startswith("encoder.") else rest).append(parameter)
    chosen = [{"params": rest, "lr": config.lr}, {"params": encoder, "lr": config.lr * config.encoder_lr}]
    return [group for group in chosen if group["params"]]


def start(config: TrainConfig, encoder_weights: Path | None, *, fresh: bool) -> nn.Module:
    """A new generator; a fresh run's encoder, where there is one, starts from ImageNet.

    Raises:
        TrainingError: the encoder's weights are not cached and cannot be downloaded, or do not fit.
    """
    for chatter in ("timm", "huggingface_hub"):  # keys of the classifier that is left out; retries
        logging.getLogger(chatter).setLevel(logging.ERROR)
    arguments = dict(config.arguments)
    if fresh and config.architecture == "encoder_unet":
        arguments["pretrained"] = encoder_weights or True
    try:
        return models.build(config.architecture, **arguments).to(memory_format=torch.channels_last)
    except (OSError, RuntimeError, SafetensorError) as err:
        raise TrainingError(
            f"{encoder_weights or 'the encoder'}: its ImageNet weights cannot be loaded "
            f"({str(err).splitlines()[0]}); connect once, or give --encoder-weights"
        ) from err


def mixed_precision(precision: Precision) -> str:
    """The word that accelerate has for a precision."""
    chosen = torch_precision(precision, torch_device("auto"))
    return "no" if chosen == "fp32" else chosen


def score(
    generator: nn.Module, config: TrainConfig, held_out: Sequence[Path], sheet: Path
) -> dict[str, float]:
    """Score the averaged generator on held-out photos, and write grey | coloured | truth of the first few."""
    device = str(next(generator.parameters()).device)
    colouriser = Colouriser(
        TorchBackend(generator, device=device, precision="fp32"), input_size=config.input_size
    )
    pairs: list[tuple[Picture, Picture]] = []

    def keep(path: Path, predicted: Picture, truth: Picture) -> None:
        if len(pairs) < PREVIEWS:
            pairs.append((predicted, truth))

    scores = evaluate(colouriser, held_out, each=keep, failed=lambda err: None)
    if not pairs:
        raise TrainingError(f"{held_out[0].parent}: none of the held-out photos can be read")
    Image.fromarray(contact_sheet(pairs)).save(sheet, quality=90)
    return scores.summary()


def release(
    run: Path,
    config: TrainConfig,
    generator: nn.Module,
    data: str,
    licence: str,
    scores: dict[str, float],
    step: int,
) -> None:
    """Write the release files: the averaged weights as fp16, and their card."""
    card = Card(
        name=run.name,
        architecture=config.architecture,
        arguments=config.arguments,
        input_size=config.input_size,
        data=data,
        recipe={**asdict(config), "images_seen": step * config.batch},
        scores=scores,
        licence=licence,
    )
    checkpoints.save(generator, run / run.name, card, half=True)


def save_resume(run: Path, state: dict[str, Any]) -> None:
    """Write `resume.pt` so that a kill leaves the old one or the new one."""
    part = run / "resume.pt.part"
    torch.save(state, part)
    part.replace(run / "resume.pt")


def load_resume(run: Path, config: TrainConfig, photos: str) -> dict[str, Any] | None:
    """What a stopped run left, or None; `photos` is the hash of their names.

    Raises:
        TrainingError: it was learning something else.
    """
    file = run / "resume.pt"
    if not file.exists():
        return None
    state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    theirs, ours = dict(state["config"]), asdict(config)
    odd = [name for name in ours if theirs.get(name) != ours[name]]
    if odd:
        raise TrainingError(
            f"{run}: was started with another {', '.join(odd)}; give the same settings, or another run folder"
        )
    if state["photos"] != photos:
        raise TrainingError(
            f"{run}: was started on other photos; give the same --data, or another run folder"
        )
    return state


def write_row(file: Path, row: dict[str, float]) -> None:
    """Append one row to a CSV file, with a header if it is new."""
    new = not file.exists()
    with file.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, row)
        if new:
            writer.writeheader()
        writer.writerow(row)


def rewind(file: Path, step: int) -> None:
    """Drop the rows of a CSV file that lie beyond a step, because they will be written again."""
    if file.exists():
        header, *rows = file.read_text().splitlines(keepends=True) or [""]
        kept = [row for row in rows if row.endswith("\n") and int(row.partition(",")[0]) <= step]
        file.write_text("".join([header, *kept]))
