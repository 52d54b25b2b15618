import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from helpers.hub import TOKEN, Hub, client_of, environment, serve

from colourise.errors import HubError, ModelError
from colourise.models import catalogue, checkpoints
from colourise.models.card import Card
from colourise.models.catalogue import Known
from colourise.models.checkpoints import Checkpoint, add_onnx, find, load_generator, save
from colourise.models.library import known, pull, push
from colourise.models.networks import registry

ROOT = Path(checkpoints.__file__).parents[2]  # where this very package can be imported from
CARD = Card(
    name="tiny",
    architecture="unet",
    arguments={"levels": 3, "width": 4},
    input_size=32,
    data="None: random weights (“noise”) for tests.",
    recipe={"name": "none", "steps": 0},
    scores={"photos": "12 of ours", "psnr_ab": 26.123456, "js": {"a": 0.1, "b": 0.2}},
    licence="MIT",
)


@pytest.fixture
def generator() -> torch.nn.Module:
    torch.manual_seed(0)
    return registry.build(CARD.architecture, **CARD.arguments).eval()


@pytest.fixture
def run(tmp_path: Path, generator: torch.nn.Module) -> Path:
    """A run's folder, with a checkpoint of all three files."""
    folder = tmp_path / "run"
    save(generator, folder / "tiny", CARD)
    (folder / "tiny.onnx").write_bytes(b"stands for an ONNX network" * 1000)
    add_onnx(folder / "tiny")
    (folder / "tiny.resume.pt").touch()
    (folder / "log.json").write_text("{}")
    return folder


def files_of(run: Path, **card: object) -> dict[str, bytes]:
    """A run's files under the names they have on the Hub."""
    files = {f"model{path.suffix}": path.read_bytes() for path in run.glob("tiny.*") if path.suffix != ".pt"}
    files["model.json"] = json.dumps(json.loads(files["model.json"]) | card).encode()
    return files


def flip_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def message(error: pytest.ExceptionInfo[ModelError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    return text


# --- on this machine ---------------------------------------------------------------------------------------


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
    load_generator(save(state, tmp_path / "tiny", CARD))


def test_card_asks_for_no_pretrained_weights(tmp_path: Path, generator: torch.nn.Module) -> None:
    arguments = CARD.arguments | {"pretrained": "foreign.bin"}
    load_generator(save(generator, tmp_path / "tiny", replace(CARD, arguments=arguments)))


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
    assert "colourise export" in message(error)


@pytest.mark.parametrize("suffix", [".safetensors", ".onnx"])
def test_changed_file_is_refused(run: Path, suffix: str) -> None:
    flip_last_byte(run / f"tiny{suffix}")
    need = "onnx" if suffix == ".onnx" else "safetensors"
    with pytest.raises(ModelError, match="sha256") as error:
        find(run, need=need)
    assert f"tiny{suffix}" in message(error)
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
    assert "odd.weight" in message(error)
    assert "downs.0.0.weight" in message(error)
    save(generator, run / "tiny", replace(CARD, arguments={"levels": 3, "width": 8}))
    with pytest.raises(ModelError, match="size mismatch") as error:
        load_generator(find(run))
    message(error)


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
    message(error)


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
    assert "tiny.json" in message(error)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("colourise-v5", "did you mean colourise-v4"),
        ("zzz", "known models: colourise-v4"),
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
    assert words in message(error)
    assert model in message(error)


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


# --- on the Hub --------------------------------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    with serve() as server, client_of(server, tmp_path / "home"):
        yield server


def cached_files(tmp_path: Path) -> list[str]:
    """What a person would find in the client's cache, locks and notes left out."""
    paths = (tmp_path / "home" / "hub").glob("models--*/**/*")
    return sorted(path.name for path in paths if path.is_symlink() or "blobs" in path.parent.parts)


def test_repository_is_downloaded_once(hub: Hub, run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    commit = hub.commit("owner/repo", files_of(run))
    first = find("owner/repo")
    assert first.source == f"owner/repo@{commit}"
    assert first.weights is None
    assert first.onnx is not None
    assert first.onnx.read_bytes() == (run / "tiny.onnx").read_bytes()
    assert not any("safetensors" in request for request in hub.requests)
    load_generator(find("owner/repo", need="safetensors"))
    hub.requests.clear()
    for model in ("owner/repo", "owner/repo@main", f"owner/repo@{commit}"):
        assert find(model) == first
    assert hub.requests == []
    assert capfd.readouterr() == ("", "")


def test_branch_moves_with_pull_alone(hub: Hub, run: Path, generator: torch.nn.Module) -> None:
    old = hub.commit("owner/repo", files_of(run))
    assert find("owner/repo").source == f"owner/repo@{old}"
    save(generator.requires_grad_(False).apply(torch.nn.Module.half), run / "tiny", CARD)
    new = hub.commit("owner/repo", files_of(run))
    later = find("owner/repo", need="safetensors")  # not there yet: the old commit's, as the card is
    assert later.source == f"owner/repo@{old}"
    assert pull("owner/repo", progress=False).source == f"owner/repo@{new}"
    assert find("owner/repo").source == f"owner/repo@{new}"
    assert find(f"owner/repo@{old}").source == f"owner/repo@{old}"
    hub.commit("owner/repo", files_of(run, sha256={".onnx": "0" * 64}))
    with pytest.raises(ModelError, match="sha256"):
        pull("owner/repo", progress=False)
    assert find("owner/repo").source == f"owner/repo@{new}"  # a failed pull takes nothing away


def test_cached_model_needs_no_network(tmp_path: Path, run: Path) -> None:
    with serve() as server, client_of(server, tmp_path / "home"):
        server.commit("owner/repo", files_of(run))
        there = find("owner/repo")
        server.stop()
        assert find("owner/repo") == there
        start = time.monotonic()
        for model in ("owner/repo", "owner/other"):
            with pytest.raises(HubError, match="transfer failed") as error:
                pull(model)
            message(error)
        assert time.monotonic() - start < 5  # the client alone would take 23 s


def test_offline_mode_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    huggingface_hub.close_session()
    with pytest.raises(HubError, match="HF_HUB_OFFLINE") as error:
        find("owner/repo")
    message(error)


def test_known_model_is_pinned(hub: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_of(run)
    pinned = hub.commit("owner/repo", files)
    hub.commit("owner/repo", {"model.onnx": b"something newer"})
    row = Known("owner/repo", pinned, hashlib.sha256(files["model.json"]).hexdigest())
    monkeypatch.setitem(catalogue.MODELS, "tiny", row)
    assert pull("tiny", progress=False) == find("tiny", need="all")
    assert find("tiny").source == f"owner/repo@{pinned}"
    monkeypatch.setitem(catalogue.MODELS, "tiny", replace(row, sha256="0" * 64))
    with pytest.raises(ModelError, match="sha256"):
        find("tiny")
    assert not [name for name in cached_files(tmp_path) if name.endswith(".json")]


def test_file_with_another_hash_is_not_kept(hub: Hub, run: Path, tmp_path: Path) -> None:
    good = files_of(run)
    hub.commit("owner/repo", good | {"model.onnx": b"not what the card says"})
    with pytest.raises(ModelError, match="removed from the cache") as error:
        find("owner/repo")
    message(error)
    assert "model.onnx" not in cached_files(tmp_path)
    assert len(cached_files(tmp_path)) == 2  # the card and its blob
    hub.commit("owner/repo", good)
    pull("owner/repo", progress=False)


def test_damage_in_the_cache_heals(hub: Hub, run: Path) -> None:
    hub.commit("owner/repo", files_of(run))
    onnx = find("owner/repo").onnx
    assert onnx is not None
    flip_last_byte(onnx)
    with pytest.raises(ModelError, match="removed from the cache"):
        find("owner/repo")
    assert find("owner/repo").onnx == onnx


def test_broken_download_is_resumed(hub: Hub, run: Path) -> None:
    hub.commit("owner/repo", files_of(run))
    hub.breaks = 1
    find("owner/repo")
    assert [request.split("/")[0] for request in hub.requests if "/blob/" in request] == ["GET ", "GET "]


def test_dead_download_leaves_nothing(
    hub: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.commit("owner/repo", files_of(run))
    hub.dead_half = True
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    with pytest.raises(HubError, match="transfer failed") as error:
        find("owner/repo")
    message(error)
    assert len(cached_files(tmp_path)) == 2  # the card and its blob
    hub.dead_half = False
    find("owner/repo")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("owner/nonesuch", "no such repository"),
        ("owner/private", "hf auth login"),
        ("owner/gated", "ask for access"),
        ("owner/repo@v9", "no such revision"),
        ("owner/other", "has no model.json"),
        ("owner/torn", "has no model.onnx"),
        ("owner/strange", "no readable card"),
        ("owner/-repo", "not a name"),
    ],
)
def test_repository_without_a_model(hub: Hub, run: Path, model: str, words: str) -> None:
    files = files_of(run)
    for name in ("owner/private", "owner/gated", "owner/repo"):
        hub.commit(name, files)
    hub.repositories["owner/private"].private = True
    hub.repositories["owner/gated"].gated = True
    hub.commit("owner/other", {"pytorch_model.bin": b"pickled"})
    hub.commit("owner/torn", {name: data for name, data in files.items() if name != "model.onnx"})
    hub.commit("owner/strange", {"model.json": b"?"})
    with pytest.raises(ModelError) as error:
        find(model)
    assert words in message(error)
    assert model.replace("/", "--") in message(error) or model in message(error)


def test_tokens(hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.commit("owner/repo", files_of(run))
    hub.repositories["owner/repo"].private = True
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    with pytest.raises(HubError, match="401 Unauthorized; log in"):
        find("owner/repo")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    find("owner/repo")


def test_hub_that_is_down(hub: Hub) -> None:
    hub.status = 503
    with pytest.raises(HubError, match="answered 503 Service Unavailable; try again later"):
        find("owner/repo")


def test_known_lists_what_is_where(
    hub: Hub, run: Path, tmp_path: Path, generator: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = save(generator, tmp_path / "weights" / "colourise-v4", CARD)
    monkeypatch.setattr(catalogue, "SHIPPED", (tmp_path / "weights",))
    old = hub.commit("owner/repo", files_of(run))
    monkeypatch.setitem(catalogue.MODELS, "pinned", Known("owner/repo", old))
    monkeypatch.setitem(catalogue.MODELS, "remote", Known("owner/remote", "0" * 40))
    assert [(row.name, row.where, row.size) for row in known()][1:] == [
        ("pinned", "on the Hub", None),
        ("remote", "on the Hub", None),
    ]
    pull("pinned", progress=False)
    hub.commit("owner/repo", files_of(run, name="newer"))
    pull("owner/repo", progress=False)
    hub.commit("owner/other", {"model.json": b"{}"})
    with pytest.raises(ModelError):
        find("owner/other")
    hub.requests.clear()
    rows = {row.name: row for row in known()}
    assert hub.requests == []
    assert [(row.name, row.where) for row in rows.values()] == [
        ("colourise-v4", "shipped"),
        ("pinned", "cached"),
        ("remote", "on the Hub"),
        ("owner/repo", "cached"),
    ]
    assert shipped.weights is not None
    assert rows["colourise-v4"].size == shipped.weights.stat().st_size
    assert rows["pinned"].card == Card.read(run / "tiny.json")
    assert rows["owner/repo"].card is not None
    assert rows["owner/repo"].card.name == "newer"


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the client's own
@pytest.mark.parametrize("private", [False, True])
def test_pushed_checkpoint_can_be_pulled(
    hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch, private: bool
) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    assert push("owner/new", run, private=private) == f"{hub.url}/owner/new"
    assert push("owner/new", run / "tiny") == f"{hub.url}/owner/new"  # again: the repository is there
    repository = hub.repositories["owner/new"]
    assert repository.private is private
    files = repository.commits[repository.main]
    assert files.keys() == {"README.md", "model.json", "model.onnx", "model.safetensors"}
    pulled = pull("owner/new", progress=False)
    assert pulled.card == Card.read(run / "tiny.json")
    load_generator(pulled)
    readme = files["README.md"].decode()
    assert readme.startswith("---\nlicense: mit\nlibrary_name: colourise\npipeline_tag: image-to-image\n")
    for part in ("colourise photo.jpg --model owner/new", CARD.data, "| psnr_ab | 26.12 |", "| js a | 0.1 |"):
        assert part in readme


def test_push_that_cannot_be(hub: Hub, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(HubError, match="hf auth login"):
        push("owner/new", run)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with pytest.raises(HubError, match="403 Forbidden; log in") as error:
        push("stranger/new", run)
    message(error)
    with pytest.raises(HubError, match="not a name"):
        push("a/b/c", run)
    flip_last_byte(run / "tiny.onnx")
    with pytest.raises(ModelError, match="sha256"):
        push("owner/new", run)
    assert hub.repositories == {}


def test_settings_of_the_client_hold(hub: Hub, run: Path, tmp_path: Path) -> None:
    commit = hub.commit("owner/repo", files_of(run))
    hub.breaks = 1  # the client would warn of it
    code = "from colourise.models import library; print(library.pull('owner/repo').source)"
    settings = environment(hub, tmp_path / "another home") | {"PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=settings, check=True
    )
    assert done.stdout == f"owner/repo@{commit}\n"
    assert done.stderr == ""
    assert (tmp_path / "another home" / "hub").is_dir()
