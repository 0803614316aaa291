"""Which modules a developer is likely to edit."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.machinery import PathFinder

from ..protocol.libraries import looks_own


class Ownership:
    """Tells the project's modules from those of libraries, by where their package lies."""

    def __init__(self) -> None:
        # This package may lie anywhere while it is developed.
        self._known = {__name__.partition(".")[0]: False}

    def is_own(self, name: str) -> bool:
        """Whether the module of this name, loaded or not, belongs to the project."""
        package = name.partition(".")[0]
        if package not in self._known:
            self._known[package] = any(map(looks_own, _places(package)))
        return self._known[package]


def _places(package: str) -> Iterable[str]:
    module = sys.modules.get(package)
    spec = getattr(module, "__spec__", None) or PathFinder.find_spec(package)
    if spec is None:
        return ()
    if spec.submodule_search_locations is not None:
        return list(spec.submodule_search_locations)
    return [spec.origin] if spec.origin and spec.has_location else ()
