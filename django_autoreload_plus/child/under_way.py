"""Requests that are being answered: what can wait until they are waits for them."""

from __future__ import annotations

import threading


class UnderWay:
    """How many requests are being answered; used from all threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._own = threading.local()
        #: Deferred work has begun: from now on it may slow requests down.
        self.is_disturbed = False

    def begin(self) -> None:
        """A request begins to be answered."""
        self._own.count = getattr(self._own, "count", 0) + 1
        with self._changed:
            self._count += 1

    def end(self) -> None:
        """It has been answered, or was given up; in the thread in which it began."""
        self._own.count -= 1
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    @property
    def is_any(self) -> bool:
        """Whether a request is under way."""
        return self._count > 0

    @property
    def is_any_here(self) -> bool:
        """Whether the calling thread is answering a request."""
        return getattr(self._own, "count", 0) > 0

    def await_none(self, seconds: float) -> None:
        """Wait until none is under way, for at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._count <= 0, seconds)
            self.is_disturbed = True
