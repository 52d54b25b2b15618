"""PyTorch and ONNX Runtime: the same function, told apart honestly."""

import numpy as np
import pytest
import torch

from colourise.errors import DeviceError, ModelError
from colourise.models import checkpoints
from colourise.models.backends import OnnxBackend, TorchBackend, open_backend
from colourise.models.card import Card
from colourise.models.export import export
from colourise.models.networks import registry

CARD = Card("small", "encoder_unet", {"widths": [16, 16, 8, 8]}, 64, "nothing", {}, {}, "MIT")


@pytest.fixture(scope="module")
def stem(tmp_path_factory):
    """An encoder_unet of random weights, saved in half precision, without an ONNX file."""
    torch.manual_seed(0)
    generator = registry.build("encoder_unet", widths=(16, 16, 8, 8))
    torch.nn.init.normal_(generator.head.weight, 0, 1)
    stem = tmp_path_factory.mktemp("export") / "small"
    checkpoints.save(generator, stem, CARD, half=True)
    return stem


@pytest.fixture(scope="module")
def exported(stem):
    export(str(stem), stem.with_suffix(".onnx"))
    return stem


def test_an_export_beside_its_checkpoint_is_on_the_card(exported):
    found = checkpoints.find(str(exported), need="onnx")
    assert found.onnx == exported.with_suffix(".onnx")
    assert set(found.card.sha256) == {".safetensors", ".onnx"}


@pytest.mark.parametrize("shape", [(1, 1, 64, 64), (3, 1, 96, 64), (1, 1, 50, 70)])
def test_both_predict_the_same(exported, shape):
    onnx, _ = open_backend(str(exported), backend="onnx")
    torch_, _ = open_backend(str(exported), backend="torch", device="cpu", precision="fp32")
    L = np.random.default_rng(1).uniform(0, 100, shape).astype(np.float32)
    ab = onnx.predict_ab(L)
    assert ab.shape == (shape[0], 2, *shape[2:])
    assert ab.std() > 1
    assert np.abs(ab - torch_.predict_ab(L)).max() < 0.01


def test_a_file_that_is_there_stays(stem, tmp_path):
    (tmp_path / "there.onnx").write_text("precious")
    with pytest.raises(ModelError, match=r"there\.onnx: is there already; --overwrite makes it again"):
        export(str(stem), tmp_path / "there.onnx")
    assert (tmp_path / "there.onnx").read_text() == "precious"


def test_half_precision_export(tiny_model, tmp_path):
    stem, target = tiny_model, tmp_path / "half.onnx"
    worst = export(str(stem), target, form="fp16")
    assert 0 < worst < 1
    assert target.stat().st_size < 0.7 * (stem.with_suffix(".safetensors").stat().st_size * 2)
    half, card = open_backend(str(target))  # it got a card of its own
    assert (card.name, set(card.sha256)) == ("half", {".onnx"})
    whole, _ = open_backend(str(stem), backend="torch", device="cpu", precision="fp32")
    L = np.random.default_rng(1).uniform(0, 100, (1, 1, 64, 64)).astype(np.float32)
    assert 0 < np.abs(half.predict_ab(L) - whole.predict_ab(L)).max() < 1


def test_matrices_in_eight_bits(tmp_path):
    """The transformer shrinks, and colours stay what they were but for a little."""
    torch.manual_seed(0)
    arguments = {"widths": [8, 8, 4, 4], "token_width": 4}
    network = registry.build("token_unet", **arguments)
    for out in (*network.token_out, network.head):
        torch.nn.init.normal_(out.weight, std=0.05)
    card = Card("tokens", "token_unet", arguments, 64, "nothing", {}, {}, "MIT")
    stem = tmp_path / "tokens"
    checkpoints.save(network, stem, card)
    off = export(str(stem), stem.with_suffix(".onnx"), form="int8")
    assert 0 < off < 1
    size = sum(value.numel() * 4 for value in network.state_dict().values())
    assert stem.with_suffix(".onnx").stat().st_size < 0.4 * size
    whole, _ = open_backend(str(stem), backend="torch", device="cpu", precision="fp32")
    eight, _ = open_backend(str(stem), backend="onnx")
    L = np.random.default_rng(1).uniform(0, 100, (1, 1, 96, 64)).astype(np.float32)
    assert 0 < np.abs(eight.predict_ab(L) - whole.predict_ab(L)).mean() < 0.1 * whole.predict_ab(L).std()


def test_an_export_never_takes_another_models_place(exported, tmp_path):
    other = tmp_path / "other"
    generator = checkpoints.load_generator(checkpoints.find(str(exported), need="safetensors"))
    checkpoints.save(generator, other, CARD)
    with pytest.raises(ModelError, match=r"other\.onnx: lies beside the weights of another model"):
        export(str(exported), other.with_suffix(".onnx"))
    assert not other.with_suffix(".onnx").exists()


def test_an_export_that_differs_is_not_kept(stem, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "colourise.models.export.write_onnx", lambda generator, file, form: file.write_bytes(b"?")
    )
    monkeypatch.setattr("colourise.models.export.difference", lambda generator, file, form: 7.0)
    with pytest.raises(ModelError, match=r"off by 7\.000 \(allowed 0\.02\); not kept"):
        export(str(stem), tmp_path / "bad.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_runs_is_named(exported):
    assert open_backend(str(exported))[0].name == "ONNX Runtime on the CPU"
    assert (
        open_backend(str(exported), backend="torch", device="cpu", precision="fp32")[0].name
        == "PyTorch on cpu, fp32"
    )


def test_what_is_not_there_is_refused(exported):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    for backend in ("onnx", "torch"):
        with pytest.raises(DeviceError, match=r"cuda:0: .*--device cpu"):
            open_backend(str(exported), backend=backend, device="cuda:0")
    with pytest.raises(DeviceError, match="mps: PyTorch sees no Apple GPU"):
        open_backend(str(exported), device="mps")
    with pytest.raises(DeviceError, match="tpu: no such device; use auto, cpu, cuda, cuda:N or mps"):
        open_backend(str(exported), device="tpu")
    with pytest.raises(DeviceError, match="fp16: ONNX Runtime runs a file as it was exported"):
        open_backend(str(exported), backend="onnx", precision="fp16")
    with pytest.raises(DeviceError, match="fp16: this processor"):
        open_backend(str(exported), precision="fp16", device="cpu")


def test_a_model_without_an_onnx_file_runs_on_torch(stem, tmp_path):
    alone = tmp_path / "alone"
    generator = checkpoints.load_generator(checkpoints.find(str(stem), need="safetensors"))
    checkpoints.save(generator, alone, CARD)
    assert open_backend(str(alone), device="cpu")[0].name.startswith("PyTorch on cpu")
    with pytest.raises(ModelError, match="onnx"):
        open_backend(str(alone), backend="onnx")


def test_a_file_that_is_no_network_is_named(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    with pytest.raises(ModelError, match=r"bad\.onnx: ONNX Runtime cannot load it"):
        OnnxBackend(tmp_path / "bad.onnx", device="cpu")


@pytest.mark.gpu
def test_cuda_predicts_what_the_cpu_does(exported):
    L = np.random.default_rng(1).uniform(0, 100, (2, 1, 64, 64)).astype(np.float32)
    cpu = open_backend(str(exported), device="cpu")[0].predict_ab(L)
    for backend in ("onnx", "torch"):
        cuda, _ = open_backend(str(exported), backend=backend, device="cuda")
        assert "cuda" in cuda.name.lower()
        assert np.abs(cuda.predict_ab(L) - cpu).max() < 1


def test_bf16_is_close_to_fp32_where_the_processor_has_it(stem):
    generator = checkpoints.load_generator(checkpoints.find(str(stem), need="safetensors"))
    L = np.random.default_rng(1).uniform(0, 100, (1, 1, 64, 64)).astype(np.float32)
    try:
        fast = TorchBackend(generator, device="cpu", precision="bf16")
    except DeviceError:
        pytest.skip("this processor has no bf16")
    slow = TorchBackend(generator, device="cpu", precision="fp32")
    difference = np.abs(fast.predict_ab(L) - slow.predict_ab(L))
    assert difference.mean() < 0.1 * slow.predict_ab(L).std()
