"""The models there are: listed, pulled, pushed."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers.checkpoints import CARD, files_of, flip_last_byte, line_of
from helpers.commands import ROOT
from helpers.hub import TOKEN, Hub, client_of, environment, serve

from colourise.errors import HubError, ModelError
from colourise.models import catalogue
from colourise.models.card import Card
from colourise.models.catalogue import HubModel
from colourise.models.checkpoints import find, load_generator, save
from colourise.models.library import available_models, list_models, pull, push


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
            line_of(error)
        assert time.monotonic() - start < 5  # the client alone would take 23 s


def test_known_lists_what_is_where(
    hub: Hub, run: Path, tmp_path: Path, generator: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = save(generator, tmp_path / "weights" / "colourise-v4", CARD)
    monkeypatch.setattr(catalogue, "SHIPPED", (tmp_path / "weights",))
    old = hub.commit("owner/repo", files_of(run))
    monkeypatch.setitem(catalogue.MODELS, "pinned", HubModel("owner/repo", old))
    monkeypatch.setitem(catalogue.MODELS, "remote", HubModel("owner/remote", "0" * 40))
    assert [(row.name, row.where, row.size) for row in list_models()][1:] == [
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
    assert available_models() == ["colourise-v4", "pinned", "remote", "owner/repo"]
    rows = {row.name: row for row in list_models()}
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
    line_of(error)
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
