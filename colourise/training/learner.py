"""The networks of a run, their optimisers, and one step of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from accelerate import Accelerator
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from colourise.models.checkpoints import Checkpoint
from colourise.models.networks import norms, registry
from colourise.models.networks.patchgan import MultiScale
from colourise.training.config import TrainConfig
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
from colourise.training.warm_start import initial_generator

if TYPE_CHECKING:
    from colourise.models.networks.encoder_unet import EncoderUNet
    from colourise.models.networks.token_unet import TokenUNet


class Learner:
    """The networks of a run and their optimisers: one `step` a batch.

    Args:
        config: what to learn.
        accelerator: devices, precision, processes.
        start_from: trained models to start from.
        encoder_weights: the file of a pretrained encoder's weights, if timm is not to download them.
        fresh: whether this is a new run; a resumed run has its own weights.
    Raises:
        TrainingError: weights cannot be downloaded, or do not fit.
    """

    def __init__(
        self,
        config: TrainConfig,
        accelerator: Accelerator,
        start_from: Sequence[Checkpoint] = (),
        encoder_weights: Path | None = None,
        *,
        fresh: bool,
    ) -> None:
        self.config, self.accelerator, self.steps = config, accelerator, 0
        device = accelerator.device
        self.cuda = device.type == "cuda"
        generator = initial_generator(config, start_from, encoder_weights, fresh=fresh)
        if config.frozen:
            cast("EncoderUNet", generator).freeze(config.frozen)
        if registry.GENERATORS[config.architecture].grows_from:
            cast("TokenUNet", generator).freeze_transformer(config.transformer_blocks)
        discriminators: nn.Module | None = None
        if config.discriminators:
            discriminators = MultiScale(config.discriminators, **config.discriminator)
        if self.cuda and accelerator.num_processes > 1:
            generator = norms.share_batch_norms(generator)
            discriminators = discriminators and norms.share_batch_norms(discriminators)
        self.features = None
        if config.feature_weight:
            self.features = FeatureReconstructionLoss(config.loss_network, config.feature_layer).to(device)
            self.features.to(memory_format=torch.channels_last)
        self.distribution = DistributionLoss().to(device) if config.distribution_weight else None
        for network in (generator, discriminators):
            if network is not None:
                network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
                if config.spectral_norm:
                    norms.add_spectral_norm(network)
        self.ema = ModelEmaV3(generator, decay=config.ema, use_warmup=True)  # before `prepare` adds autocast
        self.generator, self.optimizer = accelerator.prepare(
            generator, adam(parameter_groups(generator, config), config)
        )
        self.discriminators: Any = None
        self.discriminator_optimizer: Any = None
        if discriminators is not None:
            parameters = [{"params": list(discriminators.parameters()), "lr": config.lr}]
            self.discriminators, self.discriminator_optimizer = accelerator.prepare(
                discriminators, adam(parameters, config)
            )
        self.generator.train()

    def step(self, L: Tensor, ab: Tensor, seen: Tensor | None = None) -> dict[str, float]:
        """Learn from one batch, or part of one, and return its losses.

        Args:
            L: (N, 1, S, S), for the losses and the discriminators.
            ab: (N, 2, S, S).
            seen: (N, 1, S, S), for the generator; by default L.
        """
        self.set_rate()
        L = L.contiguous(memory_format=torch.channels_last)
        seen = L if seen is None else seen.contiguous(memory_format=torch.channels_last)
        networks = [network for network in (self.generator, self.discriminators) if network is not None]
        with self.accelerator.accumulate(*networks):
            predicted = self.generator(seen).float()  # (N, 2, S, S)
            costs: dict[str, float] = {}
            if self.discriminators is not None:
                costs = discriminator_step(self, L, ab, predicted.detach())
            costs = generator_step(self, L, ab, predicted) | costs
        if self.accelerator.sync_gradients:
            self.steps += 1
            if self.config.ema:
                self.ema.update(self.accelerator.unwrap_model(self.generator), step=self.steps)
        return costs

    def averaged(self) -> nn.Module:
        """Return the generator that is scored and released, in evaluation mode."""
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
        for optimizer in (self.optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups if optimizer is not None else ():
                group["lr"] = group["highest_lr"] * share

    def parts(self) -> dict[str, Any]:
        """Return everything that has a state, by its name in `resume.pt`."""
        unwrap = self.accelerator.unwrap_model
        parts = {"generator": unwrap(self.generator), "ema": self.ema.module, "optimizer": self.optimizer}
        if self.discriminators is not None:
            parts |= {  # as resume.pt has named them from the beginning
                "judges": unwrap(self.discriminators),
                "judges_optimizer": self.discriminator_optimizer,
            }
        if self.distribution is not None:
            parts["distribution"] = self.distribution
        if self.accelerator.scaler is not None:  # in fp16
            parts["scaler"] = self.accelerator.scaler
        return parts

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `load_state_dict` takes."""
        return {"steps": self.steps} | {name: part.state_dict() for name, part in self.parts().items()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state returned by `state_dict`."""
        self.steps = state["steps"]
        for name, part in self.parts().items():
            if name != "scaler" or name in state:  # a run may switch to fp16 when it resumes
                part.load_state_dict(state[name])


def discriminator_step(learner: Learner, L: Tensor, ab: Tensor, predicted: Tensor) -> dict[str, float]:
    """Teach the discriminators to tell true from predicted ab (N, 2, S, S); return loss and realness."""
    kind, discriminators = learner.config.adversarial, learner.discriminators
    real, fake = discriminators(L, ab), discriminators(L, predicted)
    loss = (adversarial_loss(real, True, kind) + adversarial_loss(fake, False, kind)) / 2  # pix2pix halves it
    descend(learner, loss, discriminators, learner.discriminator_optimizer)
    means = {"discriminator": loss, "real": realness(real, kind), "fake": realness(fake, kind)}
    return {name: value.item() for name, value in means.items()}


def generator_step(learner: Learner, L: Tensor, ab: Tensor, predicted: Tensor) -> dict[str, float]:
    """Teach the generator, given its predicted ab (N, 2, S, S) with graph; return each weighted term."""
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
        if learner.discriminators is not None:
            discriminators = accelerator.unwrap_model(learner.discriminators)
            discriminators.requires_grad_(False)  # gradients pass through
            verdicts = [verdict.float() for verdict in discriminators(L, predicted)]
            discriminators.requires_grad_(True)
            terms["adversarial"] = config.adversarial_weight * adversarial_loss(
                verdicts, True, config.adversarial
            )
    descend(
        learner, sum(terms.values(), torch.zeros((), device=L.device)), learner.generator, learner.optimizer
    )
    return {name: term.item() for name, term in terms.items()}


def descend(learner: Learner, loss: Tensor, network: nn.Module, optimizer: torch.optim.Optimizer) -> None:
    """Run backward and, once a batch is complete, clip the gradient and step the optimiser.

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
    optimizer.step()  # accelerate's: does nothing until the batch is complete
    optimizer.zero_grad()


def one_cycle(done: float, warmup: float) -> float:
    """Return the share of the highest learning rate at `done` (0..1): linear up, then half a cosine down."""
    if done < warmup:
        return max(done / warmup, 1e-3)
    return (1 + math.cos(math.pi * (done - warmup) / (1 - warmup))) / 2


def parameter_groups(generator: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Return parameters with their learning rates: pretrained encoders learn more slowly than the rest."""
    shares = {"encoder": config.encoder_lr, "vit": config.transformer_lr}
    groups: dict[str, list[nn.Parameter]] = {"rest": [], "encoder": [], "vit": []}
    for name, parameter in generator.named_parameters():
        if parameter.requires_grad:
            part = name.partition(".")[0]
            groups[part if part in shares else "rest"].append(parameter)
    return [
        {"params": parameters, "lr": config.lr * shares.get(part, 1)}
        for part, parameters in groups.items()
        if parameters
    ]


def adam(parameters: list[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
    """Return AdamW over parameter groups, each with its highest learning rate."""
    groups = [{**group, "highest_lr": group["lr"]} for group in parameters]
    betas = (config.betas[0], config.betas[1])
    return torch.optim.AdamW(groups, betas=betas, weight_decay=config.weight_decay, fused=True)
