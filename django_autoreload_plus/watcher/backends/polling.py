# The methods are documented once, in interface.py.
# ruff: noqa: D102
"""The backend that has no events: everything is found by scanning."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...protocol.reasons import Reason
from .interface import unheard

if TYPE_CHECKING:
    from .interface import Event

#: Why there are no events: nobody wants them.
_ASKED = Reason("AP302", "asked for by the settings")


class PollingBackend:
    """Sleeps until it is woken; the scans are the watcher's."""

    name = "polling"
    has_events = False
    event_descriptor = -1
    watches = 0
    threads = 0
    descriptors = 0

    def __init__(self, reason: Reason = _ASKED) -> None:
        self.reason = reason
        self.reading: Callable[[bool], None] = unheard
        self._woken = threading.Event()

    def add(self, path: str, *, everything: bool) -> None:
        pass

    def remove(self, path: str) -> None:
        pass

    def wait(self, timeout: float | None) -> list[Event]:
        self._woken.wait(timeout)
        self._woken.clear()
        return []

    def wake(self) -> None:
        self._woken.set()

    def close(self) -> None:
        pass
