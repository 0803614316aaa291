"""Who may accept connections, as one byte that all processes see at once.

A message would reach the old child too late: it may be between ``select()`` and
``accept()`` when a file is saved. So the supervisor writes the number of the one
child that may accept into shared memory, and each child looks there just before
and just after it accepts.
"""

from __future__ import annotations

import mmap
import os
import tempfile

#: Nobody may accept.
CLOSED = 0
_SLOTS = 255


class Gate:
    """A shared byte. Only the supervisor writes it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, 1)

    @classmethod
    def create(cls) -> Gate:
        """A new closed gate in anonymous memory (a deleted file where needed)."""
        if hasattr(os, "memfd_create"):
            descriptor = os.memfd_create("autoreload-gate")
        else:
            descriptor, path = tempfile.mkstemp(prefix="autoreload-gate-")
            os.unlink(path)
        os.ftruncate(descriptor, 1)
        return cls(descriptor)

    def admit(self, slot: int) -> None:
        """Let exactly this child accept."""
        self._memory[0] = slot

    def close(self) -> None:
        """Let nobody accept."""
        self._memory[0] = CLOSED

    def admits(self, slot: int) -> bool:
        """Whether this child may accept right now."""
        return self._memory[0] == slot


def slot_of(generation: int) -> int:
    """The number of a child at the gate; successive children differ."""
    return generation % _SLOTS + 1
