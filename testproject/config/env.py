"""A file of ``NAME=value`` lines, read when the settings are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def read_env(path: Path) -> dict[str, str]:
    """Return the values of ``path``; blank lines and ``#`` comments are skipped."""
    values = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            values[name.strip()] = value.strip()
    return values
