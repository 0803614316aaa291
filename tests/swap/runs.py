"""Programs started, edited and started afresh in real interpreters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django_autoreload_plus

if TYPE_CHECKING:
    from collections.abc import Sequence

_DRIVE = Path(__file__).with_name("drive.py")
#: The folder that the package under test is imported from.
PACKAGE = Path(django_autoreload_plus.__file__).parents[1]
_TESTS = Path(__file__).parents[1]
_DEADLINE = 500  # seconds; a test has its own


def write(root: Path, sources: dict[str, str]) -> Path:
    """Write the sources below ``root`` and return it."""
    for relative, source in sources.items():
        path = root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    return root


def edited(source: str, edits: list[tuple[str, str]]) -> str:
    """A source after edits, each of the first place where its text stands."""
    for before, after in edits:
        assert before in source
        source = source.replace(before, after, 1)
    return source


def swap(
    root: Path,
    modules: list[str],
    edits: Sequence[tuple[str, str] | list[tuple[str, str]]],
    *,
    package: Path = PACKAGE,
    **request: Any,
) -> list[dict[str, Any]]:
    """Start the program below ``root`` once; the outcome of each edit, each in a fork of it.

    By the rules of the package that lies in the folder ``package``.
    """
    request |= {"root": str(root), "modules": modules, "edits": edits}
    answers = _run(root, request, package)
    assert len(answers) == len(edits)
    for answer in answers:
        assert "error" not in answer, answer["error"]
    return answers


def fresh(root: Path, modules: list[str], **request: Any) -> dict[str, Any]:
    """Return the state of a process freshly started on the sources below ``root``."""
    (answer,) = _run(root, request | {"root": str(root), "modules": modules})
    state: dict[str, Any] = answer["state"]
    return state


def differences(one: Any, other: Any, where: str = "") -> list[str]:
    """Name the places where two states differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [d for key in one for d in differences(one[key], other[key], f"{where}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [
            d
            for at, (a, b) in enumerate(zip(one, other, strict=True))
            for d in differences(a, b, f"{where}/{at}")
        ]
    if isinstance(one, list) and isinstance(other, list):
        extra = [item for item in one if item not in other]
        missing = [item for item in other if item not in one]
        return [f"{where}: too many {extra}, missing {missing}"]
    return [] if one == other else [f"{where}: {one} is not {other}"]


def _run(root: Path, request: dict[str, Any], package: Path = PACKAGE) -> list[Any]:
    hidden = {"PYTHONDONTWRITEBYTECODE", "COVERAGE_PROCESS_START"}
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env |= {"PYTHONPATH": f"{package}{os.pathsep}{_TESTS}", "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        # -B: an edit within the second that keeps the size must not meet old bytecode.
        [sys.executable, "-B", str(_DRIVE)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        env=env,
        cwd=root,
        timeout=_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
