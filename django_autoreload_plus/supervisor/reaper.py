"""Tells when a child has ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Callable

from .process import Child


class Reaper:
    """Waits for children without blocking the loop."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, gone: Callable[[Child, int], None]
    ) -> None:
        self._loop = loop
        self._gone = gone
        self._running: dict[int, tuple[Child, subprocess.Popen[bytes]]] = {}
        if hasattr(signal, "SIGCHLD"):
            loop.add_signal_handler(signal.SIGCHLD, self.collect)

    def add(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        """Watch over a process; ``gone(child, status)`` is called when it ends."""
        self._running[process.pid] = (child, process)
        if hasattr(signal, "SIGCHLD"):
            # It may have ended before anybody listened.
            self._loop.call_soon(self.collect)
        else:
            threading.Thread(target=self._wait, args=(process,), daemon=True).start()

    def collect(self) -> None:
        """Take note of every child that has ended."""
        for pid, (child, process) in list(self._running.items()):
            status = process.poll()
            if status is not None:
                del self._running[pid]
                self._gone(child, status)
        self._reap_orphans()

    def _reap_orphans(self) -> None:
        """Clear away what the program left behind, as process 1 of a container has to."""
        if os.getpid() != 1 or self._running:
            return
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        process.wait()
        self._loop.call_soon_threadsafe(self.collect)
