"""Tells when a process has ended, and with which status."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable

#: From <linux/prctl.h>: orphans become children of this process.
_PR_SET_CHILD_SUBREAPER = 36


class Reaper:
    """Waits for every process of the command without blocking the loop.

    A checkpoint that goes away leaves the processes made from it as orphans. On
    Linux they become children of the supervisor, so that it learns how they end and no zombie
    stays behind; elsewhere the system's first process does, and nobody here learns of it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ended: Callable[[int, int], None] = lambda _pid, _status: None
        self._processes: dict[int, subprocess.Popen[bytes] | None] = {}
        self._is_subreaper = False

    def start(self, ended: Callable[[int, int], None]) -> None:
        """Call ``ended(pid, status)`` for each process that ends from now on."""
        self._ended = ended
        self._loop.add_signal_handler(signal.SIGCHLD, self.collect)
        self._is_subreaper = _set_subreaper(on=True)

    def add(self, process: subprocess.Popen[bytes]) -> None:
        """Watch over a process, to take note of its end."""
        self._processes[process.pid] = process
        # A process that ended before the handler was installed raises no SIGCHLD any more.
        self._loop.call_soon(self.collect)

    def add_pid(self, pid: int) -> None:
        """Watch over a child of this process that another program has started here."""
        self._processes[pid] = None
        self._loop.call_soon(self.collect)

    def will_reap(self, pid: int) -> bool:
        """Whether the end of this process cannot go unnoticed."""
        return self._is_subreaper or pid in self._processes

    def stop(self) -> None:
        """Watch over nothing more; see :meth:`.Shutdown.uninstall`."""
        self._loop.remove_signal_handler(signal.SIGCHLD)
        _set_subreaper(on=False)

    def collect(self) -> None:
        """Take note of every process that has ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._note(pid, os.waitstatus_to_exitcode(status))

    def _note(self, pid: int, status: int) -> None:
        process = self._processes.pop(pid, None)
        if process is not None:
            process.returncode = status
        self._ended(pid, status)


def _set_subreaper(*, on: bool) -> bool:
    """Whether it could be done."""
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(on), 0, 0, 0) == 0)
    return False
