"""Which change can be made by exchanging function bodies alone."""

from __future__ import annotations

from collections.abc import Iterable
from types import CodeType

from ..child.swap import Refusal, compare
from ..child.swapping import pack
from ..protocol.messages import Swap
from .code_state import CodeState


class Swaps:
    """Compares old and new sources; remembers what it has compiled."""

    def __init__(self, code: CodeState) -> None:
        self._code = code
        self._compiled: dict[str, tuple[bytes, CodeType]] = {}

    def plan(self, paths: Iterable[str]) -> tuple[Swap, ...] | str:
        """The exchange that turns the ready copy's files into those on disk, or why not."""
        swaps = []
        for path in sorted(paths):
            swap = self._plan(path)
            if isinstance(swap, str):
                return swap
            if swap is not None:
                swaps.append(swap)
        return tuple(swaps)

    def _plan(self, path: str) -> Swap | str | None:
        old, new = self._code.original(path), self._code.current(path)
        if not path.endswith(".py") or old is None or new is None:
            return f"{path} is not a source that was edited"
        if old == new:
            return None
        before, after = self._compile(f"{path}\0", path, old), self._compile(path, path, new)
        if before is None or after is None:
            return f"{path} does not compile"
        plan = compare(before, after)
        if isinstance(plan, Refusal):
            return plan.reason
        return Swap(path, pack(before), pack(after))

    def _compile(self, key: str, path: str, source: bytes) -> CodeType | None:
        known = self._compiled.get(key)
        if known is not None and known[0] == source:
            return known[1]
        try:
            code = compile(source, path, "exec", dont_inherit=True)
        except (SyntaxError, ValueError):
            return None
        self._compiled[key] = (source, code)
        return code
