"""Which change can be made by exchanging function bodies alone."""

from __future__ import annotations

from collections.abc import Iterable

from ..child.swap import Refusal, compare
from ..child.swapping import pack
from ..protocol.messages import Swap
from .code_state import CodeState


class Swaps:
    """Compares old and new sources."""

    def __init__(self, code: CodeState) -> None:
        self._code = code

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
        try:
            before, after = (self._code.compiled.get(path, source) for source in (old, new))
        except (SyntaxError, ValueError):
            return f"{path} does not compile"
        plan = compare(before, after)
        if isinstance(plan, Refusal):
            return plan.reason
        return Swap(path, pack(before), pack(after))
