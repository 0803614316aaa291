"""What the documents say is so: settings, options, examples, codes, links.

The commands are run in ``tests/documented``.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from django_autoreload_plus import __version__
from django_autoreload_plus.adapter import conf
from django_autoreload_plus.adapter.checks import check_app_order
from django_autoreload_plus.cli.arguments import _parser
from django_autoreload_plus.options import Options
from django_autoreload_plus.protocol.reasons import KINDS
from django_autoreload_plus.records import fields
from documented.pages import BLOCK, PAGES, ROOT, blocks, languages

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import CodeType

# Settings


def test_every_setting_has_its_section() -> None:
    """Nobody would learn of an option, or its default would be another one."""
    sections = re.findall(
        r"^### `([A-Z_]+)`\n\nDefault: `(.+?)`\.", PAGES["docs/settings.md"], re.MULTILINE
    )
    expected = {
        field.name.upper(): list(field.default)
        if isinstance(field.default, tuple)
        else field.default
        for field in fields(Options)
    }
    assert {name: ast.literal_eval(value) for name, value in sections} == expected


@pytest.mark.parametrize("name", [field.name.upper() for field in fields(Options)])
def test_the_example_of_a_setting_sets_it(name: str, settings: Any) -> None:
    """A line that was copied would be refused, or change nothing."""
    section = PAGES["docs/settings.md"].partition(f"### `{name}`")[2].partition("\n#")[0]
    example = section.partition("```python\n")[2].partition("```")[0]
    scope: dict[str, Any] = {}
    exec(example.replace('os.environ.get("IN_VM", "")', '"1"'), scope)  # noqa: S102 - as an import would
    assert list(scope["AUTORELOAD_PLUS"]) == [name]
    settings.AUTORELOAD_PLUS = scope["AUTORELOAD_PLUS"]
    options, problems = conf.read()
    assert problems == []
    assert getattr(options, name.lower()) != getattr(Options(), name.lower())


def test_examples_are_in_languages_that_are_run() -> None:
    """An example in another language would be run by no test; without one it is output."""
    assert languages() <= {"", "python", "sh"}


@pytest.mark.parametrize("page", PAGES)
def test_examples_in_python_run(
    page: str, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copied example would fail, or name an option that does not exist."""
    monkeypatch.setenv("IN_VM", "1")
    for block in blocks(page, "python"):
        if "autoreload.main(" in block:
            script = tmp_path / "example.py"
            script.write_text(block, encoding="utf-8")
            subprocess.run([sys.executable, str(script)], check=True)
            continue
        scope: dict[str, Any] = {"os": os}
        for name in ("start_tunnel", "start_scheduler"):
            scope[name] = lambda: None
        for statement in ast.parse(block).body:
            exec(as_code(statement), scope)  # noqa: S102 - as an import would
            if "INSTALLED_APPS" in scope:
                settings.INSTALLED_APPS = scope.pop("INSTALLED_APPS")
                assert check_app_order() == []
            if "AUTORELOAD_PLUS" in scope:
                settings.AUTORELOAD_PLUS = scope.pop("AUTORELOAD_PLUS")
                assert conf.read()[1] == []


def as_code(statement: ast.stmt) -> CodeType:
    """Compile a statement; one that returns stands for a part of a function."""
    body = [statement]
    if any(isinstance(node, ast.Return) for node in ast.walk(statement)) and not isinstance(
        statement, ast.FunctionDef
    ):
        text = f"def example():\n{textwrap.indent(ast.unparse(statement), '    ')}\nexample()"
        body = ast.parse(text).body
    return compile(ast.Module(body=body, type_ignores=[]), "example", "exec")


@pytest.mark.parametrize("page", PAGES)
def test_options_that_are_mentioned_exist(page: str) -> None:
    """Somebody would look for an option that was renamed."""
    known = {field.name.upper() for field in fields(Options)}
    named = set(re.findall(r'`"([A-Z][A-Z_]{3,})": [^`]+`', PAGES[page]))
    assert named <= known


def test_options_of_the_command_line_have_their_row() -> None:
    """Nobody would learn of an option but by --help."""
    section = PAGES["docs/programs.md"].partition("\n## Options\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| (.+?) \|", section, re.MULTILINE))
    described = {option for cell in named for option in re.findall(r"`(--[a-z-]+)", cell)}
    known = {option for action in _parser()._actions for option in action.option_strings}
    # Read before the parser does: it is no option of a program that is run.
    assert described == known - {"-h", "--help", "--version"} | {"--status"}


# Sentences


def refusals(source: Path) -> Iterator[str]:
    """Yield each sentence of a swap's refusal, with X where something is inserted."""
    for function in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Reason":
                code, text = node.args
                if isinstance(code, ast.Constant) and str(code.value).startswith("AP1"):
                    yield from sentences(text, function)


def sentences(text: ast.expr, function: ast.FunctionDef) -> Iterator[str]:
    """Yield what an expression, or the name of one, may be."""
    if isinstance(text, ast.Constant):
        yield str(text.value)
    elif isinstance(text, ast.JoinedStr):
        parts = (str(p.value) if isinstance(p, ast.Constant) else "X" for p in text.values)
        yield "".join(parts)
    elif isinstance(text, ast.Name):
        for node in ast.walk(function):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == text.id:
                yield from sentences(node.value, function)


def test_each_refusal_of_a_swap_has_its_row() -> None:
    """Somebody who reads a sentence on the terminal would look for it in vain."""
    rows = PAGES["docs/swapping.md"].partition("\n## When it is refused\n")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (.+?) \|", rows, re.MULTILINE)
    known = [
        re.sub(r"(?:\\ )?…|\b[A-Z][A-Z.\\]*\b", ".+", re.escape(sentence))
        for cell in cells
        for sentence in re.findall(r"`(.+?)`", cell)
    ]
    package = ROOT / "django_autoreload_plus"
    sources = [*package.glob("swap/*.py"), *package.glob("supervisor/*.py")]
    found = {sentence for source in sources for sentence in refusals(source)}
    # Put together from parts that are chosen.
    found.remove("X X")
    assert len(found) > 50
    assert [text for text in sorted(found) if not any(re.fullmatch(it, text) for it in known)] == []


# Figures and versions


def test_the_changelog_has_the_version() -> None:
    """A release would have no entry, or one under another number."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d.*?)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    assert versions[0] == __version__


def test_the_figures_of_the_readme_are_those_of_the_results() -> None:
    """A figure would stand there that no run has given."""
    words = ["benchmarks/readme.py", "benchmarks/results/compare.json", "--check"]
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


# Codes and links


@pytest.mark.parametrize("page", PAGES)
def test_codes_that_are_mentioned_exist(page: str) -> None:
    """Somebody would look for a reason that nothing gives."""
    assert set(re.findall(r"\bAP\d{3}\b", PAGES[page])) <= set(KINDS)


def anchors(text: str) -> set[str]:
    """Return the anchors of the headings as they are made from their text."""
    prose = BLOCK.sub("", text)
    heads = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """A reader would be sent to a page or a section that is not there."""
    prose = BLOCK.sub("", PAGES[page])
    links = re.findall(r"\]\(([^)\s]+)\)", prose)
    links += re.findall(r'(?:src|srcset)="([^"]+)"', prose)
    for link in links:
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link
