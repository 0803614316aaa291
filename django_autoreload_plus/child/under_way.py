"""Requests that are being answered: what can wait until they are waits for them."""

from __future__ import annotations

import threading


class UnderWay:
    """How many requests are being answered; used from all threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        #: Deferred work has begun: from now on it may slow requests down.
        self.is_disturbed = False

    def begin(self) -> None:
        """A request begins to be answered."""
        with self._changed:
            self._count += 1

    def end(self) -> None:
        """It has been answered, or was given up."""
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    @property
    def is_any(self) -> bool:
        """Whether a request is under way."""
        return self._count > 0

    def await_none(self, seconds: float) -> None:
        """Wait until none is under way, for at most so long."""
        with self._changed:
            self._changed.wait_for(lambda: self._count <= 0, seconds)
            self.is_disturbed = True
