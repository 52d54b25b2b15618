"""PyTorch -> ONNX, compared with PyTorch before the file is kept."""

from __future__ import annotations

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import quantize_dynamic
from torch import Tensor, nn

from colourise.errors import ModelError
from colourise.files.atomic import atomic_path
from colourise.models import checkpoints
from colourise.models.backends import OnnxBackend, TorchBackend
from colourise.models.card import Card

OPSET = 20
Form = Literal["fp32", "fp16", "int8"]
TOLERANCE: dict[Form, float] = {"fp32": 0.02, "fp16": 1.0, "int8": 1.0}
"""Largest difference of ab in Lab units, 1 being about one 8-bit level; of int8 the largest mean one."""


def export(model: str, target: Path, *, form: Form = "fp32", overwrite: bool = False) -> float:
    """Write a model as one ONNX file: L in, ab out, both float32; batch, height and width are free.

    Height and width are multiples of the network's stride there (the file's metadata names it), because a
    symbolic remainder takes the exporter minutes; `OnnxBackend` pads as the networks do themselves.

    Args:
        model: NAME, PATH or OWNER/REPO[@REVISION].
        target: the ONNX file. Beside the model's own files, of the same stem, it becomes the checkpoint's
            ONNX file; anywhere else it gets a card of its own, so that `--model out.onnx` takes it.
        form: "fp32"; "fp16" stores and computes in half precision, for GPUs; "int8" stores the matrices of
            a transformer in a quarter of the space, and multiplies them faster on CPUs; convolutions stay.
        overwrite: whether the target may exist already.
    Returns:
        The difference of ab from PyTorch's that TOLERANCE limits, in Lab units, over several sizes.
    Raises:
        ModelError: the model cannot be found or exported, its export differs (no file is left then), or
            the target is there already or belongs to another model.
    """
    if target.suffix != ".onnx":
        raise ModelError(f"{target}: an ONNX file ends in .onnx; choose another name")
    if not target.parent.is_dir():
        raise ModelError(f"{target}: no such folder; create it first")
    if target.exists() and not overwrite:
        raise ModelError("is there already", path=target, advice="--overwrite makes it again")
    checkpoint = checkpoints.find(model, need="safetensors")
    card_file = target.with_name(f"{target.name.removesuffix('.onnx')}.json")
    own = Path(checkpoint.source).resolve() == card_file.resolve()
    if card_file.exists() and not own and ".safetensors" in Card.read(card_file).sha256:
        raise ModelError(f"{target}: lies beside the weights of another model; choose another name")
    generator = checkpoints.load_generator(checkpoint)
    with atomic_path(target) as part:
        write_onnx(generator, part, form)
        worst = difference(generator, part, form)
        limit = TOLERANCE[form]
        if not worst <= limit:
            raise ModelError(f"{target}: ab of the export is off by {worst:.3f} (allowed {limit}); not kept")
    stem = target.with_name(target.name.removesuffix(".onnx"))
    checkpoints.add_onnx(stem, None if own else checkpoint.card)
    return worst


class HalfPrecision(nn.Module):
    """A generator that works in fp16 between a float32 L and a float32 ab."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = copy.deepcopy(generator).half()

    def forward(self, L: Tensor) -> Tensor:
        """Predict ab (N, 2, H, W) float32 from L (N, 1, H, W) float32."""
        ab: Tensor = self.generator(L.half())
        return ab.float()


def write_onnx(generator: nn.Module, file: Path, form: Form) -> None:
    """Export a generator, unchecked."""
    stride: int = generator.stride  # type: ignore[assignment]
    batch, rows, columns = (torch.export.Dim(name) for name in ("batch", "rows", "columns"))
    with quiet():
        program = torch.onnx.export(
            HalfPrecision(generator).eval() if form == "fp16" else generator,
            (torch.rand(2, 1, 2 * stride, 3 * stride) * 100,),
            dynamo=True,
            opset_version=OPSET,
            input_names=["L"],
            output_names=["ab"],
            dynamic_shapes=({0: batch, 2: stride * rows, 3: stride * columns},),
            verbose=False,
        )
    assert program is not None  # noqa: S101  (it is None only with dynamo=False)
    proto = program.model_proto
    onnx.helper.set_model_props(proto, {"stride": str(stride)})
    if form == "int8":  # of which 7 bits are used: products of 8 overflow on processors without VNNI
        with quiet():
            quantize_dynamic(
                proto, file, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, reduce_range=True
            )
        optimise(file)
    else:
        onnx.save(proto, file)


def optimise(file: Path) -> None:
    """Keep in an ONNX file what ONNX Runtime makes of it for CPUs, which would be done at each start."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    better = file.with_name(f"{file.name}.optimised")
    options.optimized_model_filepath = str(better)
    onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    better.replace(file)


def difference(generator: nn.Module, file: Path, form: Form) -> float:
    """Return how far ab of ONNX Runtime (CPU) is from PyTorch's (fp32), as TOLERANCE counts it."""
    theirs = OnnxBackend(file, device="cpu")
    ours = TorchBackend(generator, device="cpu", precision="fp32")
    chance = np.random.default_rng(0)
    count = np.mean if form == "int8" else np.max
    worst = 0.0
    for shape in ((1, 1, 256, 256), (2, 1, 192, 192), (1, 1, 160, 224)):
        coarse = chance.uniform(0, 100, (*shape[:2], shape[2] // 16, shape[3] // 16)).astype(np.float32)
        L = coarse.repeat(16, 2).repeat(16, 3) * np.float32(0.9) + chance.uniform(0, 10, shape).astype(
            np.float32
        )
        worst = max(worst, float(count(np.abs(ours.predict_ab(L) - theirs.predict_ab(L)))))
    return worst


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence the exporter."""
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)
