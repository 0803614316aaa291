"""The namespaces of the loaded modules, read without importing a lazy one."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType


def module_namespaces() -> Iterator[tuple[str, dict[str, object]]]:
    """Name in ``sys.modules`` and namespace of each module."""
    for name, module in list(sys.modules.items()):
        if issubclass(type(module), ModuleType):
            yield name, namespace_of(module)


def namespace_of(module: ModuleType) -> dict[str, object]:
    """Straight from the object: the ``__getattribute__`` of a lazy module would import it."""
    namespace: dict[str, object] = object.__getattribute__(module, "__dict__")
    return namespace
