"""Tells the files of libraries from a developer's own."""

from __future__ import annotations

import os

#: Where installed packages live: pip's folders, and those of Linux distributions.
INSTALLED = ("site-packages", "dist-packages")
_STANDARD_LIBRARY = os.path.dirname(os.__file__)


def is_installed(path: str) -> bool:
    """Whether a file belongs to an installed package."""
    return any(folder in path for folder in INSTALLED)


def looks_own(path: str) -> bool:
    """Whether a file is neither installed nor of the standard library, nor made up.

    Editable installs and what lies beside the project count as own.
    """
    return not (path.startswith(_STANDARD_LIBRARY) or is_installed(path) or "<" in path)
