"""Makes a waiting copy's memory its own before it is needed.

After a ``fork()`` both processes share their memory, page by page, until one of
them writes to it; then the kernel stops the writer and copies the page. Python
writes to nearly everything it looks at (reference counts), so a resumed child
would spend much of its time there. Which pages it is going to write to is known:
those that a child before it, made from the same copy, had made its own when it
answered its first request. They are written to in advance, with the byte that is
there already, while the waiting process sleeps in a system call and can change
nothing itself.

Linux only; anywhere else nothing is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator

from ..protocol.memory import PAGE, own_pages
from .checkpoints import Frozen, Spare

Pages = tuple[tuple[int, int], ...]

#: How long to wait for a process just made to wait for its order, in seconds.
_UNTIL_ASLEEP = 0.1
#: So many times that long at most.
_PATIENCE = 50
#: A copy of more than this (64 MiB) would cost more memory than it saves time.
_MOST_PAGES = 16_384
#: Soon after that, a child that serves begins to look at much that no request needs; seconds.
_UNSPOILT = 0.14


class Warmth:
    """Knows which pages children need, and prepares them."""

    def __init__(self, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        self._loop = loop
        self._pages: dict[str, Pages] = {}

    def forget(self) -> None:
        """A child starts afresh: its addresses are others."""
        self._pages.clear()

    def discard(self, label: str) -> None:
        """Another copy is taken at this point."""
        self._pages.pop(label, None)

    def knows(self, copy: Frozen) -> bool:
        """Whether a process made from this copy can be prepared."""
        return copy.label in self._pages

    def touched(self, label: str, pages: Pages) -> None:
        """What a process made from the copy of this label had made its own."""
        if 0 < sum(count for _, count in pages) <= _MOST_PAGES:
            self._pages[label] = pages

    def answered(self, label: str, pid: int, age: float) -> None:
        """A child that went on from a copy has answered, ``age`` seconds after it was live."""
        if age < _UNSPOILT:
            self.touched(label, own_pages(pid))

    def warm(self, copy: Frozen) -> None:
        """Prepare the spare of a copy as soon as it sleeps."""
        if copy.spare is not None and self.knows(copy):
            self._wait(copy, copy.spare, _PATIENCE)

    def _wait(self, copy: Frozen, spare: Spare, patience: int) -> None:
        if copy.spare is not spare:
            return
        if spare.is_asleep():
            self._go_on(copy, spare, make_own(spare.pid, self._pages.get(copy.label, ())))
        elif patience:
            self._loop().call_later(_UNTIL_ASLEEP, self._wait, copy, spare, patience - 1)

    def _go_on(self, copy: Frozen, spare: Spare, steps: Iterator[None]) -> None:
        # Step by step: a save in between must not wait, and takes the process
        # as far as it has come.
        if copy.spare is spare and next(steps, steps) is None:
            self._loop().call_soon(self._go_on, copy, spare, steps)


def make_own(pid: int, pages: Pages) -> Iterator[None]:
    """Give a sleeping process these pages for itself, a slice at each step."""
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
