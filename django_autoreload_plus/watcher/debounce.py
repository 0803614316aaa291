"""Reports that wait until what happens to a file is complete."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable

from ..records import dataclass
from .path_node import EntryStamp, PathNode

#: A file that is being written without an event for its end must be still this long, in seconds.
STILL = 0.05
#: Checks of stillness before a file that never rests is reported anyway.
_PATIENCE = 40


@dataclass
class _Hold:
    due: float
    stamp: EntryStamp | None
    patience: int = _PATIENCE
    is_gone: bool = False


class Debouncer:
    """Nodes to be reported later, unless something definite happens first."""

    def __init__(self, look: Callable[[PathNode], EntryStamp | None]) -> None:
        self._look = look
        self._holds: dict[PathNode, _Hold] = {}

    def add(self, node: PathNode, wait: float, *, is_gone: bool = False) -> None:
        """Hold ``node`` for ``wait`` seconds, if it is not held already."""
        if node not in self._holds:
            due = time.monotonic() + wait
            self._holds[node] = _Hold(due, self._look(node), is_gone=is_gone)

    def held(self) -> set[PathNode]:
        """The nodes that are held now."""
        return set(self._holds)

    @property
    def has_gone(self) -> bool:
        """Whether something that has gone is held back, in case it returns."""
        return any(hold.is_gone for hold in self._holds.values())

    def discard(self, node: PathNode) -> None:
        """Drop the hold, if there is one."""
        self._holds.pop(node, None)

    def due(self) -> list[float]:
        """When, on the monotonic clock, holds end."""
        return [hold.due for hold in self._holds.values()]

    def ripe(self, now: float) -> list[PathNode]:
        """Take the nodes to be reported now; a file that still grows waits on."""
        ripe = []
        for node, hold in [item for item in self._holds.items() if item[1].due <= now]:
            stamp = self._look(node)
            is_file = stamp is not None and stat.S_ISREG(stamp[0])
            if is_file and stamp != hold.stamp and hold.patience:
                hold.due, hold.stamp = now + STILL, stamp
                hold.patience -= 1
                # The file is back, and being written.
                hold.is_gone = False
            else:
                del self._holds[node]
                ripe.append(node)
        return ripe
