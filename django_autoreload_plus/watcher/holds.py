"""Reports that wait until what happens to a file is complete."""

from __future__ import annotations

import stat
import time
from collections.abc import Callable
from dataclasses import dataclass

from .place import Place, Stamp

#: A file that is being written without an event for its end must be still this long, in seconds.
STILL = 0.05
#: Checks of stillness before a file that never rests is reported anyway.
_PATIENCE = 40


@dataclass
class _Hold:
    due: float
    stamp: Stamp | None
    patience: int = _PATIENCE


class Holds:
    """Places to be reported later, unless something definite happens first."""

    def __init__(self, look: Callable[[Place], Stamp | None]) -> None:
        self._look = look
        self._holds: dict[Place, _Hold] = {}

    def __len__(self) -> int:
        return len(self._holds)

    def add(self, place: Place, wait: float) -> None:
        """Hold ``place`` for ``wait`` seconds, if it is not held already."""
        if place not in self._holds:
            self._holds[place] = _Hold(time.monotonic() + wait, self._look(place))

    def discard(self, place: Place) -> None:
        """Drop the hold, if there is one."""
        self._holds.pop(place, None)

    def due(self) -> list[float]:
        """Return when, on the monotonic clock, holds end."""
        return [hold.due for hold in self._holds.values()]

    def ripe(self, now: float) -> list[Place]:
        """Take the places to be reported now; a file that still grows waits on."""
        ripe = []
        for place, hold in [item for item in self._holds.items() if item[1].due <= now]:
            stamp = self._look(place)
            is_file = stamp is not None and stat.S_ISREG(stamp[0])
            if is_file and stamp != hold.stamp and hold.patience:
                hold.due, hold.stamp = now + STILL, stamp
                hold.patience -= 1
            else:
                del self._holds[place]
                ripe.append(place)
        return ripe
