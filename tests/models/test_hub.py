"""A Hub that lies: whatever a server says, nothing outside the cache is read, written or removed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.hub import Hub, client_of, serve

from colourise.errors import HubError, ModelError
from colourise.models import checkpoints, hub

UP = "../" * 40


@pytest.fixture
def liar(tmp_path: Path, tiny_model: Path) -> Iterator[Hub]:
    """A Hub with one whole model."""
    files = {"model.json": tiny_model.with_suffix(".json").read_bytes()}
    for suffix in (".safetensors", ".onnx"):
        files[f"model{suffix}"] = tiny_model.with_suffix(suffix).read_bytes()
    with serve() as server, client_of(server, tmp_path / "home"):
        server.commit("owner/repo", files)
        yield server


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and "home" not in path.relative_to(folder).parts
    }


@pytest.mark.parametrize("header", ["ETag", "X-Linked-ETag", "X-Repo-Commit"])
@pytest.mark.parametrize(
    "value", ["VICTIM", f"{UP}VICTIM", "a/b", "..", "", "a\\b", "C:evil", "a" * 40 + "/.."]
)
def test_a_header_that_leads_out_of_the_cache_is_refused(
    liar: Hub, tmp_path: Path, header: str, value: str
) -> None:
    victim = tmp_path / "victim" / "letter.txt"
    victim.parent.mkdir()
    victim.write_text("dear grandmother")
    liar.lies[header] = f'"{value.replace("VICTIM", str(victim))}"' if "ETag" in header else value
    before = everything(tmp_path)
    with pytest.raises(HubError, match="do not trust it") as refused:
        checkpoints.find("owner/repo", need="all")
    assert len(str(refused.value).splitlines()) == 1
    assert everything(tmp_path) == before


@pytest.mark.parametrize("length", ["-5", "1e9", "9" * 30, str(10**14)])
def test_a_length_that_is_none_is_refused(liar: Hub, length: str) -> None:
    liar.lies["X-Linked-Size"] = length
    with pytest.raises(HubError, match="X-Linked-Size"):
        checkpoints.find("owner/repo", need="all")


def test_a_card_without_end_is_given_up(liar: Hub) -> None:
    liar.endless = True
    with pytest.raises(HubError, match="sends more than such a file has"):
        checkpoints.find("owner/repo")


def test_a_card_that_says_it_is_large_is_not_fetched(liar: Hub) -> None:
    liar.commit("owner/large", {"model.json": b" " * (hub.CARD_LIMIT + 1)})
    with pytest.raises(HubError, match="Content-Length"):
        checkpoints.find("owner/large")


def test_what_a_link_in_the_cache_leads_to_is_left_alone(liar: Hub, tmp_path: Path) -> None:
    """As an older client, or somebody else, may have left it there."""
    found = checkpoints.find("owner/repo", need="onnx")
    assert found.onnx is not None
    letter = tmp_path / "letter.txt"
    letter.write_text("dear grandmother")
    found.onnx.unlink()
    found.onnx.symlink_to(letter)
    with pytest.raises(ModelError, match="leads out of the cache"):
        checkpoints.find("owner/repo", need="onnx")
    hub.discard(found.onnx)
    assert letter.read_text() == "dear grandmother"
    assert not found.onnx.exists()
    assert checkpoints.find("owner/repo", need="onnx").onnx == found.onnx  # and is fetched anew


def test_a_card_nested_without_end_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text("[" * 200_000)
    (tmp_path / "m.onnx").touch()
    with pytest.raises(ModelError, match="no readable card"):
        checkpoints.find(tmp_path / "m.onnx")
    (tmp_path / "m.json").write_text("{}" + " " * 2**20)
    with pytest.raises(ModelError, match="more than 1 MB"):
        checkpoints.find(tmp_path / "m.onnx")
