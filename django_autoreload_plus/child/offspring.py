"""Tells a checkpoint when a process made from it has ended.

``SIGCHLD`` wakes it through a pipe: that works on every Unix. (Descriptors of processes need
a Linux of 2019, and some sandboxes do without.) The program's own handler, and its own pipe,
are put back in the processes that go on.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

_CHUNK = 1024


class Offspring:
    """The processes made from this one. Only for the main thread."""

    def __init__(self, first: int) -> None:
        """``first``: the process that has gone on when this one froze."""
        self._processes = {first}
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        self._handler = signal.signal(signal.SIGCHLD, _wake)
        self._wakeup = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def fileno(self) -> int:
        """Readable when a process may have ended."""
        return self._read

    def add(self, pid: int) -> None:
        """Watch over one more; it may have ended already."""
        self._processes.add(pid)

    def ended(self) -> Iterator[tuple[int, int]]:
        """The processes that have ended since the last call, each with its exit code."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, _CHUNK):
                pass
        for pid in tuple(self._processes):
            status = _status(pid)
            if status is not None:
                self._processes.discard(pid)
                yield pid, os.waitstatus_to_exitcode(status)

    def leave_behind(self) -> None:
        """In a process made from this one: be as the program was."""
        signal.set_wakeup_fd(-1)
        with contextlib.suppress(OSError, ValueError):
            # The program may have closed its own since.
            signal.set_wakeup_fd(self._wakeup)
        signal.signal(signal.SIGCHLD, self._handler)
        os.close(self._read)
        os.close(self._write)


def _status(pid: int) -> int | None:
    """How a process ended; ``None``: it has not."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        # The program ignores SIGCHLD: the kernel has kept nothing of one that ended early.
        return signal.SIGKILL
    return status if found else None


def _wake(_number: int, _frame: FrameType | None) -> None:
    """Only a signal that has a handler is written to the pipe."""
