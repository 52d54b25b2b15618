"""Checkpoints on this machine: found by any path, checked, loaded, saved."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.checkpoints import CARD, flip_last_byte, line_of
from helpers.commands import ROOT

from colourise.errors import ModelError
from colourise.models import catalogue
from colourise.models.card import Card
from colourise.models.checkpoints import Checkpoint, add_onnx, find, load_generator, save
from colourise.models.library import pull


@pytest.mark.parametrize("half", [False, True])
def test_saved_generator_comes_back(tmp_path: Path, generator: torch.nn.Module, half: bool) -> None:
    saved = save(generator, tmp_path / "new" / "tiny", CARD, half=half)
    loaded = load_generator(find(tmp_path / "new", need="safetensors"))
    assert not loaded.training
    for name, tensor in generator.state_dict().items():
        other = loaded.state_dict()[name]
        assert other.dtype == tensor.dtype
        rounded = tensor.half().float() if half and tensor.dim() > 1 else tensor
        assert torch.equal(other, rounded), name
    assert saved.weights is not None
    assert sorted(path.name for path in saved.weights.parent.iterdir()) == ["tiny.json", "tiny.safetensors"]
    assert (replace(saved.card, sha256={}), list(saved.card.sha256)) == (CARD, [".safetensors"])


def test_state_dict_in_odd_memory_is_saved(tmp_path: Path, generator: torch.nn.Module) -> None:
    state = generator.to(memory_format=torch.channels_last).state_dict()
    loaded = load_generator(save(state, tmp_path / "tiny", CARD)).state_dict()
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in state.items())


def test_card_asks_for_no_pretrained_weights(tmp_path: Path, generator: torch.nn.Module) -> None:
    arguments = CARD.arguments | {"pretrained": "foreign.bin"}
    loaded = load_generator(save(generator, tmp_path / "tiny", replace(CARD, arguments=arguments)))
    assert torch.equal(loaded.downs[0][0].weight, generator.downs[0][0].weight)


@pytest.mark.parametrize(
    "path", ["run", "run/tiny", "run/tiny.safetensors", "run/tiny.onnx", "run/tiny.json"]
)
def test_every_path_to_a_checkpoint_finds_it(run: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.chdir(run.parent)
    everything = Checkpoint(
        Card.read(run / "tiny.json"), "run/tiny.json", Path("run/tiny.safetensors"), Path("run/tiny.onnx")
    )
    assert find(path, need="all") == everything
    assert find(path) == find(path, need="onnx") == replace(everything, weights=None)
    assert find(path, need="safetensors") == replace(everything, onnx=None)


def test_stem_may_hold_a_dot(tmp_path: Path, generator: torch.nn.Module) -> None:
    weights = save(generator, tmp_path / "run.v1", CARD).weights
    assert weights == tmp_path / "run.v1.safetensors"
    assert find(tmp_path / "run.v1").weights == find(tmp_path).weights == weights


def test_onnx_of_earlier_weights_no_longer_counts(run: Path, generator: torch.nn.Module) -> None:
    save(generator, run / "tiny", CARD)
    assert find(run).weights == run / "tiny.safetensors"
    with pytest.raises(ModelError) as error:
        find(run, need="onnx")
    assert "colourise export" in line_of(error)


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_changed_file_is_refused(run: Path, suffix: str) -> None:
    flip_last_byte(run / f"tiny{suffix}")
    need = "onnx" if suffix == ".onnx" else "safetensors"
    with pytest.raises(ModelError, match="sha256") as error:
        find(run, need=need)
    assert f"tiny{suffix}" in line_of(error)
    assert (run / f"tiny{suffix}").is_file()


def test_missing_file_is_named(run: Path) -> None:
    (run / "tiny.onnx").unlink()
    assert find(run).weights == run / "tiny.safetensors"
    with pytest.raises(ModelError, match=r"\.onnx file is missing"):
        find(run, need="onnx")
    with pytest.raises(ModelError, match=r"tiny\.onnx: no such file"):
        add_onnx(run / "tiny")
    (run / "tiny.json").unlink()
    with pytest.raises(ModelError, match=r"tiny\.json: no readable card"):
        find(run / "tiny.safetensors")


def test_weights_must_fit_to_the_letter(run: Path, generator: torch.nn.Module) -> None:
    state = dict(generator.state_dict())
    state["odd.weight"] = state.pop("downs.0.0.weight")
    save(state, run / "tiny", CARD)
    with pytest.raises(ModelError) as error:
        load_generator(find(run))
    assert "odd.weight" in line_of(error)
    assert "downs.0.0.weight" in line_of(error)
    save(generator, run / "tiny", replace(CARD, arguments={"levels": 3, "width": 8}))
    with pytest.raises(ModelError, match="size mismatch") as error:
        load_generator(find(run))
    line_of(error)


@pytest.mark.parametrize(
    "change", [{"architecture": "nonesuch"}, {"arguments": {"depth": 3}}, {"arguments": {"levels": -1}}]
)
def test_architecture_that_cannot_be_built(
    run: Path, generator: torch.nn.Module, change: dict[str, object]
) -> None:
    save(generator, run / "tiny", replace(CARD, **change))  # type: ignore[arg-type]
    with pytest.raises(ModelError):
        load_generator(find(run))


def test_damaged_safetensors_with_the_right_hash(run: Path) -> None:
    checkpoint = find(run, need="safetensors")
    assert checkpoint.weights is not None
    checkpoint.weights.write_bytes(checkpoint.weights.read_bytes()[:-100])
    with pytest.raises(ModelError, match="damaged") as error:
        load_generator(checkpoint)
    line_of(error)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no JSON", "no readable card"),
        ("[1]", "one JSON object"),
        ({"licence": None}, "licence"),
        ({"input_size": True}, "input_size"),
        ({"sha256": {"/../../x": "0"}}, "sha256"),
        ({"surprise": 1}, "surprise"),
        ({"name": ...}, "name"),
    ],
)
def test_card_that_is_none(run: Path, text: str | dict[str, object], words: str) -> None:
    path = run / "tiny.json"
    if isinstance(text, dict):
        values = json.loads(path.read_text()) | text
        text = json.dumps({key: value for key, value in values.items() if value is not ...})
    path.write_text(text)
    with pytest.raises(ModelError, match=words) as error:
        find(run)
    assert "tiny.json" in line_of(error)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("colourise-v44", "did you mean colourise-v4"),
        ("zzz", "known models: colourise-v5, colourise-v4"),
        ("colourise-v4", "reinstall"),
        ("old/net.pth", "never unpickles"),
        ("run/tiny.resume.pt", "never unpickles"),
        ("gone.safetensors", "no such checkpoint"),
        ("run/gone.onnx", "no such checkpoint"),
        ("../no/such/run", "no such checkpoint"),
        ("empty", "no checkpoint in this folder"),
        ("two", "several checkpoints (a, b)"),
    ],
)
def test_model_that_is_none(run: Path, monkeypatch: pytest.MonkeyPatch, model: str, words: str) -> None:
    monkeypatch.chdir(run.parent)
    monkeypatch.setattr(catalogue, "SHIPPED", ())
    Path("empty").mkdir()
    Path("two").mkdir()
    for name in ("a.json", "a.onnx", "b.json", "b.safetensors"):
        Path("two", name).touch()
    with pytest.raises(ModelError) as error:
        find(model)
    assert words in line_of(error)
    assert model in line_of(error)


def test_shipped_model_yields_to_a_path(
    run: Path, tmp_path: Path, generator: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = save(generator, tmp_path / "weights" / "colourise-v4", CARD)
    monkeypatch.setattr(catalogue, "SHIPPED", (tmp_path / "none", tmp_path / "weights"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert find("colourise-v4") == pull("colourise-v4") == shipped
    run.rename("colourise-v4")
    assert find("colourise-v4").source == "colourise-v4/tiny.json"


def test_local_checkpoint_is_found_with_the_standard_library(run: Path) -> None:
    code = (
        "import sys; from colourise.models import checkpoints; checkpoints.find(sys.argv[1], need='all');"
        "print(sorted({'torch', 'numpy', 'huggingface_hub', 'safetensors'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, run], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n", done.stderr
