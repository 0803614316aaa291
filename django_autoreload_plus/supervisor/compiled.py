"""Sources compiled in the supervisor, each version once."""

from __future__ import annotations

from types import CodeType

#: Versions kept for each file: what the copies hold, and what is on disk.
_VERSIONS = 2


class Compiled:
    """Compiles as the import system of the child does, with the same flags."""

    def __init__(self) -> None:
        self._known: dict[str, dict[bytes, CodeType]] = {}

    def get(self, path: str, source: bytes) -> CodeType:
        """The module's code object.

        Raises :class:`SyntaxError`, or :class:`ValueError` for null bytes.
        """
        versions = self._known.setdefault(path, {})
        code = versions.pop(source, None)
        if code is None:
            code = compile(source, path, "exec", dont_inherit=True)
        versions[source] = code
        while len(versions) > _VERSIONS:
            del versions[next(iter(versions))]
        return code
