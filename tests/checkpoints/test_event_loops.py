"""An event loop that was made and does not run is the program's own in every process."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import select
import socket
import sys
import warnings
from typing import TYPE_CHECKING

import pytest

from checkpoints.places import Site, add_view, before
from django_autoreload_plus.child.fork import event_loops, private_handles
from django_autoreload_plus.child.fork.process_info import identity
from django_autoreload_plus.child.frozen import fork
from django_autoreload_plus.protocol.reasons import Reason
from harness import CAN_SWAP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is renewed")

BEFORE_LOOPS = before("loops")
LOOPS = """
import asyncio
import os
import select
import threading
import warnings

from django.http import JsonResponse

# Not a constant, which could be exchanged without importing the module again.
LEVEL = int("0")
LOOP = asyncio.new_event_loop()
asyncio.set_event_loop(LOOP)
ONE, TWO = os.pipe()
SEEN = []
LOOP.add_reader(ONE, lambda: SEEN.append(os.read(ONE, 9).decode()))
POLL = select.epoll()
EVENT = os.eventfd(0)
POLL.register(EVENT, select.EPOLLIN)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    CURRENT = asyncio.get_event_loop() is LOOP


async def wait():
    # From another thread, so by the loop's own pair of sockets.
    woken = asyncio.Event()
    os.write(TWO, f"{os.getpid()}".encode())
    threading.Timer(0.01, LOOP.call_soon_threadsafe, [woken.set]).start()
    await asyncio.wait_for(woken.wait(), 10)
    while not SEEN:
        await asyncio.sleep(0.001)
    return SEEN.pop()


def try_out():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        current = asyncio.get_event_loop() is LOOP
    os.eventfd_write(EVENT, 1)
    return {
        "current": CURRENT and current,
        "read": LOOP.run_until_complete(wait()) == str(os.getpid()),
        "polled": [number for number, _ in POLL.poll(0)] == [EVENT],
        "inheritable": os.get_inheritable(ONE),
        "blocking": [os.get_blocking(ONE), LOOP._ssock.getblocking(), LOOP._csock.getblocking()],
    }


def loops(request):
    return JsonResponse({"level": LEVEL, **try_out()})
"""
EXPECTED = (
    '"current": true, "read": true, "polled": true, "inheritable": false, '
    '"blocking": [true, false, false]'
)


def test_loops_go_on_in_every_copy(project: Path) -> None:
    """A project with a loop at module level is never fast, or two processes wake each other."""
    add_view(project, "loops", LOOPS)
    with Site(project, options=("--nothreading",)) as server:
        for level in range(4):
            if level:
                mark = server.mark()
                server.edit("loops.py", f'int("{level - 1}")', f'int("{level}")')
            server.answer("/loops/", f'{{"level": {level}, {EXPECTED}}}')
            if level > 1:
                assert server.origin(mark) in BEFORE_LOOPS
        mark = server.mark()
        server.edit("loops.py", "return SEEN.pop()", "return SEEN.pop(0)")
        server.answer("/loops/", EXPECTED)
        origin = server.origin(mark)
        assert origin.startswith("ready") if CAN_SWAP else origin in BEFORE_LOOPS


class Opened:
    """Descriptors of one test."""

    def __init__(self) -> None:
        self._close = contextlib.ExitStack()

    def pipe(self) -> tuple[int, int]:
        """A new pipe."""
        ends = os.pipe()
        for end in ends:
            self.keep(end)
        return ends

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Two sockets that are connected with each other."""
        one, other = socket.socketpair()
        self._close.enter_context(one)
        self._close.enter_context(other)
        return one, other

    def epoll(self, *registered: int, events: int = select.EPOLLIN) -> select.epoll:
        """A new epoll object that looks at these."""
        found = self._close.enter_context(select.epoll())
        for descriptor in registered:
            found.register(descriptor, events)
        return found

    def keep(self, descriptor: int) -> int:
        """Close it at the end of the test."""
        self._close.callback(close, descriptor)
        return descriptor

    def close(self) -> None:
        """Close all of it."""
        self._close.close()


def close(descriptor: int) -> None:
    """Close what may be closed already."""
    with contextlib.suppress(OSError):
        os.close(descriptor)


@pytest.fixture
def opened() -> Iterator[Opened]:
    """What a test opens is closed at its end."""
    found = Opened()
    yield found
    found.close()


def renewable(*descriptors: int) -> list[tuple[int, ...]]:
    """Return the handles among these that can be renewed, by their descriptors."""
    found = private_handles.find({number: identity(number) for number in descriptors})
    return [handle.descriptors for handle in found]


def test_only_what_is_private_and_empty_is_renewed(opened: Opened) -> None:
    """What somebody sent, or set, or holds elsewhere would be lost in a resumed process."""
    ends = opened.pipe()
    assert renewable(*ends) == [ends]
    one, other = (end.fileno() for end in opened.pair())
    assert renewable(one, other) == [(one, other)]
    assert not renewable(one)
    assert not renewable(ends[0])
    assert not renewable(*ends, opened.keep(os.dup(ends[0])))
    assert not renewable(one, other, opened.keep(os.dup(one)))
    full = opened.pipe()
    os.write(full[1], b"!")
    assert not renewable(*full)
    large = opened.pipe()
    fcntl.fcntl(large[0], fcntl.F_SETPIPE_SZ, 4096)
    assert not renewable(*large)


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.send(b"!"),
        lambda one: one.shutdown(socket.SHUT_WR),
        lambda one: one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096),
        lambda one: one.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1),
        lambda one: one.bind(""),
    ],
    ids=["data", "shutdown", "buffer", "option", "name"],
)
def test_a_changed_socket_is_not_renewed(
    opened: Opened, change: Callable[[socket.socket], object]
) -> None:
    """A resumed process would have a socket in another state than a fresh one."""
    one, other = opened.pair()
    change(one)
    assert not renewable(one.fileno(), other.fileno())


def test_only_plain_registrations_are_renewed(opened: Opened) -> None:
    """A loop would hear of an event twice, or never."""
    one, two = opened.pipe()
    poll = opened.epoll(one).fileno()
    assert renewable(one, two, poll) == [(one, two), (poll,)]
    edges = opened.epoll(one, events=select.EPOLLIN | select.EPOLLET).fileno()
    assert renewable(one, two, edges) == [(one, two)]
    nested = opened.epoll(poll).fileno()
    assert renewable(one, two, poll, nested) == [(one, two), (poll,)]
    again = opened.keep(os.dup(poll))
    assert renewable(one, two, poll, again) == [(one, two)]
    gone = opened.pipe()
    stale = opened.epoll(gone[0]).fileno()
    opened.keep(os.dup(gone[0]))
    os.close(gone[0])
    assert not renewable(stale)


def test_a_running_or_timed_loop_is_refused() -> None:
    """The calls of a loop that runs, or waits for its time, would be made late or twice."""

    async def running() -> object:
        return event_loops.obstacle()

    assert asyncio.run(running()) == Reason("AP222", "an asyncio event loop is running")
    assert event_loops.obstacle() is None


def test_the_current_loop_is_what_it_was_before_a_fork() -> None:
    """asyncio.get_event_loop() would answer otherwise in a resumed process than in a fresh one."""
    loop = asyncio.new_event_loop()
    with contextlib.closing(loop), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.set_event_loop(loop)
        pid = fork()
        if pid == 0:
            os._exit(0 if asyncio.get_event_loop() is loop else 1)
        _, status = os.waitpid(pid, 0)
        asyncio.set_event_loop(None)
    assert os.waitstatus_to_exitcode(status) == 0
