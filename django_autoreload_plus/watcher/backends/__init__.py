"""Where file events come from: one module for each backend, and the choice between them."""

from __future__ import annotations

import sys

from .interface import Backend


def make_backend(*, polling: bool, roots: tuple[str, ...]) -> Backend:
    """Make the best source of events this platform has.

    Raises :class:`OSError` if the system has none left to give.
    """
    if polling:
        from .polling import PollingBackend

        return PollingBackend()
    if sys.platform == "linux":
        from .inotify import InotifyBackend

        return InotifyBackend()
    else:  # noqa: RET505 - only so does the type checker see that it depends on the platform
        from .watchdog import WatchdogBackend

        return WatchdogBackend(roots)
