"""Gives a forked process a reading position of its own in every open file.

A ``fork()`` copies descriptors, not what they lead to: one process that reads on
moves the position of all the others, of the frozen copy too. A file opened once
more, through what Linux shows below ``/proc``, has a position of its own, also
when its name is gone.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable


def separate(descriptors: Iterable[int]) -> None:
    """Open these files, which are open for reading, again under the same numbers."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            _separate(descriptor)


def can_be_separated(descriptor: int) -> bool:
    """Whether a file may be opened again: its permissions may be others by now."""
    try:
        os.close(os.open(_way_to(descriptor), os.O_RDONLY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _separate(descriptor: int) -> None:
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    inheritable = os.get_inheritable(descriptor)
    again = os.open(_way_to(descriptor), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.lseek(again, position, os.SEEK_SET)
        os.dup2(again, descriptor, inheritable)
    finally:
        os.close(again)


def _way_to(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"
