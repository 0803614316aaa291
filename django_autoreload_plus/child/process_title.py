"""The title of this process in ``ps``, where the platform lets a process set it."""

from __future__ import annotations

import contextlib

#: Positions of ``arg_start`` and ``arg_end`` in /proc/self/stat after the name,
#: see proc_pid_stat(5): fields 48 and 49, counted from 1.
_ARG_START, _ARG_END = 48 - 3, 49 - 3


def set_title(text: str | bytes) -> bytes:
    """Overwrite the command line that ``ps`` reads, where that can be done.

    Returns what was there, for putting it back.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        with open("/proc/self/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        start, end = int(fields[_ARG_START]), int(fields[_ARG_END])
        room = end - start
        title = text if isinstance(text, bytes) else text.encode()[: room - 1]
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            before = memory.read(room)
            memory.seek(start)
            memory.write(title[:room].ljust(room, b"\0"))
            return before
    return b""
