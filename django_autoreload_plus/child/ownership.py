"""Which modules a developer is likely to edit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder

#: Where installed packages live: pip's folders, and those of Linux distributions.
_INSTALLED = ("site-packages", "dist-packages")
_STANDARD_LIBRARY = os.path.join(os.path.dirname(os.__file__), "")


class Ownership:
    """Tells the project's modules from those of libraries, by where their package lies.

    Editable installs and what lies beside the project count as its own.
    """

    def __init__(self) -> None:
        # This package may lie anywhere while it is developed.
        self._known = {__name__.partition(".")[0]: False}

    def is_own(self, name: str) -> bool:
        """Whether the module of this name, loaded or not, belongs to the project."""
        package = name.partition(".")[0]
        if package not in self._known:
            self._known[package] = any(map(_is_own_place, _places(package)))
        return self._known[package]


def _places(package: str) -> Iterable[str]:
    module = sys.modules.get(package)
    spec = getattr(module, "__spec__", None) or PathFinder.find_spec(package)
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return list(spec.submodule_search_locations)
    return [spec.origin] if spec.origin and spec.has_location else ()


def _is_own_place(path: str) -> bool:
    if path.startswith(_STANDARD_LIBRARY):
        return False
    return not any(folder in path.split(os.sep) for folder in _INSTALLED)
