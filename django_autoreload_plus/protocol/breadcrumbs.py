"""Traces of a starting process that remain however it ends.

A process that calls ``os._exit()``, crashes or hangs cannot report what it has
loaded, and yet those are the files to watch for the fix. So every source that begins
to run is written to shared memory at once, and the interpreter's fault handler
writes there on which line the process crashed, or waits when it is asked.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
from types import CodeType
from typing import Any

from ..clock import now_ns
from ..records import dataclass
from . import shared_memory

#: Asks a process for its stack. A real-time signal that programs hardly use; on systems
#: without such signals a process is not asked.
STACK_SIGNAL = signal.SIGRTMAX - 7 if hasattr(signal, "SIGRTMAX") else None
_RAN, _READ = "ran ", "read "


@dataclass(frozen=True)
class Traces:
    """Traces: sources and data with the time (ns) of their first use, and a stack."""

    files: tuple[tuple[str, int], ...] = ()
    #: Files read as data, in the same way.
    data: tuple[tuple[str, int], ...] = ()
    #: As :mod:`faulthandler` writes it; ``""`` if there is none.
    stack: str = ""


class Breadcrumbs:
    """The shared memory. Starting children write, the supervisor reads."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def create(cls) -> Breadcrumbs:
        """A new one in anonymous memory."""
        return cls(shared_memory.create("autoreload-trail"))

    # -- in the supervisor ----------------------------------------------------

    def clear(self) -> None:
        """Forget what was written: another process starts."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)

    def close(self) -> None:
        """Give the memory back; children keep theirs."""
        os.close(self.descriptor)

    def read(self) -> Traces:
        """The traces written since the last :meth:`clear`."""
        size = os.fstat(self.descriptor).st_size
        data = bytearray()
        while part := os.pread(self.descriptor, size - len(data), len(data)):
            data += part
        found: dict[str, dict[str, int]] = {_RAN: {}, _READ: {}}
        stack: list[str] = []
        for line in data.decode("utf-8", "surrogateescape").splitlines():
            if line.startswith((_RAN, _READ)) and line.count(" ") > 1:
                mark, moment, path = line.split(" ", 2)
                found[f"{mark} "][path] = int(moment) if moment.isdigit() else 0
            else:
                stack.append(line)
        ran, read = (tuple(paths.items()) for paths in found.values())
        return Traces(ran, read, "\n".join(stack).strip())

    # -- in a child -----------------------------------------------------------

    def arm(self) -> None:
        """Let the fault handler write here, unless the user has taken it already."""
        if not faulthandler.is_enabled():
            faulthandler.enable(self.descriptor)
        if STACK_SIGNAL is not None:
            faulthandler.register(STACK_SIGNAL, self.descriptor, all_threads=False)

    def executing(self, args: tuple[Any, ...]) -> None:
        """Audit listener for ``exec``: a module begins to run."""
        code = args[0]
        if isinstance(code, CodeType) and code.co_name == "<module>":
            path = code.co_filename
            if not path.startswith("<"):
                self._note(_RAN, path)

    def reading(self, path: str) -> None:
        """A file is about to be read as data."""
        self._note(_READ, path)

    def _note(self, mark: str, path: str) -> None:
        line = f"{mark}{now_ns()} {path}\n"
        with contextlib.suppress(OSError, ValueError):
            os.write(self.descriptor, line.encode("utf-8", "surrogateescape"))
