"""Keeps the garbage collector from running while a program starts.

Objects made while importing stay alive: each pass visits all of them for nothing, and its
writes to their headers cause page faults in the memory shared with the checkpoints. The collector
stays enabled and has a high threshold, so that :func:`gc.isenabled`, :func:`gc.enable` and
:func:`gc.disable` keep their meaning; :func:`gc.get_threshold` is replaced. Thresholds
that the program sets itself apply at once.
"""

from __future__ import annotations

import functools
import gc
import sys

#: Containers made and not freed again before the collector begins all the same: a program
#: that never tells that it has started must not grow without limit.
_MOST = 1_000_000
#: So few containers, made since the last pass, are not worth a pass while a program starts.
_FEW = 10_000


class Collector:
    """The thresholds of the collector, while a program starts and afterwards."""

    def __init__(self) -> None:
        self._get = gc.get_threshold
        self._usual = self._ours = self._get()
        self._stand_in: object = None

    def pause(self) -> None:
        """Let no pass begin from now on."""
        if not _has_generations() or self._is_paused() or not 0 < self._usual[0] < _MOST:
            return
        self._ours = (_MOST, *self._usual[1:])
        gc.set_threshold(*self._ours)

        @functools.wraps(self._get)
        def get_threshold() -> tuple[int, int, int]:
            return self._usual if self._is_paused() else self._get()

        gc.get_threshold = self._stand_in = get_threshold

    def settle(self) -> bool:
        """Make the pass that is due, in a process that has time for it; false: none is."""
        if not self._is_paused() or gc.get_count()[0] <= _FEW:
            return False
        gc.collect()
        return True

    def age(self) -> None:
        """All that there is by now counts as old."""
        # With fewer no pass would begin at once, just when the first request is answered.
        if self._is_paused() and gc.get_count()[0] > self._usual[0]:
            _age()

    def run_as_usual(self) -> None:
        """Let the collector run as usual; all that there is by now counts as old."""
        self.age()
        self.give_back()

    def give_back(self) -> None:
        """Set the thresholds as they would be without this class."""
        if self._is_paused():
            gc.set_threshold(*self._usual)
        self._ours = self._usual
        if gc.get_threshold is self._stand_in:
            gc.get_threshold = self._get

    def _is_paused(self) -> bool:
        return self._ours != self._usual and self._get() == self._ours


def _age() -> None:
    """Move every container to the oldest generation."""
    if gc.get_freeze_count() == 0:
        # Does not look at them, but for Python 3.14.0 to 3.14.4.
        gc.freeze()
        gc.unfreeze()
    else:
        # The program's own, or those of Python 3.12, have to stay frozen.
        gc.collect()


def _has_generations() -> bool:
    """Whether this is not the free-threaded build, of which no copies are made either."""
    return getattr(sys, "_is_gil_enabled", lambda: True)()
