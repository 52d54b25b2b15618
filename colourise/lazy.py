"""Public names of a package, each imported from its module when it is first used.

So `import colourise` takes no time, and importing one light module of a wing does not load the heavy ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazily(
    package: str, homes: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make a package's `__getattr__`, `__dir__` and `__all__` (PEP 562).

    Args:
        package: its `__name__`.
        homes: its modules, each with the public names that it holds.
    """
    modules = {name: module for module, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    public = sorted(modules)
    return find, lambda: public, public
