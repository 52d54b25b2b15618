"""Tests that need Ray."""

from collections.abc import Callable
from importlib.util import find_spec

import pytest


def with_ray(test: Callable[..., None]) -> Callable[..., None]:
    """Marks a test that needs Ray, some of whose own warnings come only when its objects are garbage."""
    needed = pytest.mark.skipif(
        find_spec("ray") is None or find_spec("pyarrow") is None,
        reason="Ray is not installed: pip install 'colourise[ray]'",
    )
    return needed(pytest.mark.filterwarnings("ignore")(test))
