"""The house: imports run downhill, whoever asks and whenever."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "colourise"
LAYERS = (  # from the top; a wing imports from its own line's own rooms and from the lines below
    ("cli",),
    ("api",),
    ("training",),
    ("evaluation",),
    ("films", "archives"),
    ("data",),
    ("colouriser",),
    ("images",),
    ("models",),
    ("files",),
    ("lab",),
    ("extras", "interrupts", "words"),
    ("errors", "lazy", "version"),
)
HEIGHT = {wing: -number for number, layer in enumerate(LAYERS) for wing in layer}
DOORS = ("__init__", "__main__")  # of the package: they lead everywhere


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.stem not in DOORS)


def wing(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[str]:
    """Every module of ours that a file imports, wherever it does."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "colourise":
            for alias in node.names:
                name = f"{node.module}.{alias.name}".removeprefix("colourise").removeprefix(".")
                yield name
        elif isinstance(node, ast.Import):
            yield from (alias.name[10:] for alias in node.names if alias.name.startswith("colourise."))


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_run_downhill(path: Path) -> None:
    ours = wing(path)
    for name in imported(path):
        theirs = name.split(".")[0]
        if theirs not in HEIGHT:  # a public name of the package
            assert ours == "cli", f"{path}: imports {name} through the front door"
            continue
        assert theirs == ours or HEIGHT[theirs] < HEIGHT[ours], f"{path} imports {name}, which is not below"


def test_no_module_imports_itself_by_a_circle() -> None:
    """Also inside a wing."""
    names = {
        path: path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".") for path in modules()
    }
    known = set(names.values())
    edges: dict[str, set[str]] = {}
    for path, name in names.items():
        for target in imported(path):
            while target and target not in known:
                target = target.rpartition(".")[0]
            if target and target != name:
                edges.setdefault(name, set()).add(target)
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"a circle: {' -> '.join([*way[way.index(name) :], name])}"
        if name not in done:
            for target in sorted(edges.get(name, ())):
                visit(target, (*way, name))
            done.add(name)

    for name in sorted(known):
        visit(name, ())


def test_every_wing_has_its_place() -> None:
    assert {wing(path) for path in modules()} == HEIGHT.keys()


LONGEST_MODULE, LONGEST_FUNCTION = 450, 80  # lines; of a function, those after its signature and docstring


def test_no_room_is_overfull() -> None:
    overfull = []
    for path in modules():
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > LONGEST_MODULE:
            overfull.append(path.name)
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                first = node.body[min(len(node.body) - 1, ast.get_docstring(node) is not None)]
                if node.end_lineno is not None and node.end_lineno - first.lineno >= LONGEST_FUNCTION:
                    overfull.append(f"{path.name}: {node.name}")
    assert not overfull


def test_test_files_have_names_of_their_own() -> None:
    """pytest imports them by their bare names."""
    names = [path.name for path in Path(__file__).parent.rglob("test_*.py")]
    assert not {name for name in names if names.count(name) > 1}
