"""What the documents say is so: settings, options, commands, codes, links.

A command of a kind that is not known here fails: it needs a check of its own.
"""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from django_autoreload_plus import __version__
from django_autoreload_plus.adapter import conf
from django_autoreload_plus.options import Options
from django_autoreload_plus.protocol.reasons import KINDS
from django_autoreload_plus.records import fields
from harness import TESTPROJECT, DevServer, copy_project

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "benchmarks/README.md",
        *sorted(DOCS.glob("*.md")),
    )
}
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`((?:python3?|autoreload-plus|pip|manage\.py) [^`]+)`")
#: Programs that belong to others; what they are given is checked where it names a path.
FOREIGN = {"twine", "pytest", "tox", "ruff", "mypy", "sphinx-build", "git", "sudo", "curl"}
OWN = ("autoreload-plus", "django_autoreload_plus")


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of a page in one language, without their indentation."""
    return [
        re.sub(rf"^{found[1]}", "", found[3], flags=re.MULTILINE)
        for found in BLOCK.finditer(PAGES[page])
        if found[2] == language
    ]


def commands() -> list[tuple[str, str]]:
    """Return every command of every page once: the parts of lines, and those within sentences."""
    found: dict[tuple[str, str], None] = {}
    for page, text in PAGES.items():
        for block in blocks(page, "sh"):
            for line in block.replace("\\\n", " ").splitlines():
                for command in line.partition("#")[0].split("&&"):
                    found[page, command.strip()] = None
        for command in INLINE.findall(BLOCK.sub("", text)):
            found[page, command.strip()] = None
    return [(page, command) for page, command in found if command]


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
    exec(example.replace('os.environ.get("IN_VM", "")', '"1"'), scope)  # noqa: S102
    assert list(scope["AUTORELOAD_PLUS"]) == [name]
    settings.AUTORELOAD_PLUS = scope["AUTORELOAD_PLUS"]
    options, problems = conf.read()
    assert problems == []
    assert getattr(options, name.lower()) != getattr(Options(), name.lower())


@pytest.mark.parametrize("page", PAGES)
def test_examples_in_python_are_python(page: str, settings: Any) -> None:
    """A copied example would be a mistake of syntax, or name an option that does not exist."""
    for block in blocks(page, "python"):
        if block.startswith(('"', "if os.environ")):
            block = block.replace("\nreturn\n", "\npass\n").replace("    return\n", "    pass\n")  # noqa: PLW2901
        tree = ast.parse(block.replace("    # …\n", ""))
        for node in tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "AUTORELOAD_PLUS":
                text = ast.unparse(node.value).replace("os.environ.get('IN_VM', '')", "'1'")
                settings.AUTORELOAD_PLUS = eval(text)  # noqa: S307
                assert conf.read()[1] == []


@pytest.mark.parametrize("page", PAGES)
def test_options_that_are_mentioned_exist(page: str) -> None:
    """Somebody would look for an option that was renamed."""
    known = {field.name.upper() for field in fields(Options)}
    named = set(re.findall(r'`"([A-Z][A-Z_]{3,})": [^`]+`', PAGES[page]))
    assert named <= known


# Commands


@cache
def help_of(*words: str) -> str:
    """Return what a command of this environment says of its options."""
    done = subprocess.run(
        [sys.executable, *words, "--help"],
        cwd=TESTPROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def options_among(words: list[str]) -> list[str]:
    """Return the names of the options among words."""
    return [word.partition("=")[0] for word in words if word.startswith("--") and word != "--"]


def check_own(words: list[str]) -> None:
    """Check the options of this package's own command line."""
    if "--status" in words:
        text = help_of("-m", "django_autoreload_plus", "--status")
        own = [word for word in words if word != "--status"]
    else:
        text, own = help_of("-m", "django_autoreload_plus"), []
        for word in words:
            if not word.startswith("-") and word not in {"INT", "QUIT", "30", "*.toml"}:
                break
            own.append(word)
    for option in options_among(own):
        assert option in text, option


def check_manage(words: list[str]) -> None:
    """Check a management command and its options."""
    known = {"runserver", "autoreload", "autoreload_report", "autoreload_status"}
    assert words[0] in known, words
    if words[0] == "autoreload":
        # What follows is the other command's own.
        words = words[:1]
    # Django's runserver takes this one, and does not tell.
    text = help_of("manage.py", words[0]) + "--verbosity"
    for option in options_among(words):
        assert option in text, option


def check_script(words: list[str]) -> None:
    """Check a program of the repository and its options."""
    script = ROOT / words[0]
    assert script.is_file(), words[0]
    for option in options_among(words):
        assert f'"{option}"' in "".join(
            path.read_text(encoding="utf-8") for path in script.parent.glob("*.py")
        ), option


def check_python(words: list[str]) -> None:
    """Check what Python is told to run."""
    if words[:2] == ["-m", "django_autoreload_plus"]:
        check_own(words[2:])
    elif words[:2] == ["-m", "build"]:
        assert 'release = ["build' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    elif words[:2] == ["-m", "venv"]:
        assert len(words) == 3, words
    elif words[0].endswith("manage.py"):
        check_manage(words[1:])
    else:
        check_script(words)


def check_install(words: list[str]) -> None:
    """Check the names and the extras that pip is given."""
    assert words[0] == "install"
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    section = pyproject.partition("[project.optional-dependencies]\n")[2].partition("\n[")[0]
    extras = re.findall(r"^(\w+) = \[", section, re.MULTILINE)
    for word in words[1:]:
        name, _, rest = word.partition("[")
        assert name in {"-e", ".", "django-autoreload-plus"}, word
        assert set(filter(None, rest.rstrip("]").split(","))) <= set(extras), word


@pytest.mark.parametrize(("page", "command"), commands())
def test_a_command_exists_as_it_is_written(page: str, command: str) -> None:
    """Who copies the line would be told of an unknown option, or of no such file."""
    first, *words = shlex.split(command)
    program = Path(first).name
    if program in OWN:
        check_own(words)
    elif program in {"python", "python3"}:
        check_python(words)
    elif program == "manage.py":
        check_manage(words)
    elif program == "pip":
        check_install(words)
    elif program == "run" and first == ".ci/run":
        assert (ROOT / first).is_file()
    else:
        assert program in FOREIGN, f"{page}: how is {command!r} checked?"
        for word in words:
            if word.startswith(("tests/", "docs", "benchmarks/")):
                assert (ROOT / word).exists(), word


def test_the_quick_start_works(tmp_path: Path) -> None:
    """The first page that somebody reads would lead nowhere."""
    lines = [line for block in blocks("docs/quickstart.md", "sh") for line in block.splitlines()]
    served = [line for line in lines if "manage.py runserver" in line]
    assert len(served) == 3, served
    [status] = [line for line in lines if "autoreload_status" in line]
    project = copy_project(tmp_path / "project")
    for line in served:
        words = shlex.split(line.replace("runserver", "runserver {address}"))
        with DevServer(project, command=(sys.executable, *words[1:])) as server:
            server.wait_for("/version/")
            done = subprocess.run(
                [sys.executable, *shlex.split(status)[1:]],
                cwd=project,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert done.stdout.startswith("live"), done.stdout


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
