"""Where the network runs: PyTorch or ONNX Runtime. Both are functions from L to ab.

The ONNX side never imports torch, which is what lets one photo be coloured within a second or so. Neither
side pretends: a device or provider that was asked for and is not there is an error, and `name` says what
really runs.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import sys
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

import numpy as np

from colourise.errors import DeviceError, ModelError
from colourise.extras import install_command, missing, needs
from colourise.lab.pictures import Floats
from colourise.models import checkpoints
from colourise.models.card import Card

if TYPE_CHECKING:
    from torch import nn

BackendName = Literal["auto", "torch", "onnx"]
Precision = Literal["auto", "fp32", "fp16", "bf16"]


class Backend(Protocol):
    """The interface of PyTorch and ONNX Runtime: predicts ab from L."""

    @property
    def name(self) -> str:
        """Return what really runs, for display: "ONNX Runtime on the CPU, fp32"."""

    @property
    def stride(self) -> int:
        """Return what the sides of L are best multiples of; others are padded."""

    def predict_ab(self, L: Floats) -> Floats:
        """Predict ab (N, 2, H, W) float32, in Lab units, from L (N, 1, H, W) float32 in 0..100."""


def open_backend(
    model: str, *, backend: BackendName = "auto", device: str = "auto", precision: Precision = "auto"
) -> tuple[Backend, Card]:
    """Load a model where it runs best.

    "auto" takes ONNX Runtime for a model that has an ONNX file, unless the device or the precision asked
    for is one that only PyTorch has.

    Args:
        model: NAME, PATH or OWNER/REPO[@REVISION].
        backend: "auto", "torch" or "onnx".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        precision: "auto", "fp32", "fp16" or "bf16".
    Raises:
        ModelError: there is no such model, or it has no file for this backend.
        DeviceError: the device or precision asked for is not there.
        ExtraError: this takes PyTorch, and it is not installed.
    """
    check_device(device)
    asked = "mps" if device == "mps" else precision if precision in ("fp16", "bf16") else None
    if backend == "onnx" and asked:
        raise DeviceError(f"{asked}: ONNX Runtime runs a file as it was exported; use --backend torch")
    if backend == "torch" or (backend == "auto" and asked):
        needs("train", asked or "--backend torch")
        need: checkpoints.Need = "safetensors"
    else:
        need = "onnx" if backend == "onnx" else "either"
    checkpoint = checkpoints.find(model, need=need)
    if checkpoint.onnx is not None and need != "safetensors":
        return OnnxBackend(checkpoint.onnx, device=device), checkpoint.card
    needs("train", f"{model} has no ONNX file, and")
    generator = checkpoints.load_generator(checkpoint)
    return TorchBackend(generator, device=device, precision=precision), checkpoint.card


class TorchBackend:
    """A generator under PyTorch.

    Args:
        generator: L -> ab, in evaluation mode.
        device: "auto" takes CUDA, then MPS, then the CPU.
        precision: "auto" is fp16 or bf16 on CUDA; on the CPU bf16 where the processor multiplies it itself.
    Raises:
        DeviceError: the device asked for is not there, or cannot do this precision.
    """

    def __init__(self, generator: nn.Module, *, device: str = "auto", precision: Precision = "auto") -> None:
        import torch

        self.device = torch_device(device)
        self.precision = torch_precision(precision, self.device)
        self.stride = int(cast("int", generator.stride))
        try:
            self.generator = generator.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        except (RuntimeError, AssertionError) as err:
            raise DeviceError(
                f"{device}: PyTorch cannot use it ({str(err).splitlines()[0]}); try --device cpu"
            ) from err

    @property
    def name(self) -> str:
        """Return what really runs, for display."""
        return f"PyTorch on {self.device}, {self.precision}"

    def predict_ab(self, L: Floats) -> Floats:
        """Predict ab (N, 2, H, W) float32 from L (N, 1, H, W) float32."""
        import torch

        dtype = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}[self.precision]
        kind = torch.device(self.device).type
        try:
            with torch.inference_mode(), torch.autocast(kind, dtype, enabled=self.precision != "fp32"):
                ab = self.generator(torch.from_numpy(L).to(self.device))
            return np.ascontiguousarray(ab.float().cpu().numpy())
        except RuntimeError as err:  # out of memory on the GPU is one
            raise failure(self.name, err) from err


class OnnxBackend:
    """An exported generator under ONNX Runtime.

    Args:
        file: the ONNX file.
        device: "auto" takes CUDA where there is an NVIDIA GPU and ONNX Runtime can use it, else the CPU.
        threads: that share the work on one batch, on the CPU; 0: one a processor.
    Raises:
        DeviceError: CUDA was asked for and ONNX Runtime did not get it.
        ModelError: the file cannot be loaded.
    """

    def __init__(self, file: Path, *, device: str = "auto", threads: int = 0) -> None:
        import onnxruntime

        self.file = file

        onnxruntime.set_default_logger_severity(4)  # what matters is asked below; the log is for developers
        providers: list[str | tuple[str, dict[str, str]]] = ["CPUExecutionProvider"]
        cuda = device.startswith("cuda") or (device == "auto" and nvidia_gpus() > 0)
        if cuda and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
            with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
                onnxruntime.preload_dlls()
            index = device.partition(":")[2] or "0"
            providers.insert(0, ("CUDAExecutionProvider", {"device_id": index}))
        try:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # for others may decode
            self.session = onnxruntime.InferenceSession(str(file), options, providers=providers)
        except Exception as err:  # ONNX Runtime's errors share no base class of their own
            raise ModelError(f"{file}: ONNX Runtime cannot load it ({str(err).splitlines()[0]})") from err
        self.provider = self.session.get_providers()[0]  # a list with CUDA in it would fall back in silence
        if device.startswith("cuda") and self.provider != "CUDAExecutionProvider":
            what_next = "check the NVIDIA driver (CUDA 13), or use --device cpu"
            if nvidia_gpus() > 0 and missing("gpu"):
                what_next = f"use --device cpu, or run: {install_command('gpu')}"
            raise DeviceError(f"{device}: ONNX Runtime found no usable CUDA device; {what_next}")
        self.input = self.session.get_inputs()[0].name
        self.stride = int(self.session.get_modelmeta().custom_metadata_map.get("stride", 1))

    @property
    def name(self) -> str:
        """Return what really runs, for display."""
        return f"ONNX Runtime on {'CUDA' if self.provider == 'CUDAExecutionProvider' else 'the CPU'}"

    @cached_property
    def single(self) -> OnnxBackend:
        """Return the same model on one thread, which is faster when many callers run at once."""
        return OnnxBackend(self.file, device="cpu", threads=1)

    def predict_ab(self, L: Floats) -> Floats:
        """Predict ab (N, 2, H, W) float32 from L (N, 1, H, W) float32."""
        height, width = L.shape[2:]
        below, right = -height % self.stride, -width % self.stride
        padded = np.pad(L, ((0, 0), (0, 0), (0, below), (0, right)), mode="edge")
        try:
            (ab,) = self.session.run(None, {self.input: padded})
            return np.ascontiguousarray(ab[..., :height, :width], np.float32)
        except Exception as err:  # as above
            raise failure(self.name, err) from err


def failure(name: str, err: Exception) -> DeviceError:
    """Return the error of a network that could not be run, in one line."""
    return DeviceError(
        f"{name} failed ({str(err).splitlines()[0]}); try --device cpu, or a smaller --input-size"
    )


def check_device(device: str) -> None:
    """Check that a word is a device.

    Raises:
        DeviceError: it is none of auto, cpu, cuda, cuda:N, mps.
    """
    kind, colon, index = device.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (colon and not (kind == "cuda" and index.isdecimal())):
        raise DeviceError(f"{device}: no such device; use auto, cpu, cuda, cuda:N or mps")


def torch_device(device: str) -> str:
    """Return the device that PyTorch will use.

    Raises:
        DeviceError: it was asked for and is not there.
    """
    import torch

    check_device(device)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    count = torch.cuda.device_count()
    if device.startswith("cuda") and int(device.partition(":")[2] or 0) >= count:
        raise DeviceError(f"{device}: PyTorch sees {count} CUDA devices here; use --device cpu")
    if device == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("mps: PyTorch sees no Apple GPU here; use --device cpu")
    return device


def torch_precision(precision: Precision, device: str) -> str:
    """Return the precision that PyTorch will use on a device.

    Raises:
        DeviceError: the device cannot do the one asked for at a useful speed.
    """
    import torch

    if device == "cpu":
        native = bool(torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported())
        if precision == "fp16" or (precision == "bf16" and not native):
            raise DeviceError(
                f"{precision}: this processor does not multiply it itself; use --precision fp32"
            )
        return ("bf16" if native else "fp32") if precision == "auto" else precision
    if precision != "auto":
        return precision
    return "bf16" if device.startswith("cuda") and torch.cuda.is_bf16_supported() else "fp16"


def nvidia_gpus() -> int:
    """Count the NVIDIA GPUs by asking the driver itself, which needs no CUDA library."""
    if sys.platform == "darwin":
        return 0
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    found = driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0
    return count.value if found else 0
