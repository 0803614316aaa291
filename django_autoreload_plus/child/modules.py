"""Where modules come from: the files that made them, and where they could come from instead."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec, PathFinder
from types import ModuleType

from ..own_code import is_installed, is_of_interpreter
from ..paths import absolute


class Lookup:
    """A module was looked for."""

    # No data class: one is made for each module, while somebody waits.
    __slots__ = ("name", "path", "time")

    def __init__(self, name: str, path: Sequence[str] | None, time: int) -> None:
        self.name = name
        self.path = path
        self.time = time


def module_files(module: object) -> Iterator[str]:
    """The files a module was made from (none for built-in ones)."""
    if not isinstance(module, ModuleType):
        return
    spec = module.__dict__.get("__spec__")
    if spec is None:
        if isinstance(file := module.__dict__.get("__file__"), str):
            yield _source_of(file)
        return
    archive = getattr(getattr(spec, "loader", None), "archive", None)
    if isinstance(archive, str):
        yield archive
    elif getattr(spec, "has_location", False) and isinstance(spec.origin, str):
        yield _source_of(spec.origin)


def candidates(lookup: Lookup) -> Iterator[str]:
    """The paths at which a module that was not found could still appear."""
    tail = lookup.name.rpartition(".")[2]
    try:
        folders = list(sys.path if lookup.path is None else lookup.path)
    except (TypeError, KeyError):
        # A namespace package's path asks its parent, which may be gone.
        return
    for folder in folders:
        # Programs put other things into sys.path than its type allows.
        if isinstance(folder, str) and not os.path.isfile(folder or "."):  # type: ignore[redundant-expr]
            base = os.path.join(absolute(folder), tail)
            yield f"{base}.py"
            yield os.path.join(base, "__init__.py")
            yield from (f"{base}{suffix}" for suffix in EXTENSION_SUFFIXES[:1])


def shadowing_candidates(lookup: Lookup, module: ModuleType) -> Iterator[str]:
    """The paths in the project at which a module would be found before this one.

    Libraries and the interpreter's own folders are left out: nobody writes there
    by hand, and there are many.
    """
    file = getattr(module, "__file__", None)
    if lookup.path is not None or not isinstance(file, str):
        return
    for folder in sys.path:
        if not isinstance(folder, str):
            continue  # type: ignore[unreachable] # programs do put other things there
        base = os.path.join(absolute(folder), lookup.name)
        if os.path.dirname(file) in (base, os.path.dirname(base)):
            return
        if not (is_of_interpreter(base) or is_installed(base) or os.path.isfile(folder)):
            yield f"{base}.py"
            yield os.path.join(base, "__init__.py")


def find(lookup: Lookup) -> ModuleSpec | None:
    """What the import system would find now."""
    try:
        return PathFinder.find_spec(lookup.name, lookup.path)
    except Exception:  # noqa: BLE001 - path hooks are the user's code
        return None


def is_finished(name: str) -> bool:
    """Whether this module has been executed completely."""
    module = sys.modules.get(name)
    if not isinstance(module, ModuleType):
        return False
    spec = module.__dict__.get("__spec__")
    return spec is not None and not getattr(spec, "_initializing", False)


def _source_of(file: str) -> str:
    """The ``.py`` beside bytecode that was loaded without one, where it exists."""
    if file.endswith((".pyc", ".pyo")) and os.path.exists(file[:-1]):
        return file[:-1]
    return file
