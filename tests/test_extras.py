"""Without an extra, what needs it says so in one line, and everything else works."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers.commands import ROOT
from helpers.extras import IMPORTING
from helpers.files import files_below
from helpers.photos import PHOTOS, pixels
from typer.testing import Result

from colourise import extras
from colourise.errors import ExtraError

Colourise = Callable[..., Result]
PACKAGE = ROOT / "colourise"
OF_TRAINING = (  # modules that import PyTorch at once; nothing else may
    "colourise.evaluation.perceptual",
    "colourise.lab.tensors",
    "colourise.models.export",
    "colourise.models.loss_networks",
    "colourise.models.networks.",
    "colourise.training.",
)
TRAINING_WITHOUT_PYTORCH = tuple(f"colourise.training.{name}" for name in ("config", "overrides", "recipes"))


def without(monkeypatch: pytest.MonkeyPatch, *modules: str) -> None:
    """Make modules as if they were not installed."""
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("train --data . -o {out}", "colourise train"),
        ("export {model} {out}.onnx", "colourise export"),
        ("eval --data {photo} --lpips", "--lpips"),
        ("eval --data {photo} --fid", "--fid"),
        ("eval --data {photo} --frechet", "--frechet"),
        ("eval --data {photo} --figures {out}", "--figures"),
        ("eval --data {photo} --sheet {out}", "--sheet"),
        ("eval --data {photo} --backend torch", "--backend torch"),
        ("{photo} --backend torch", "--backend torch"),
        ("{photo} --precision fp16", "fp16"),
        ("{photo} --device mps", "mps"),
        ("{photo} --model {weights}", "{weights} has no ONNX file, and"),
        ("film.mp4 --backend torch", "--backend torch"),
    ],
)
def test_what_needs_pytorch_says_so(
    colourise: Colourise,
    tiny_model: Path,
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    asked: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    weights = tmp_path / "weights"
    for suffix in (".json", ".safetensors"):
        weights.with_suffix(suffix).write_bytes(tiny_model.with_suffix(suffix).read_bytes())
    card = json.loads(weights.with_suffix(".json").read_text())
    del card["sha256"][".onnx"]
    weights.with_suffix(".json").write_text(json.dumps(card))
    without(monkeypatch, "torch")
    before = files_below(tmp_path)
    words = {
        "photo": PHOTOS / "chelsea.jpg",
        "out": tmp_path / "out",
        "model": tiny_model,
        "weights": weights,
    }
    typed = command.format(**words).split()
    result = colourise(*typed, model=typed[0] not in ("train", "export") and "--model" not in typed)
    assert result.exit_code == 1
    assert result.output.count("\n") == 1
    start = f"error {asked.format(**words)} needs torch, which is not installed; run: "
    assert result.stderr.startswith(start)
    assert "colourise[train]" in result.stderr or '[train]"' in result.stderr
    assert files_below(tmp_path) == before


def test_s3_says_what_it_needs(colourise: Colourise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "s3fs")
    result = colourise("s3://bucket/archive", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("error s3://bucket/archive needs s3fs, which is not installed; run: ")
    assert result.stderr.count("\n") == 1 and "[s3]" in result.stderr


def test_a_gpu_without_cuda_is_told_of_the_extra(
    colourise: Colourise, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("colourise.models.backends.nvidia_gpus", lambda: 1)
    without(monkeypatch, "nvidia")
    result = colourise(photo, "--device", "cuda")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1 and "[gpu]" in result.stderr


def test_without_numba_a_folder_gets_the_same_colours(
    colourise: Colourise, album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert colourise(album, "-o", tmp_path / "fast").exit_code == 0
    without(monkeypatch, "numba")
    assert colourise(album, "-o", tmp_path / "plain").exit_code == 0
    names = files_below(tmp_path / "plain")
    assert names == files_below(tmp_path / "fast") and len(names) == 6
    for name in names:
        fast, plain = (pixels(tmp_path / folder / name).astype(int) for folder in ("fast", "plain"))
        assert np.abs(fast - plain).max() <= 4  # a level of rounding, through a JPEG


def test_an_extra_of_which_a_part_is_missing_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "timm" else True)
    with pytest.raises(ExtraError, match="colourise train needs timm, which is not installed"):
        extras.needs("train", "colourise train")
    assert extras.missing("ray") == []


INSTALLED = [  # what made the installation, where it came from, the command
    ("pip", {}, "", '{python} -m pip install "colourise[ray]"'),
    ("uv", {}, "", 'uv pip install --python {python} "colourise[ray]"'),
    ("uv", {}, "uv-receipt.toml", 'uv tool install "colourise[ray]"'),
    ("pip", {}, "pipx_metadata.json", 'pipx install --force "colourise[ray]"'),
    (
        "pip",
        {"url": "file:///home/a%20b/colourise", "dir_info": {}},
        "",
        '{python} -m pip install "colourise[ray] @ file:///home/a%20b/colourise"',
    ),
    (
        "uv",
        {"url": "https://example.org/colourise.git", "vcs_info": {"vcs": "git", "commit_id": "0" * 40}},
        "uv-receipt.toml",
        'uv tool install "colourise[ray] @ git+https://example.org/colourise.git"',
    ),
]


@pytest.mark.parametrize(("installer", "origin", "receipt", "command"), INSTALLED)
def test_the_command_is_that_of_the_installation(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    installer: str,
    origin: dict[str, object],
    receipt: str,
    command: str,
) -> None:
    files = {"INSTALLER": f"{installer}\n", "direct_url.json": json.dumps(origin) if origin else None}
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: SimpleNamespace(read_text=files.get))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    if receipt:
        (tmp_path / receipt).touch()
    assert extras.install_command("ray") == command.format(python=sys.executable)


def test_a_checkout_that_is_worked_on_stays_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    origin = json.dumps({"url": tmp_path.as_uri(), "dir_info": {"editable": True}})
    files = {"INSTALLER": "pip\n", "direct_url.json": origin}
    monkeypatch.setattr("importlib.metadata.distribution", lambda name: SimpleNamespace(read_text=files.get))
    assert extras.install_command("train").endswith(f'-m pip install --editable "{tmp_path}[train]"')


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    offered = project["optional-dependencies"]
    assert {*extras.MODULES, "all"} == offered.keys()
    (everything,) = offered["all"]
    assert set(re.findall(r"\w+", everything)[1:]) == offered.keys() - {"all"}
    brought = {re.match(r"[\w-]+", line)[0].replace("-", "_") for line in offered["train"]}  # type: ignore[index]
    assert brought == set(extras.MODULES["train"])


def needed_at_once(file: Path) -> set[str]:
    """The extras without which a test file cannot be imported."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    light = ("colourise.models.networks.registry", *TRAINING_WITHOUT_PYTORCH)
    needed = {
        extra
        for extra, modules in extras.MODULES.items()
        if any(name.partition(".")[0] in modules for name in names)
    }
    if any(name.startswith(OF_TRAINING) and not name.startswith(light) for name in names):
        needed.add("train")
    return needed | ({"fast"} if "colourise.lab.compiled" in names else set())


def test_test_files_that_need_an_extra_are_known() -> None:
    """Else the tests of the light install end with an ImportError."""
    for file in (ROOT / "tests").rglob("test_*.py"):
        for extra in needed_at_once(file):
            assert any(file.match(f"tests/{known}") for known in IMPORTING[extra]), f"{file} needs {extra}"


def of_the_base() -> Iterator[str]:
    """Every module that the base must be able to import."""
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if not name.startswith(OF_TRAINING) and name not in ("colourise.lab.compiled", "colourise.__main__"):
            yield name
    yield "colourise.models.networks.registry"  # which recipes are, and what they may set, is for everybody
    yield "colourise.training.overrides"


def test_the_base_imports_nothing_of_an_extra() -> None:
    """All modules in one process, in which the extras' are not installed."""
    names = [*(name for modules in extras.MODULES.values() for name in modules), "scipy", "skimage"]
    script = (
        "import importlib, sys\n"
        f"sys.modules.update(dict.fromkeys({names!r}))\n"
        f"for name in {list(of_the_base())!r}: importlib.import_module(name)\n"
        "print(len(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=100)
    assert done.returncode == 0, done.stderr.decode()
