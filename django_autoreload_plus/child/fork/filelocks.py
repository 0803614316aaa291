"""The locks of the library filelock, which work in no process but the one that made them.

In a forked process its function invalidates each lock that exists, and closes what those hold.
Without one it only makes its own empty tables anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from ...protocol.reasons import Reason
from .outside import callers, package_of

_PACKAGE = "filelock"
#: Where it keeps them, by weak references: of the module that registers the function.
_TABLE = "_FORK_OBJECTS"


def obstacle(noted: Reason) -> Reason | None:
    """Why it would do something in a forked process; ``noted``: that it has registered."""
    modules = [*_modules()]
    table: Any = next((vars(it)[_TABLE] for it in modules if _TABLE in vars(it)), None)
    # In the midst of its code a lock may not be in the table yet, and it refuses every fork.
    if table is None or any(package_of(frame) == _PACKAGE for frame in callers()):
        return noted
    # The library has objects of its own there, which only make a lock of a thread anew.
    its_own = {id(value) for module in modules for value in vars(module).values()}
    for lock in table.values():
        if id(lock) not in its_own:
            name = getattr(lock, "lock_file", "without a name")
            text = f"a lock of filelock exists ({name}), and would work in no other process"
            return Reason(noted.code, text)
    return None


def _modules() -> Iterator[ModuleType]:
    for name, module in [*sys.modules.items()]:
        if name.partition(".")[0] == _PACKAGE and isinstance(module, ModuleType):
            yield module
