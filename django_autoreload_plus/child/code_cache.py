"""Code objects, read in a checkpoint while it idles, for the modules imported after it.

A process resumed from the checkpoint imports as ever: it looks for the module, reads its bytecode
and compares that with the source. Only making a code object of it, a third of the time that
imports take besides running modules, is left out where the bytecode is what it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.machinery import SourceFileLoader
from types import CodeType
from typing import Any

from ..records import dataclass

#: With functions that :mod:`importlib.util` has, too, which programs forget to import.
_import_system: Any = sys.modules["_frozen_importlib_external"]
#: The function of the import system that makes a code object of bytecode.
_NAME = "_compile_bytecode"
#: Of a file of bytecode, before the code.
_HEADER = 16


@dataclass(frozen=True)
class _CachedCode:
    """A code object, and what it was made of."""

    code: CodeType
    size: int
    digest: int


class CodeCache:
    """The code objects that are kept, by the path of their source."""

    def __init__(self) -> None:
        self._kept: dict[str, _CachedCode] = {}
        self._original: Callable[..., Any] | None = getattr(_import_system, _NAME, None)

    def __len__(self) -> int:
        return len(self._kept)

    def read(self, paths: Iterable[str]) -> Iterator[None]:
        """Read the bytecode of these sources, one at each step."""
        for path in paths:
            if path not in self._kept and self._original is not None:
                self._read(path)
                yield

    def install(self) -> None:
        """Let the import system take what is kept from here."""
        if self._kept and self._original is not None:
            setattr(_import_system, _NAME, self._make_code)

    def remove(self) -> None:
        """Leave the import system as it was."""
        if getattr(_import_system, _NAME, None) == self._make_code:
            setattr(_import_system, _NAME, self._original)

    def clear(self) -> None:
        """Forget everything; takes milliseconds."""
        self._kept.clear()

    def _read(self, path: str) -> None:
        assert self._original is not None
        try:
            file = _import_system.cache_from_source(path)
            # By the import system: what it opens is not taken for an input of the program.
            data = SourceFileLoader("", path).get_data(file)
            if not data.startswith(_import_system.MAGIC_NUMBER):
                return
            content = memoryview(data)[_HEADER:]
            code = self._original(content, name="", bytecode_path=file, source_path=path)
        except (OSError, NotImplementedError, ImportError, EOFError, ValueError, TypeError):
            # What is wrong with it is found, or not, by the import of the module.
            return
        self._kept[path] = _CachedCode(code, len(content), hash(content))

    def _make_code(
        self,
        data: Any,
        name: str | None = None,
        bytecode_path: str | None = None,
        source_path: str | None = None,
    ) -> Any:
        # Once only: a module imported again has code of its own.
        kept = self._kept.pop(source_path, None) if source_path is not None else None
        if kept is not None and (kept.size, kept.digest) == (len(data), hash(data)):
            return kept.code
        assert self._original is not None
        return self._original(data, name=name, bytecode_path=bytecode_path, source_path=source_path)
