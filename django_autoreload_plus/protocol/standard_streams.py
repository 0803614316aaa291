"""Standard input, output and error that were closed when the command was started.

Whatever a process opens next gets their numbers. Then what a program writes to descriptor
2, the interpreter's fatal errors among it, would go into a socket or shared memory.
"""

from __future__ import annotations

import os
import sys

_NAMES = ("stdin", "stdout", "stderr")


def complete() -> None:
    """Open the closed ones on the null device, here and in every process started from here."""
    for descriptor, name in enumerate(_NAMES):
        if not _is_open(descriptor):
            # The lowest number that is free, which is this one.
            os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            # For the life of the process.
            stream = open(descriptor, mode, errors="backslashreplace", closefd=False)  # noqa: SIM115 - kept
            setattr(sys, name, stream)


def are_inherited() -> bool:
    """Whether a process started from here gets all three."""
    return all(_is_open(number) and os.get_inheritable(number) for number in range(len(_NAMES)))


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
