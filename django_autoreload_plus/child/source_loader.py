"""Compiles files known to have changed from their source.

Python trusts bytecode by the size and the modification time, in whole seconds, of
its source (https://peps.python.org/pep-3147/). A second edit within a second that
keeps the size would bring the old code back.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, ModuleType

from ..paths import absolute


class FreshLoader(SourceFileLoader):
    """Ignores bytecode; leaves no trace of itself in the module."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the source as it is on disk now."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        """Load the module as the ordinary loader would have."""
        spec = module.__spec__
        assert spec is not None
        plain = SourceFileLoader(self.name, self.path)
        spec.loader = module.__loader__ = plain
        code = self.get_code(module.__name__)
        exec(code, module.__dict__)  # noqa: S102 - this is what importing a module is


class SourceOnlyFinder:
    """Finds only modules made from one of the given files.

    No finder of :data:`sys.meta_path` by itself: the tracker asks it, so that the
    list looks the same in every child.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = {absolute(path) for path in paths if path.endswith(".py")}
        self._tails = {_module_tail(path) for path in self._paths}

    @property
    def paths(self) -> tuple[str, ...]:
        """The given files."""
        return tuple(sorted(self._paths))

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The ordinary spec, with a loader that ignores bytecode."""
        if name.rpartition(".")[2] not in self._tails:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader:
            return None
        if absolute(spec.origin or "") not in self._paths:
            return None
        spec.loader = FreshLoader(name, spec.origin or "")
        return spec


def forget_listings() -> None:
    """Let the import system look at the folders anew; loads no module.

    ``importlib.invalidate_caches()`` by itself imports ``importlib.metadata`` and a
    dozen others to empty their caches: 20 ms, and modules that no fresh start has.
    """
    name = "importlib.metadata"
    is_loaded = name in sys.modules
    if not is_loaded:
        sys.modules[name] = _WithoutCaches(name)
    try:
        importlib.invalidate_caches()
    finally:
        if not is_loaded:
            del sys.modules[name]


class _WithoutCaches(ModuleType):
    """Stands in for a module that is not loaded, and so has nothing to forget."""

    class MetadataPathFinder:
        """The one name that is looked up in it."""

        @staticmethod
        def invalidate_caches() -> None:
            """Nothing is there."""


def _module_tail(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.basename(folder) if name == "__init__.py" else name[: -len(".py")]
