"""Which change can be made by exchanging function bodies and names."""

from __future__ import annotations

from collections.abc import Iterable

from ..protocol.messages import Swap
from ..protocol.reasons import Reason
from ..records import dataclass
from ..swap.compare import Refusal
from ..swap.plan import Exchanged, plan
from ..swap.swapper import pack, pack_delta
from .code_state import CodeState

#: Reasons of a process that hold for another one in which the same names change: the code that ran
#: or read them while starting is what it was.
_HOLD = frozenset({"AP120", "AP150", "AP151"})

#: The names that differ, by file.
_Edit = dict[str, frozenset[str]]


@dataclass(frozen=True)
class _Refused:
    edit: _Edit
    reason: Reason
    #: The latest start for which that was the reason.
    generation: int


class Swaps:
    """Compares old and new sources.

    Whether something ran or was read while starting only a process made from the checkpoint can
    tell. What it has refused is not tried again while nothing but the same names is edited.
    """

    def __init__(self, code: CodeState) -> None:
        self._code = code
        self._edit: _Edit = {}
        self._refused: _Refused | None = None

    def plan(self, paths: Iterable[str], generation: int) -> tuple[Swap, ...] | Reason:
        """The exchange that turns the ready checkpoint's files into those on disk, or why not."""
        swaps = self._swaps(paths)
        refused = self._refused
        if isinstance(swaps, Reason) or refused is None or refused.edit != self._edit:
            return swaps
        # Any start in between may have changed what runs and reads while starting.
        if refused.generation != generation - 1:
            return swaps
        self.refuse(refused.reason, generation)
        return refused.reason

    def refuse(self, reason: Reason, generation: int) -> None:
        """The process that was to make the exchange planned last has refused it."""
        if reason.code in _HOLD:
            self._refused = _Refused(self._edit, reason, generation)

    def _swaps(self, paths: Iterable[str]) -> tuple[Swap, ...] | Reason:
        self._edit = {}
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
        found = plan(path, (old, before), (new, after))
        if isinstance(found, Refusal):
            return found.reason
        self._edit[path] = found.names
        return order(path, found)


def order(path: str, exchanged: Exchanged) -> Swap:
    """What a process is told to exchange."""
    delta = (exchanged.gone, exchanged.come, exchanged.headers)
    names = pack_delta(*delta) if any(delta) else ""
    return Swap(path, pack(exchanged.old), pack(exchanged.new), names, exchanged.kinds)
