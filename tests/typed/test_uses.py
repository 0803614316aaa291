"""The package as the type checkers of other projects see it."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

USES = Path(__file__).with_name("uses.py")
CHECKERS = {
    "mypy": ("--strict", "--config-file=", "--warn-unreachable"),
    "pyright": ("--warnings",),
}


def check(checker: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Check a file outside the checkout, as the installed package's user would."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    interpreter = {"mypy": "--python-executable", "pyright": "--pythonpath"}[checker]
    words = [sys.executable, "-m", checker, *CHECKERS[checker], interpreter, sys.executable]
    return subprocess.run(
        [*words, path.name], cwd=path.parent, capture_output=True, text=True, check=False
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", CHECKERS)
def test_typical_uses_are_typed(checker: str, tmp_path: Path) -> None:
    """A project that is checked strictly would have to switch that off for this package."""
    shutil.copy(USES, tmp_path)
    done = check(checker, tmp_path / USES.name)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
@pytest.mark.parametrize("checker", CHECKERS)
@pytest.mark.parametrize(
    ("old", "new"),
    [('watch=("*.toml",)', "watch=5"), ("path: str) -> bool", "path: int) -> bool")],
)
def test_wrong_uses_are_found(checker: str, old: str, new: str, tmp_path: Path) -> None:
    """A check that takes everything says nothing."""
    text = USES.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / USES.name).write_text(text.replace(old, new), encoding="utf-8")
    done = check(checker, tmp_path / USES.name)
    assert done.returncode == 1, done.stdout + done.stderr
