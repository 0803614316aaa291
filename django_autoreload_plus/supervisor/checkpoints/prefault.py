"""Causes the page faults of a waiting process in advance (prefault).

After a ``fork()`` both processes share their memory, page by page, until one of
them writes to it: that is a page fault, in which the kernel copies the page (copy on write). Python
writes to nearly every object that it uses (reference counts), so a resumed child
would spend much of its time there. Which pages it is going to write to is known:
those that a child before it, made from the same checkpoint, had copied when it
answered its first request. They are written to in advance, with the byte that is
there already, while the waiting process sleeps in a system call and can change
nothing itself.

Linux only; anywhere else nothing is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator

from ...protocol.memory import PAGE, own_pages
from .line import Checkpoint, Spare

Pages = tuple[tuple[int, int], ...]

#: How long to wait for a process just made to wait for its order, in seconds.
_UNTIL_ASLEEP = 0.1
#: The number of such waits, at most.
_PATIENCE = 50
#: A checkpoint of more than this (64 MiB) would cost more memory than it saves time.
_MOST_PAGES = 16_384


class Prefaulter:
    """Knows which pages children write to, and has them copied in advance."""

    def __init__(self) -> None:
        self._pages: dict[str, Pages] = {}

    def forget(self) -> None:
        """A child starts afresh: its addresses are others."""
        self._pages.clear()

    def discard(self, label: str) -> None:
        """Another checkpoint is taken at this point."""
        self._pages.pop(label, None)

    def knows(self, copy: Checkpoint) -> bool:
        """Whether a process made from this checkpoint can be prepared."""
        return copy.label in self._pages

    def touched(self, label: str, pages: Pages) -> None:
        """Note the pages to which a process made from the checkpoint of this label has written."""
        if 0 < sum(count for _, count in pages) <= _MOST_PAGES:
            self._pages[label] = pages

    def answered(self, label: str, pid: int) -> None:
        """A child that went on from a checkpoint has answered, and has done nothing else."""
        self.touched(label, own_pages(pid))

    def warm(self, copy: Checkpoint) -> None:
        """Prepare the spare of a checkpoint as soon as it sleeps."""
        if copy.spare is not None and self.knows(copy):
            self._wait(copy, copy.spare, _PATIENCE)

    def _wait(self, copy: Checkpoint, spare: Spare, patience: int) -> None:
        if copy.spare is not spare:
            return
        if spare.is_asleep():
            self._go_on(copy, spare, make_own(spare.pid, self._pages.get(copy.label, ())))
        elif patience:
            loop = asyncio.get_running_loop()
            loop.call_later(_UNTIL_ASLEEP, self._wait, copy, spare, patience - 1)

    def _go_on(self, copy: Checkpoint, spare: Spare, steps: Iterator[None]) -> None:
        # Step by step: a save in between must not wait, and takes the process
        # as far as it has come.
        if copy.spare is spare and next(steps, steps) is None:
            asyncio.get_running_loop().call_soon(self._go_on, copy, spare, steps)


def make_own(pid: int, pages: Pages) -> Iterator[None]:
    """Have a sleeping process copy these pages, a slice at each step."""
    done = 0
    with contextlib.suppress(OSError), open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        descriptor = memory.fileno()
        for start, count in pages:
            for page in range(start, start + count * PAGE, PAGE):
                with contextlib.suppress(OSError):
                    os.pwrite(descriptor, os.pread(descriptor, 1, page), page)
                done += 1
                if done % 64 == 0:
                    yield
