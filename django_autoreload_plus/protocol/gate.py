"""Shared memory that says which child may answer requests.

A message would reach the old child too late: it may be between ``select()`` and
``accept()`` when a file is saved. So the supervisor writes the number of the one
child that may answer into shared memory, and each child looks there just before
and just after it accepts.

Even the supervisor needs a moment to notice a save. The kernel does not: a file
event is in the watcher's queue before the editor's ``close()`` returns. A child
therefore looks at that queue (a shared descriptor) as well before it answers, and
waits while there is something in it that has not been decided about.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import select
import threading
import time

from . import shared_memory

#: The value of the slot while no child may answer.
CLOSED = 0
_SLOTS = 255
_SLOT, _READING, _UNREAD = 0, 1, 2
_SIZE = 3
#: The watcher reads its queue within this time, or is not there any more; seconds.
_PATIENCE = 1.0
_PAUSE = 0.0002
#: As it is before the program's code runs: libraries of green threads take it away, or put
#: something in its place that would let others run in the middle of a decision.
_new_poll = getattr(select, "poll", None)


class Gate:
    """Three shared bytes. Only the supervisor writes them."""

    def __init__(self, descriptor: int, events: int = -1) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _SIZE)
        self._lock = threading.Lock()
        self._unread = 0
        self._relay: select.epoll | None = None
        self.share(events)

    @classmethod
    def create(cls) -> Gate:
        """A new closed gate in anonymous memory."""
        descriptor = shared_memory.create("autoreload-gate")
        os.ftruncate(descriptor, _SIZE)
        return cls(descriptor)

    @classmethod
    def relayed(cls, descriptor: int, relay: int) -> Gate:
        """The gate of children that look at an epoll instance in place of an event queue."""
        gate = cls(descriptor, relay)
        gate._relay = select.epoll.fromfd(relay)
        return gate

    def release(self) -> None:
        """Give the memory back; children keep theirs."""
        if self._relay is not None:
            self._relay.close()
        self._memory.close()
        os.close(self.descriptor)

    def share(self, events: int) -> None:
        """Look at the watcher's event queue as well; -1: there is none to share."""
        if self._relay is None:
            self.events = events
        elif events >= 0:
            with contextlib.suppress(FileExistsError):
                self._relay.register(events, select.EPOLLIN)

    def admit(self, slot: int) -> None:
        """Let exactly this child answer."""
        self._memory[_SLOT] = slot

    def close(self) -> None:
        """Let nobody answer."""
        self._memory[_SLOT] = CLOSED

    def reading(self, on: bool) -> None:  # noqa: FBT001 - a callback with one argument
        """The watcher begins to read its queue, or has reported what it read."""
        self._memory[_READING] = on

    def announce(self) -> None:
        """The watcher has reported a change, which the loop has not read yet."""
        self._count(1)

    def acknowledge(self) -> None:
        """The loop has read a report of the watcher: from here on the slot covers it."""
        self._count(-1)

    def _count(self, more: int) -> None:
        # Written by the watcher's thread and by that of the loop.
        with self._lock:
            self._unread += more
            self._memory[_UNREAD] = self._unread > 0

    def admits(self, slot: int) -> bool:
        """Whether this child may answer a request that is there now."""
        self.wait_until_current()
        return self._memory[_SLOT] == slot

    def has_pending(self) -> bool:
        """Whether a file event waits that the loop has not read."""
        # In this order: what has left the queue is covered by one byte until the
        # watcher has reported it, and by the next one until the loop has read the report.
        return self._is_queued() or any(self._memory[_READING : _UNREAD + 1])

    def _is_queued(self) -> bool:
        if self.events < 0 or _new_poll is None:
            return False
        # An object of its own: two threads must not poll by the same one at once.
        queue = _new_poll()
        queue.register(self.events, select.POLLIN)
        return bool(queue.poll(0))

    def wait_until_current(self) -> None:
        """Wait until the loop has read every file event up to now; bounded."""
        deadline = time.monotonic() + _PATIENCE
        while self.has_pending() and time.monotonic() < deadline:
            time.sleep(_PAUSE)


def slot_of(generation: int) -> int:
    """The number of a child at the gate; successive children differ."""
    return generation % _SLOTS + 1
