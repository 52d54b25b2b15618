"""What tests of training need: photos, loss networks, and a fresh accelerate each."""

import pytest
from helpers.loss_networks import caches as caches, loss_network as loss_network
from helpers.training import made_photos


@pytest.fixture(autouse=True)
def fresh_accelerate():
    """Let every test choose its precision: accelerate fixes it for a process."""
    from accelerate.state import AcceleratorState

    yield
    AcceleratorState._reset_state()


@pytest.fixture
def photos(tmp_path):
    """Twelve photos of a few colours each."""
    return made_photos(tmp_path / "photos")
