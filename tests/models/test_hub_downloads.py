"""Checkpoints on the Hub: downloaded once, checked, and each refusal in one line."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from helpers.checkpoints import cached_files, files_of, flip_last_byte, line_of
from helpers.hub import TOKEN, Hub

from colourise.errors import HubError, ModelError
from colourise.models import catalogue
from colourise.models.catalogue import HubModel
from colourise.models.checkpoints import find, load_generator
from colourise.models.library import pull


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


def test_offline_mode_is_said(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    huggingface_hub.close_session()
    with pytest.raises(HubError, match="HF_HUB_OFFLINE") as error:
        find("owner/repo")
    line_of(error)


def test_known_model_is_pinned(hub: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = files_of(run)
    pinned = hub.commit("owner/repo", files)
    hub.commit("owner/repo", {"model.onnx": b"something newer"})
    row = HubModel("owner/repo", pinned, hashlib.sha256(files["model.json"]).hexdigest())
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
    line_of(error)
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
    line_of(error)
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
    assert words in line_of(error)
    assert model.replace("/", "--") in line_of(error) or model in line_of(error)


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
