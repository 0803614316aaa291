"""What the script of CI runs the tests with."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "run"


@pytest.mark.parametrize("installed", [("3.15", "3.11"), ("3.11", "3.14"), ("3.10", "3.13")])
def test_the_newest_python_is_taken(tmp_path: Path, installed: tuple[str, str]) -> None:
    """With an old one no swap is ever tested."""
    if not SCRIPT.exists():
        pytest.skip("the script is not part of the source archive")
    for version in installed:
        python = tmp_path / f"python{version}"
        python.write_text(f"#!/bin/sh\necho {version}\n")
        python.chmod(0o755)
    text = SCRIPT.read_text(encoding="utf-8")
    functions = re.findall(
        r"^(?:version_of|find_\w+)\(\) \{\n.*?^\}", text, re.MULTILINE | re.DOTALL
    )
    assert len(functions) == 3
    # Nothing but these is found: neither by name nor as a version of pyenv's.
    environment = {"PATH": str(tmp_path), "PYENV_ROOT": str(tmp_path / "none"), "oldest": "3.10"}
    found = subprocess.run(
        ["/bin/bash", "-c", "\n".join([*functions, "find_newest"])],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    newest = max(installed, key=lambda version: int(version[2:]))
    assert found.stdout.strip() == f"python{newest}"
