"""Imports point one way, and the core knows no framework: proved from the sources alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import django_autoreload_plus

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(django_autoreload_plus.__file__).parent
REPOSITORY = Path(__file__).parent.parent
#: Documents that lead people who work on the code to its files.
GUIDES = ("CONTRIBUTING.md", "docs/architecture.md", "docs/noticing.md")
#: From the top down. A module imports only what stands in its own folder or below it; what
#: stands side by side does not know of each other.
LAYERS = (
    {"__main__", "apps", "management"},
    {"cli"},
    {"adapter"},
    {"autoreload", "status", "report"},
    {"supervisor", "child"},
    {"watcher", "swap", "failure"},
    {"protocol"},
    {"options", "own_code"},
    {"clock", "editors", "exhaustive", "paths", "records", "usage", "__init__"},
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
#: Words of a framework, which the core must not know.
FOREIGN = ("django", "runserver", "installed_apps", "manage.py")
#: What may name them: the package itself and the conventions that it follows.
ALLOWED = (
    "django_autoreload_plus",
    "django-autoreload-plus",
    "Django's",
)
SOURCES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
CORE = [name for name in SOURCES if RANK[Path(name).parts[0].removesuffix(".py")] > RANK["adapter"]]


def imported(name: str) -> Iterator[str]:
    """Yield the dotted name of each module, or name in a module, that a source imports."""
    package = ["django_autoreload_plus", *Path(name).parts[:-1]]
    for node in ast.walk(ast.parse((PACKAGE / name).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            parts = [*base, *filter(None, [node.module])]
            yield from (".".join([*parts, alias.name]) for alias in node.names)


@pytest.mark.parametrize("name", SOURCES)
def test_imports_point_downwards(name: str) -> None:
    """A module could not be understood, or replaced, without those that use it."""
    here = Path(name).parts[0].removesuffix(".py")
    for target in imported(name):
        package, _, rest = target.partition(".")
        there = rest.partition(".")[0]
        if package == "django":
            assert name not in CORE, target
        if package != "django_autoreload_plus" or there == here or there not in RANK:
            continue
        assert RANK[there] > RANK[here], f"{name} imports {target}"


def test_no_circle_of_imports() -> None:
    """Two modules that need each other are one, in two places; for types alone, too."""
    modules = {_dotted(name): name for name in SOURCES}
    unresolved = {
        module: {
            t for target in imported(name) if (t := _module(target, modules)) not in ("", module)
        }
        for module, name in modules.items()
    }
    while unresolved:
        leaves = [module for module, needs in unresolved.items() if not needs & unresolved.keys()]
        assert leaves, sorted(unresolved)
        for module in leaves:
            del unresolved[module]


def _dotted(name: str) -> str:
    parts = ["django_autoreload_plus", *Path(name).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _module(target: str, modules: dict[str, str]) -> str:
    """The module that a dotted name is, or is defined in."""
    return next((name for name in (target, target.rpartition(".")[0]) if name in modules), "")


def test_no_two_classes_share_a_name() -> None:
    """Whoever reads of one would look at the other."""
    where: dict[str, list[str]] = {}
    for name in SOURCES:
        for node in ast.parse((PACKAGE / name).read_text(encoding="utf-8")).body:
            # Django finds a command by the name of its file, and each is named alike.
            if isinstance(node, ast.ClassDef) and node.name != "Command":
                where.setdefault(node.name, []).append(name)
    assert not {name: files for name, files in where.items() if len(files) > 1}


def test_a_watcher_is_made_anew_for_each_option_that_it_reads() -> None:
    """An edit of the settings would change such an option for the next command only."""
    read = {
        node.attr
        for path in (PACKAGE / "watcher").rglob("*.py")
        for node in attributes(ast.parse(path.read_text(encoding="utf-8")))
        if ast.unparse(node.value).endswith("options")
    }
    options = ast.parse((PACKAGE / "options.py").read_text(encoding="utf-8"))
    (method,) = (
        node
        for node in ast.walk(options)
        if isinstance(node, ast.FunctionDef) and node.name == "for_watcher"
    )
    assert read == {node.attr for node in attributes(method)}


def attributes(tree: ast.AST) -> Iterator[ast.Attribute]:
    """Yield every attribute that code reads."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Attribute))


@pytest.mark.parametrize("name", CORE)
def test_the_core_knows_no_framework(name: str) -> None:
    """A program without Django would be run by rules that are Django's."""
    text = (PACKAGE / name).read_text(encoding="utf-8")
    for words in ALLOWED:
        text = text.replace(words, "").replace(words.upper().replace("-", "_"), "")
    found = [word for word in FOREIGN if word in text.lower()]
    assert not found


@pytest.mark.parametrize("name", GUIDES)
def test_guides_name_files_that_exist(name: str) -> None:
    """Whoever follows them would look for what was moved long ago."""
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    # What comes before is for users, and names files of theirs.
    named = re.findall(r"`([\w/]+(?:\.py|/))`", text.partition("## How it works")[2] or text)
    assert named
    known = {f"/{PACKAGE.name}/{path.relative_to(PACKAGE)}" for path in PACKAGE.rglob("*")}
    for folder in ("tests", "docs"):
        known |= {f"/{path.relative_to(REPOSITORY)}" for path in (REPOSITORY / folder).rglob("*")}
    missing = [
        path for path in named if not any(one.endswith(f"/{path.strip('/')}") for one in known)
    ]
    assert not missing
