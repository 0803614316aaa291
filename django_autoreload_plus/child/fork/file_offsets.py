"""Gives a forked process a position, and locks, of its own in every open file.

A ``fork()`` copies descriptors, not what they lead to: one process that reads on
moves the position of all the others, of the checkpoint too, and a ``flock`` lasts as
long as any of them. A file opened once more has a position and locks of its own.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

from .process_info import System
from .status_flags import status_flags


def separate(descriptors: Iterable[int], system: System) -> None:
    """Open these files again under the same numbers."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            _separate(descriptor, system)


def can_be_separated(descriptor: int, system: System) -> bool:
    """Whether a file may be opened again: its permissions may be others by now."""
    try:
        os.close(system.open_again(descriptor, _flags(descriptor)))
    except OSError:
        return False
    return True


def _separate(descriptor: int, system: System) -> None:
    position = os.lseek(descriptor, 0, os.SEEK_CUR)
    inheritable = os.get_inheritable(descriptor)
    again = system.open_again(descriptor, _flags(descriptor))
    try:
        os.lseek(again, position, os.SEEK_SET)
        os.dup2(again, descriptor, inheritable)
    finally:
        os.close(again)


def _flags(descriptor: int) -> int:
    return status_flags(descriptor) & (os.O_ACCMODE | os.O_APPEND)
