"""Devices, precision and processes of a run, by accelerate, and how the processes stop together."""

from __future__ import annotations

import os
import signal
from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import DataLoaderConfiguration, DistributedDataParallelKwargs, parse_flag_from_env

from colourise.errors import TrainingError
from colourise.models.backends import Precision, torch_precision
from colourise.training.config import TrainConfig

PATIENCE = timedelta(hours=2)  # how long other processes wait while the first one scores

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def prepare_accelerator(config: TrainConfig, precision: Precision) -> Accelerator:
    """Set up accelerate with the devices, the precision and the processes of the run.

    Raises:
        TrainingError: it cannot share a batch among them, or not in this precision.
    """
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
    return accelerator


def mixed_precision(precision: Precision, device: torch.device) -> str:
    """Return accelerate's word for a precision; "auto" takes the one given to `accelerate launch`."""
    launched: Any = os.environ.get("ACCELERATE_MIXED_PRECISION", "no")  # "no" also if none was given
    if precision == "auto" and launched != "no":
        precision = launched
    chosen = torch_precision(precision, device.type)
    return "no" if chosen == "fp32" else chosen


def asked_to_stop(accelerator: Accelerator, interrupted: bool) -> bool:
    """Return whether any process has been asked to stop; all processes return the same."""
    if accelerator.num_processes == 1:
        return interrupted
    if interrupted:
        accelerator.set_trigger()
    return bool(accelerator.check_trigger())


def ignore_interruptions(worker: int) -> None:
    """Let a loader's worker ignore Ctrl-C and the first SIGTERM, which reach its whole process group.

    A second SIGTERM ends it: the main process sends its workers two at exit.
    """

    def forgive(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, forgive)
