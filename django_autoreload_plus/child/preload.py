"""Imports libraries before anything of the program, so that every frozen copy has them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Sequence

from ..own_code import looks_own
from ..protocol.command_line import package_root
from .modules import module_files


def preload(names: Sequence[str]) -> list[str]:
    """Import them, in this order; returns what went wrong, one sentence for each name."""
    return [problem for name in names for problem in _problems(name)]


def _problems(name: str) -> Iterator[str]:
    before = {*sys.modules}
    try:
        importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - libraries raise anything, SystemExit included
        yield (
            f"PRELOAD names {name!r}, which cannot be imported before the program: "
            f"{type(error).__name__}: {error}"
        )
        return
    own = next(_own(sys.modules.keys() - before), None)
    if own is not None:
        yield f"PRELOAD names {name!r}, which imports code of the project itself: {own}"


def _own(names: set[str]) -> Iterator[str]:
    for name in sorted(names):
        for path in module_files(sys.modules.get(name)):
            if looks_own(path) and not path.startswith(package_root()):
                yield path
