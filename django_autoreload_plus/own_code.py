"""The one rule that tells a developer's own code from libraries, by file and by module.

A file is installed when it lies in one of the folders into which pip and Linux
distributions put packages. What lies below a root of the project and is not installed
there is the developer's own; so are editable installs, wherever they lie.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder

from .paths import absolute, real

#: Where installed packages live: pip's folders, and those of Linux distributions.
PACKAGE_FOLDERS = ("site-packages", "dist-packages")
_STANDARD_LIBRARY = os.path.dirname(os.path.abspath(os.__file__)) + os.sep


def is_installed(path: str) -> bool:
    """Whether a file or folder lies in a folder of installed packages, or is one."""
    return package_folder(path) is not None


def package_folder(path: str) -> str | None:
    """The folder of installed packages that ``path`` lies in or is; ``None``: in none."""
    for name in PACKAGE_FOLDERS:
        head, found, _ = f"{path}{os.sep}".partition(f"{os.sep}{name}{os.sep}")
        if found:
            return f"{head}{os.sep}{name}"
    return None


def is_of_interpreter(path: str) -> bool:
    """Whether a file or folder belongs to the standard library."""
    return path.startswith(_STANDARD_LIBRARY) and not is_installed(path)


def looks_own(path: str) -> bool:
    """Whether a file is neither installed nor of the standard library, nor made up.

    For where the roots of the project are not known: editable installs and what lies
    beside the project count as own.
    """
    return not (path.startswith(_STANDARD_LIBRARY) or is_installed(path) or "<" in path)


class OwnCode:
    """The developer's own files: those below the roots of the project."""

    def __init__(self, roots: Iterable[str]) -> None:
        self.roots = tuple(roots)
        forms = {form for root in self.roots for form in spellings(root)}
        # The innermost root first: a project may itself lie among installed packages.
        self._prefixes = sorted(forms, key=len, reverse=True)

    def owns(self, path: str) -> bool:
        """Whether an absolute path lies below a root and is not installed there."""
        for prefix in self._prefixes:
            if path.startswith(prefix):
                return not (is_installed(os.sep + path[len(prefix) :]) or is_of_interpreter(path))
        return False


def spellings(path: str) -> set[str]:
    """How paths below a folder may begin, by its own name and behind its links.

    A file gives its own paths.
    """
    forms = {absolute(path), real(path)}
    if os.path.isfile(path):
        return forms
    return {form.rstrip(os.sep) + os.sep for form in forms}


class OwnModules:
    """Tells the project's modules, loaded or not, by where their package lies."""

    def __init__(self) -> None:
        # This package may lie anywhere while it is developed.
        self._known = {__name__.partition(".")[0]: False}

    def owns(self, name: str) -> bool:
        """Whether the module of this name belongs to the project."""
        package = name.partition(".")[0]
        if package not in self._known:
            self._known[package] = any(map(looks_own, _folders(package)))
        return self._known[package]


def _folders(package: str) -> Iterable[str]:
    module = sys.modules.get(package)
    spec = getattr(module, "__spec__", None) or PathFinder.find_spec(package)
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return list(spec.submodule_search_locations)
    return [spec.origin] if spec.origin and spec.has_location else ()
