"""What tests need that try one part of the supervisor alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from django_autoreload_plus.protocol.channel import Channel
from django_autoreload_plus.protocol.failure import Failure
from django_autoreload_plus.supervisor.child import Child
from django_autoreload_plus.supervisor.children import Children

if TYPE_CHECKING:
    from collections.abc import Callable

    from django_autoreload_plus.protocol import messages as m

FAILURE = Failure("exception", "NameError: tea", "Traceback\n", path="/site/a.py", line=3)


class Heard:
    """What :class:`Children` has told, and a child with the other end of its channel."""

    def __init__(self, *, will_reap: bool = True, removes: bool = False) -> None:
        self.removes = removes
        self.received: list[m.FromChild] = []
        self.problems: list[str] = []
        self.exited: list[int] = []
        self.children = Children(
            received=self._received,
            unreadable=lambda _child, problem: self.problems.append(problem),
            unresponsive=lambda _child: self.problems.append("deaf"),
            worker_failed=lambda _child, _failure: None,
            exited=lambda _child, status: self.exited.append(status),
            replaced=lambda _child, _channel: None,
            will_reap=lambda _pid: will_reap,
        )
        ours, self.other_end = Channel.pair()
        self.child = Child(1, 1 << 30, ours)
        self.children.add(self.child)

    def _received(self, child: Child, message: m.FromChild, _descriptors: list[int]) -> None:
        self.received.append(message)
        if self.removes:
            self.children.remove(child)

    def close(self) -> None:
        """Close what the test has left open."""
        for child in self.children:
            self.children.remove(child)
        self.other_end.close()


def run(test: Callable[[], Any]) -> None:
    """Run a coroutine function to its end, bounded."""
    asyncio.run(asyncio.wait_for(test(), 20))


async def until(condition: Callable[[], object]) -> None:
    """Let the loop go on until something has come true."""
    while not condition():  # noqa: ASYNC110 - what is awaited is not always an event
        await asyncio.sleep(0.001)


def child_with_channel(generation: int) -> tuple[Child, Channel]:
    """Return a child and what it would read from."""
    ours, theirs = Channel.pair()
    return Child(generation, 0, ours), theirs
