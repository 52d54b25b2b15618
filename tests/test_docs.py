"""README and docs/: links lead somewhere, commands parse, examples run."""

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pillow_heif
import pytest
import typer
from helpers import clips
from helpers.photos import PHOTOS, black_and_white
from PIL import Image
from typer.main import get_command
from typer.testing import Result

from colourise.cli.commands import app
from colourise.extras import missing

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
LOGS = [ROOT / "CHANGELOG.md", ROOT / "docs" / "training-log.md"]  # of what was, with commands of their day
GUIDES = [page for page in PAGES if page not in LOGS]
SENTENCE_ENDS = ".,;:"


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str = "") -> list[str]:
    """The fenced blocks of code of a page, in this language."""
    text = page.read_text(encoding="utf-8")
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, flags=re.MULTILINE | re.DOTALL)


def prose(page: Path) -> str:
    """A page without its fenced blocks of code."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^ *```\w*\n.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), flags=re.MULTILINE)
    texts = [re.sub(r"\[([^]]*)\](\([^)]*\))?", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


def links(page: Path) -> list[str]:
    """Targets of the links and pictures of a page, those of its references included."""
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"^\[[^]]+\]: (\S+)$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        place, _, anchor = link.partition("#")
        target = (page.parent / place).resolve() if place else page
        assert target.exists(), f"{name_of(page)}: {link} is not there"
        assert target.is_relative_to(ROOT), f"{name_of(page)}: {link} leads out of the repository"
        if anchor:
            assert anchor in anchors(target), f"{name_of(page)}: {link} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_references_are_defined(page: Path) -> None:
    text = re.sub(r"`[^`\n]*`", "", prose(page))
    defined = set(re.findall(r"^\[([^]]+)\]: ", text, flags=re.MULTILINE))
    used = set(re.findall(r"^## \[([^]]+)\]", text, flags=re.MULTILINE))
    assert used == defined


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "index.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in links(index)}
    assert {page.resolve() for page in PAGES if page != index} <= listed


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_tree_is_that_of_the_code() -> None:
    (tree,) = (block for block in blocks(ROOT / "docs" / "how-it-works.md") if block.startswith("colourise/"))
    shown, folder = set(), ROOT / "colourise"
    for line in tree.splitlines()[1:]:
        indent, name = len(line) - len(line.lstrip()), line.split()[0]
        folder = (ROOT / "colourise" / name) if indent == 2 else folder
        place = folder if indent == 2 else folder / name
        assert place.is_dir() if name.endswith("/") else place.is_file(), f"{line}: not there"
        shown.add(place.relative_to(ROOT / "colourise").parts[0])
    parts = {path.name for path in (ROOT / "colourise").iterdir() if not path.name.startswith("_")}
    assert shown == parts - {"py.typed", "weights"}


def test_tests_of_the_hosted_checks_are_there() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    commands = re.findall(r"run: pytest (.*)", workflow)
    commands += re.findall(r"bin/pytest (.+)", (ROOT / ".ci" / "run").read_text().replace("\\\n", ""))
    assert len(commands) == 3
    for command in commands:
        assert all((ROOT / place).exists() for place in command.split() if not place.startswith("-"))


def lines_of_shell(page: Path) -> Iterator[str]:
    """Every line of a page that might be typed: in blocks, with continued lines joined, and in the text."""
    for block in blocks(page) + blocks(page, "sh"):
        yield from block.replace("\\\n", " ").splitlines()
    for code in re.findall(r"`([^`\n]+)`", prose(page)):
        yield code.replace("\\|", "|")  # a bar in a table


def commands(page: Path) -> Iterator[list[str]]:
    """The arguments of every `colourise ...` on a page."""
    for line in lines_of_shell(page):
        if "colourise" not in line:
            continue
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set(";|&<>()"):
                yield from arguments(words)
                words = ["file"] if set(word) <= set("<>") else []  # what follows > is no command
            else:
                words.append(word)


def arguments(words: list[str]) -> Iterator[list[str]]:
    """The arguments of a simple command, if that is `colourise`."""
    words = words[1:] if words[:1] == ["do"] else words
    if words[:4] == ["accelerate", "launch", "-m", "colourise"]:
        words = words[3:]
    if words and words[0].rpartition("/")[2] == "colourise" and len(words) > 1:
        yield words[1:]


@pytest.mark.parametrize("page", GUIDES, ids=name_of)
def test_commands_parse(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for command in commands(page):
        for place in command:  # files and folders that a command may want to be there
            path = Path(place.rstrip(SENTENCE_ENDS))
            if not place.startswith("-") and "://" not in place and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch() if path.suffix else path.mkdir()
        try:
            parse(command)
        except typer.Exit:  # it has shown a page of help
            pass
        except Exception as err:
            reason = getattr(err, "message", err)
            pytest.fail(f"{name_of(page)}: colourise {shlex.join(command)}: {reason}", pytrace=False)


def parse(words: list[str]) -> None:
    """Parse a command line as the program would, down to its subcommand, and run nothing."""
    name: str | None = "colourise"
    command: Any = get_command(app)
    context = None
    words = [word for word in words if word != "--install-completion"]
    while words:  # else the command is only mentioned
        context = command.make_context(name, words, parent=context)
        if not hasattr(command, "resolve_command"):
            return
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])


def options(command: Any) -> Iterator[str]:
    """The longest name of every option of a command and of its subcommands."""
    for sub in getattr(command, "commands", {}).values():
        yield from options(sub)
    for parameter in command.params:
        if parameter.param_type_name == "option":
            yield max(parameter.opts, key=len)
            yield from parameter.secondary_opts


def test_every_option_is_documented() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in GUIDES)
    documented = set(re.findall(r"--[a-z][a-z0-9-]*", text))
    assert set(options(get_command(app))) - documented == set()


def test_wrong_commands_do_not_parse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for wrong in ("photo.jpg --sturation 1.3", "eval --data .  --codec av1", "photo.jpg --codec av2"):
        with pytest.raises(Exception, match=r"sturation|codec|av2"):
            parse(wrong.split())


TABLE = re.findall(r"^\| `(.+?)` \| ", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_table_of_the_readme_works_from_top_to_bottom(
    colourise: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Image.open(PHOTOS / "coffee.jpg") as photo:
        small = photo.convert("L").resize((60, 40))
    pillow_heif.register_heif_opener()
    for name in ("photo.jpg", "archive/1921/a.jpg", "a.tif", "b.heic", "album/c.png", "scan.tif", "old.jpg"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        small.save(name)
    clips.write(tmp_path / "film.mp4", clips.grey(clips.pan("rocket.jpg", 6)), sound=0.2)
    typed = [line.replace("\\|", "|") for line in TABLE if "colourise " in line]
    assert len(typed) >= 8
    for line in typed:
        if pipe := re.fullmatch(r"cat (\S+) \| colourise - > \S+", line):
            result = colourise("-", stdin=Path(pipe[1]).read_bytes())
        else:
            result = colourise(*shlex.split(line)[1:])
        assert result.exit_code == 0, f"{line}: {result.stderr}"


EXAMPLES = blocks(ROOT / "docs" / "python.md", "python")


COPIES = {  # photos that the examples name
    "photo.jpg": "chelsea.jpg",
    "archive/coffee.jpg": "coffee.jpg",
    "archive/1921/rocket.jpg": "rocket.jpg",
    "photos/astronaut.jpg": "astronaut.jpg",
    "photos/chelsea.jpg": "chelsea.jpg",
    "test/coffee.jpg": "coffee.jpg",
}


@pytest.fixture
def workplace(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the examples name: a photo, an archive, photos to learn from, a film, a model."""
    for place, photo in COPIES.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        old = place.startswith(("photo.jpg", "archive/"))
        (tmp_path / place).write_bytes(black_and_white(photo) if old else (PHOTOS / photo).read_bytes())
    clips.write(tmp_path / "film.mp4", clips.pan("rocket.jpg", 12), sound=0.5)
    run = tmp_path / "runs" / "mine"
    run.mkdir(parents=True)
    for file in tiny_model.parent.glob(f"{tiny_model.name}.*"):
        shutil.copy(file, run)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("place", range(len(EXAMPLES)))
def test_python_examples_run(place: int, workplace: Path) -> None:
    if "colourise.training" in EXAMPLES[place] and missing("train"):
        pytest.skip("needs colourise[train]")
    exec(compile(EXAMPLES[place], f"docs/python.md, example {place + 1}", "exec"), {"__name__": "example"})  # noqa: S102
