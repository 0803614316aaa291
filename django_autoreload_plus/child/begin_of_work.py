"""When a program that runs from its first line has started, and begins its work.

Nothing says so but what it does: it sleeps, starts a thread, an event loop or a process of
its own, or asks the user. Until then checkpoints are taken, and what it reads counts as input of
its start; from there on the supervisor is listened to. Where a program does none of this, the
supervisor takes it to have started when it has loaded nothing for a while.
"""

from __future__ import annotations

import threading
from typing import Any

from .clearance import is_own_act
from .connection import Connection
from .tracker import is_importing

#: Audit events in the main thread, outside an import. (``time.sleep``: since Python 3.11.)
_EVENTS = (
    "time.sleep",
    "_thread.start_new_thread",
    # Python 3.13 starts those of :mod:`threading` so.
    "_thread.start_joinable_thread",
    # Raised when an event loop begins to run.
    "sys.set_asyncgen_hooks_firstiter",
    "builtins.input",
)
_FORKS = ("os.fork", "os.forkpty")


class BeginOfWork:
    """Notices the first act that shows that the program has started."""

    def __init__(self, link: Connection) -> None:
        self._link = link

    def await_it(self) -> None:
        """Have the connection say that the program has started, at its first act."""
        listeners = self._link.tracker.listeners
        listeners.update(dict.fromkeys(_EVENTS, self._begins))
        listeners.update(dict.fromkeys(_FORKS, self._forks))

    def _begins(self, _args: tuple[Any, ...]) -> None:
        if self._is_work():
            self._cease(*_EVENTS, *_FORKS)
            self._link.start(restarts=False)

    def _forks(self, _args: tuple[Any, ...]) -> None:
        # A listening thread would be missing in the forked process, and Python would warn.
        if self._is_work():
            self._cease(*_FORKS)
            self._link.start_silently()

    def _is_work(self) -> bool:
        link = self._link
        if is_own_act() or link.started or not link.is_here():
            return False
        if threading.current_thread() is not threading.main_thread():
            return False
        return not is_importing()

    def _cease(self, *events: str) -> None:
        for event in events:
            self._link.tracker.listeners.pop(event, None)
