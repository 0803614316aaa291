"""Which change can be made by exchanging function bodies and names."""

from __future__ import annotations

from collections.abc import Iterable
from types import CodeType

from ..protocol.messages import Swap
from ..protocol.reasons import Reason
from ..swap.compare import Refusal
from ..swap.plan import plan
from ..swap.swapper import pack, pack_delta
from .code_state import CodeState


class Swaps:
    """Compares old and new sources."""

    def __init__(self, code: CodeState) -> None:
        self._code = code

    def plan(self, paths: Iterable[str]) -> tuple[Swap, ...] | Reason:
        """The exchange that turns the ready checkpoint's files into those on disk, or why not."""
        swaps = []
        for path in sorted(paths):
            swap = self._plan(path)
            if isinstance(swap, Reason):
                return swap
            if swap is not None:
                swaps.append(swap)
        return tuple(swaps)

    def _plan(self, path: str) -> Swap | Reason | None:
        old, new = self._code.original(path), self._code.current(path)
        if new is None or not path.endswith(".py"):
            text = "is gone" if new is None else "was read while starting, and is no Python source"
            return Reason("AP133", f"{path} {text}")
        if old is None:
            # Of libraries, the text is kept from their first edit on.
            is_new = self._code.was_missing(path)
            text = "was not there before" if is_new else "was not known before its first edit"
            return Reason("AP134", f"{path} {text}")
        return None if old == new else self._compare(path, old, new)

    def _compare(self, path: str, old: bytes, new: bytes) -> Swap | Reason:
        compiled = self._code.compiled
        try:
            before, after = (compiled.get(path, source) for source in (old, new))
            if compiled.warns(path, new):
                text = f"compiling {path} gives a warning, which its import is to show"
                return Reason("AP132", text)
        except (SyntaxError, ValueError):
            return Reason("AP132", f"{path} does not compile")
        return _exchange(path, (old, before), (new, after))


def _exchange(path: str, old: tuple[bytes, CodeType], new: tuple[bytes, CodeType]) -> Swap | Reason:
    found = plan(path, old, new)
    if isinstance(found, Refusal):
        return found.reason
    delta = (found.gone, found.come, found.headers)
    names = pack_delta(*delta) if any(delta) else ""
    return Swap(path, pack(found.old), pack(found.new), names, found.kinds)
