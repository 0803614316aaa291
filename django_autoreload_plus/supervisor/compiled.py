"""Sources compiled in the supervisor, each version once."""

from __future__ import annotations

import warnings
from types import CodeType

#: Versions kept for each file: what the checkpoints hold, what was on disk, and what is there now.
_VERSIONS = 3


class Compiled:
    """Compiles as the import system of the child does, with the same flags."""

    def __init__(self) -> None:
        self._known: dict[str, dict[bytes, tuple[CodeType, bool]]] = {}

    def get(self, path: str, source: bytes) -> CodeType:
        """The module's code object.

        Raises :class:`SyntaxError`, or :class:`ValueError` for null bytes.
        """
        return self._look_up(path, source)[0]

    def warns(self, path: str, source: bytes) -> bool:
        """Whether the compiler warns of this version; raises what :meth:`get` does.

        The warning itself is for the program to show, or to make an error of: it knows
        the filters that apply.
        """
        return self._look_up(path, source)[1]

    def _look_up(self, path: str, source: bytes) -> tuple[CodeType, bool]:
        versions = self._known.setdefault(path, {})
        known = versions.pop(source, None)
        if known is None:
            known = _compile(path, source)
        versions[source] = known
        while len(versions) > _VERSIONS:
            del versions[next(iter(versions))]
        return known


def _compile(path: str, source: bytes) -> tuple[CodeType, bool]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        code = compile(source, path, "exec", dont_inherit=True)
    return code, bool(caught)
