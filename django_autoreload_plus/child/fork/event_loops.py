"""Event loops of asyncio and Twisted that were made and do not run, in a forked process.

Since Python 3.12 asyncio forgets in every forked process which loop is the current one, and
where signals are to be reported. What a loop waits by is made anew in
:mod:`.private_handles`.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

from ...protocol.reasons import Reason
from ...records import dataclass


def obstacle() -> Reason | None:
    """Why the loops there are cannot be copied; ``None``: they can."""
    events: Any = sys.modules.get("asyncio.events")
    if events is not None and events._get_running_loop() is not None:
        return Reason("AP222", "an asyncio event loop is running")
    reactor: Any = sys.modules.get("twisted.internet.reactor")
    if getattr(reactor, "running", False):
        return Reason("AP222", "Twisted's reactor is running")
    # Its time counts from the start of the program.
    if hasattr(reactor, "getDelayedCalls") and reactor.getDelayedCalls():
        return Reason("AP222", "a call of Twisted's reactor is scheduled")
    if getattr(getattr(_local(events), "_loop", None), "_scheduled", None):
        return Reason("AP222", "a call of an asyncio event loop is scheduled")
    return None


@dataclass(frozen=True)
class _LoopState:
    local: Any
    wakeup: int


def before_fork() -> _LoopState | None:
    """The state to be given to :func:`after_fork`. Only for the main thread."""
    events = sys.modules.get("asyncio.events")
    if events is None:
        return None
    wakeup = signal.set_wakeup_fd(-1)
    if wakeup != -1:
        signal.set_wakeup_fd(wakeup)
    return _LoopState(_local(events), wakeup)


def after_fork(kept: _LoopState | None) -> None:
    """In the forked process: the current loop is what it was."""
    if kept is not None:
        events: Any = sys.modules["asyncio.events"]
        if kept.local is not None:
            events._event_loop_policy._local = kept.local
        if kept.wakeup != -1:
            signal.set_wakeup_fd(kept.wakeup)


def _local(events: Any) -> Any:
    """The current loop of each thread, as Python's own policy keeps it."""
    return getattr(getattr(events, "_event_loop_policy", None), "_local", None)
