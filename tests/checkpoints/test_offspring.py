"""How a frozen copy hears of the processes made from it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.child.frozen import fork
from django_autoreload_plus.child.offspring import Offspring
from harness import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no fork()")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handler = signal.getsignal(signal.SIGCHLD)
    yield
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, handler)


@contextlib.contextmanager
def watched(pid: int) -> Iterator[Offspring]:
    """Watch over a process as a frozen copy does."""
    offspring = Offspring(pid)
    try:
        yield offspring
    finally:
        offspring.leave_behind()


def forked(code: int, *, late: bool = False) -> tuple[int, int]:
    """Return the id of a process that ends with ``code``, and what ends it when it is closed."""
    orders, order = os.pipe()
    pid = fork()
    if pid == 0:
        os.close(order)
        if late:
            os.read(orders, 1)
        os._exit(code)
    os.close(orders)
    return pid, order


def await_end(offspring: Offspring) -> list[tuple[int, int]]:
    """Wait until it says that something may have ended; what did."""
    poll = select.poll()
    poll.register(offspring, select.POLLIN)
    assert poll.poll(10_000)
    return list(offspring.ended())


def test_an_end_wakes_and_is_told_once() -> None:
    """The supervisor would wait for a process that is gone."""
    first, end_first = forked(3, late=True)
    with watched(first) as offspring:
        second, end_second = forked(4, late=True)
        offspring.add(second)
        assert list(offspring.ended()) == []
        os.close(end_second)
        assert await_end(offspring) == [(second, 4)]
        os.close(end_first)
        assert await_end(offspring) == [(first, 3)]
        assert list(offspring.ended()) == []


def test_one_that_ended_before_is_not_missed() -> None:
    """Nobody would ever hear of a program that fails at once."""
    pid, order = forked(5)
    os.close(order)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    with watched(pid) as offspring:
        assert list(offspring.ended()) == [(pid, 5)]


def test_a_program_that_ignores_the_signal_is_no_error() -> None:
    """The copy would end with a traceback, and every reload would be slow."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    pid, order = forked(5)
    os.close(order)
    wait_until(lambda: not _exists(pid), "the end of the process")
    with watched(pid) as offspring:
        assert list(offspring.ended()) == [(pid, -signal.SIGKILL)]


def test_the_programs_own_handler_and_pipe_come_back() -> None:
    """A resumed program would not hear of its own processes."""
    heard = []

    def handler(number: int, _frame: object) -> None:
        heard.append(number)

    own_read, own_write = os.pipe()
    os.set_blocking(own_write, False)
    signal.signal(signal.SIGCHLD, handler)
    signal.set_wakeup_fd(own_write)
    pid, order = forked(0, late=True)
    with watched(pid):
        assert signal.getsignal(signal.SIGCHLD) is not handler
    assert signal.getsignal(signal.SIGCHLD) is handler
    os.close(order)
    assert os.read(own_read, 1) == bytes([signal.SIGCHLD])
    assert heard == [signal.SIGCHLD]
    os.waitpid(pid, 0)
    assert signal.set_wakeup_fd(-1) == own_write
    os.close(own_read)
    os.close(own_write)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
