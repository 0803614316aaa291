"""What a starting process leaves behind, however it ends.

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
import time
from dataclasses import dataclass
from types import CodeType
from typing import Any

from . import anonymous

#: Nobody uses this one; on systems without real-time signals a process is not asked.
STACK_SIGNAL = signal.SIGRTMAX - 7 if hasattr(signal, "SIGRTMAX") else None
_MARK = "ran "


@dataclass(frozen=True)
class Traces:
    """What was found: sources with the time (ns) they began to run, and a stack."""

    files: tuple[tuple[str, int], ...] = ()
    #: As :mod:`faulthandler` writes it; ``""`` if there is none.
    stack: str = ""


class Trail:
    """The shared memory. Starting children write, the supervisor reads."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def create(cls) -> Trail:
        """A new one in anonymous memory."""
        return cls(anonymous.create("autoreload-trail"))

    # -- in the supervisor ----------------------------------------------------

    def clear(self) -> None:
        """Forget what was written: another process starts."""
        os.ftruncate(self.descriptor, 0)
        os.lseek(self.descriptor, 0, os.SEEK_SET)

    def read(self) -> Traces:
        """What was written since."""
        size = os.fstat(self.descriptor).st_size
        data = bytearray()
        while part := os.pread(self.descriptor, size - len(data), len(data)):
            data += part
        files: dict[str, int] = {}
        stack: list[str] = []
        for line in data.decode("utf-8", "surrogateescape").splitlines():
            if line.startswith(_MARK) and line.count(" ") > 1:
                _, moment, path = line.split(" ", 2)
                files[path] = int(moment) if moment.isdigit() else 0
            else:
                stack.append(line)
        return Traces(tuple(files.items()), "\n".join(stack).strip())

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
                line = f"{_MARK}{time.time_ns()} {path}\n"
                with contextlib.suppress(OSError, ValueError):
                    os.write(self.descriptor, line.encode("utf-8", "surrogateescape"))
