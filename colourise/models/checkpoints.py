"""Find, check, load and save checkpoints.

A checkpoint is up to three files with one stem: `NAME.safetensors` (weights), `NAME.onnx` (the same network,
exported) and `NAME.json` (the card: what it is, and the hash of the others). In a Hub repository the stem is
`model`. Nothing is ever unpickled. Importing this module, and finding a shipped or local checkpoint, needs
the standard library alone; torch and the Hub's client are imported where they are used.
"""

import difflib
import hashlib
import re
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from colourise.errors import ModelError
from colourise.files.atomic import atomic
from colourise.models import catalogue
from colourise.models.card import SUFFIXES, Card
from colourise.models.catalogue import MODELS, HubModel

if TYPE_CHECKING:
    from torch import Tensor, nn

PICKLES = (".pth", ".pt", ".ckpt", ".bin", ".pkl", ".pickle", ".tar", ".h5")
REPOSITORY = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?", re.ASCII)
CARD = "model.json"  # in a Hub repository

Need = Literal["safetensors", "onnx", "either", "all"]


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on this machine; only files that were asked for, each checked against the card."""

    card: Card
    """What it is."""
    source: str
    """Where it came from: the path of its card, or OWNER/REPO@COMMIT."""
    weights: Path | None = None
    """The .safetensors file."""
    onnx: Path | None = None
    """The .onnx file."""


def find(model: str | Path, *, need: Need = "either", progress: bool = False) -> Checkpoint:
    """Find a checkpoint by path, name or repository, and check the hashes of the files that are needed.

    Files on this machine are used without asking the network: for OWNER/REPO (its branch "main") those of
    the commit that was downloaded last, until `pull` fetches a newer one.

    Args:
        model: A path (one of the files, their common stem, or a folder with one checkpoint), a name in
            `MODELS`, or OWNER/REPO[@REVISION] on the Hub. A path that exists wins over a name.
        need: The file that will be used; "either" takes ONNX where there is one; "all" takes every file
            on the card.
        progress: Let the Hub's client draw a bar while it downloads.

    Raises:
        ModelError: if there is no such model, a file is missing or is not what the card says, or the
            file would have to be unpickled.
        HubError: if it has to come from the Hub and cannot.
    """
    stem = local_or_shipped(str(model))
    if stem is not None:
        return open_local(beside(stem, ".json"), need)
    return from_hub(place_on_hub(str(model)), need, progress=progress)


def load_generator(checkpoint: Checkpoint) -> "nn.Module":
    """Return the network of a checkpoint found with need="safetensors": fp32, on the CPU, in eval mode.

    Raises:
        ModelError: if it cannot be built from its card, or the weights do not fit it to the letter.
    """
    import safetensors
    import safetensors.torch

    from colourise.models.networks import registry

    card = checkpoint.card
    if checkpoint.weights is None:
        raise ModelError(f"{checkpoint.source}: has no .safetensors weights to load")
    arguments = {name: value for name, value in card.arguments.items() if name != "pretrained"}
    try:
        generator = registry.build(card.architecture, **arguments)  # all weights come from the file below
    except (TypeError, ValueError, RuntimeError) as err:
        raise ModelError(f"{checkpoint.source}: cannot build {card.architecture!r}: {err}") from err
    try:
        state = safetensors.torch.load_file(checkpoint.weights)
    except (OSError, safetensors.SafetensorError) as err:
        raise ModelError(f"{checkpoint.weights}: damaged weights ({err}); get the model anew") from err
    try:
        generator.load_state_dict(state, strict=True)
    except RuntimeError as err:
        odd = textwrap.shorten(str(err), 400)  # names the missing, unexpected and misshapen keys
        raise ModelError(
            f"{checkpoint.weights}: weights do not fit the card; get the model anew: {odd}"
        ) from err
    return generator.float().eval()


def save(
    generator: "nn.Module | Mapping[str, Tensor]", stem: Path, card: Card, *, half: bool = False
) -> Checkpoint:
    """Write STEM.safetensors and STEM.json, and return the checkpoint.

    Args:
        generator: A network or its state dict.
        stem: Path without suffix; the folder is made.
        card: The card; its hashes are replaced, so a STEM.onnx of earlier weights no longer counts.
        half: Store matrices and kernels as fp16; vectors (biases, norms, running statistics) stay fp32.
    """
    import safetensors.torch
    import torch

    state = generator.state_dict() if isinstance(generator, torch.nn.Module) else generator
    tensors = {}
    for name, tensor in state.items():
        dtype = torch.float16 if half and tensor.is_floating_point() and tensor.dim() > 1 else tensor.dtype
        tensors[name] = tensor.detach().to("cpu", dtype, copy=True).contiguous()
    data = safetensors.torch.save(tensors, metadata={"format": "pt"})
    card = replace(card, sha256={".safetensors": hashlib.sha256(data).hexdigest()})
    weights = beside(stem, ".safetensors")
    weights.parent.mkdir(parents=True, exist_ok=True)
    _write(weights, data)
    _write(beside(stem, ".json"), card.to_json().encode())
    return Checkpoint(card, str(beside(stem, ".json")), weights)


def add_onnx(stem: Path, card: Card | None = None) -> Checkpoint:
    """Record in STEM.json that STEM.onnx is the export of its weights, and return the checkpoint.

    Args:
        stem: Path without suffix.
        card: For an ONNX file that stands alone: the card to write, apart from its name and hashes.

    Raises:
        ModelError: if one of the files is missing, or the weights are not what the card says.
    """
    path, onnx = beside(stem, ".json"), beside(stem, ".onnx")
    if not onnx.is_file():
        raise ModelError(f"{onnx}: no such file; export the model first")
    card = replace(card, name=stem.name, sha256={}) if card is not None else Card.read(path)
    card = replace(card, sha256=card.sha256 | {".onnx": _sha256(onnx)})
    _write(path, card.to_json().encode())
    return open_local(path, "all")


def local_or_shipped(model: str) -> Path | None:
    """Return the stem of a checkpoint on this machine, outside the Hub client's cache, if there is one."""
    path = Path(model).expanduser()
    if path.suffix in PICKLES:
        raise ModelError(f"{model}: colourise never unpickles a model; convert it to safetensors with a card")
    return _local_stem(path) or shipped_stem(catalogue.ALIASES.get(model, model))


def _local_stem(path: Path) -> Path | None:
    """Return the stem of the checkpoint at a path: a file of it, a stem, or a folder that holds one."""
    if path.is_dir():
        stems = sorted(
            card.with_suffix("")
            for card in path.glob("*.json")
            if any(card.with_suffix(suffix).is_file() for suffix in SUFFIXES)
        )
        if len(stems) > 1:
            raise ModelError(f"{path}: several checkpoints ({', '.join(s.name for s in stems)}); name one")
        return stems[0] if stems else None
    if path.is_file() and path.suffix in (*SUFFIXES, ".json"):
        return path.with_suffix("")
    return path if path.name and beside(path, ".json").is_file() else None


def shipped_stem(name: str) -> Path | None:
    """Return the stem of a named checkpoint in `weights/`."""
    if name not in MODELS:
        return None
    stems = (folder / name for folder in catalogue.SHIPPED)
    return next((stem for stem in stems if beside(stem, ".json").is_file()), None)


def place_on_hub(model: str) -> HubModel:
    """Return the place on the Hub of a model that is neither a path nor shipped."""
    row = MODELS.get(model)
    if row is not None and row.repository:
        return row
    if row is not None:
        raise ModelError(
            f"{model}: ships with colourise, but is not in its weights folder; reinstall colourise"
        )
    path = Path(model)
    if path.is_dir():
        raise ModelError(f"{model}: no checkpoint in this folder (a .json card with weights beside it)")
    match = REPOSITORY.fullmatch(model)
    if match is not None and path.suffix not in (*SUFFIXES, ".json"):
        return HubModel(match["repository"], match["revision"] or "main")
    if path.suffix in (*SUFFIXES, ".json") or len(path.parts) > 1:
        raise ModelError(f"{model}: no such checkpoint; a model is a name, a path or OWNER/REPO[@REVISION]")
    close = difflib.get_close_matches(model, MODELS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known models: {', '.join(MODELS)}"
    raise ModelError(f"{model}: no model of that name; {hint}")


def open_local(path: Path, need: Need) -> Checkpoint:
    """Return the local checkpoint with this card."""
    card = Card.read(path)
    stem = path.with_suffix("")
    here = [suffix for suffix in card.sha256 if beside(stem, suffix).is_file()]
    files = {suffix: beside(stem, suffix) for suffix in _wanted(card, need, here, str(path))}
    for suffix, file in files.items():
        _check(file, card.sha256[suffix])
    return Checkpoint(card, str(path), files.get(".safetensors"), files.get(".onnx"))


def from_hub(row: HubModel, need: Need, *, progress: bool) -> Checkpoint:
    """Return a checkpoint of a Hub repository, from the client's cache where possible."""
    from colourise.models import hub

    path = hub.download(row.repository, CARD, row.revision, progress=progress)
    if row.sha256:
        _check(path, row.sha256, discard=hub.discard)
    card = Card.read(path)
    commit = path.parent.name  # every file comes from the commit that the card came from
    source = f"{row.repository}@{commit}"
    files = {}
    for suffix in _wanted(card, need, list(card.sha256), source):
        files[suffix] = hub.download(row.repository, f"model{suffix}", commit, progress=progress)
        _check(files[suffix], card.sha256[suffix], discard=hub.discard)
    return Checkpoint(card, source, files.get(".safetensors"), files.get(".onnx"))


def _wanted(card: Card, need: Need, here: list[str], source: str) -> list[str]:
    """Choose which of the files that are present to use; return their suffixes."""
    if need == "all":
        wanted = list(card.sha256)
    elif need == "either":
        wanted = [".onnx"] if ".onnx" in here else [".safetensors"]
    else:
        wanted = [f".{need}"]
    for suffix in wanted:
        if suffix not in card.sha256:
            hint = "; make one with `colourise export`" if suffix == ".onnx" else ""
            raise ModelError(f"{source}: the card names no {suffix} file{hint}")
        if suffix not in here:
            raise ModelError(f"{source}: its {suffix} file is missing; get the model anew")
    return wanted


def _check(file: Path, sha256: str, *, discard: Callable[[Path], None] | None = None) -> None:
    """Raise ModelError unless the file has this hash, having discarded it if that can be done."""
    try:
        if _sha256(file) == sha256:
            return
    except OSError as err:
        raise ModelError(f"{file}: cannot be read: {err}") from err
    if discard is not None:
        discard(file)
    then = "get it anew" if discard is None else "removed from the cache: try again to download it anew"
    raise ModelError(f"{file}: not the file its card means (sha256 differs); {then}")


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def beside(stem: Path, suffix: str) -> Path:
    """Return the path of the file of a checkpoint that has this suffix."""
    return stem.with_name(stem.name + suffix)  # not with_suffix: a stem may hold a dot


def _write(path: Path, data: bytes) -> None:
    with atomic(path) as file:
        file.write(data)
