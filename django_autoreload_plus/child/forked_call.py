"""Calls a function that writes to much memory in a forked process, for its result alone.

Python writes to the reference count of each object that it uses. The pages that are copied for
that are freed when the process exits; this one still shares its own with all others.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable

from .frozen import fork

_CHUNK = 65536


def call_in_fork(question: Callable[[], bytes]) -> bytes:
    """Return what ``question`` returns in a forked process; ``b""``: it failed there."""
    read, write = os.pipe()
    pid = fork()
    if pid == 0:
        _answer(question, write)
    os.close(write)
    parts = []
    while part := os.read(read, _CHUNK):
        parts.append(part)
    os.close(read)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    return b"".join(parts)


def _answer(question: Callable[[], bytes], write: int) -> None:
    try:
        left = memoryview(question())
        while left:
            left = left[os.write(write, left) :]
    finally:
        # Without handlers, messages or anything else of the program's.
        os._exit(0)
