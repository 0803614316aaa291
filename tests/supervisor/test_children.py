"""Children alone: messages, ends and retirement."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from typing import Any

from django_autoreload_plus.protocol import messages as m
from django_autoreload_plus.protocol.channel import Channel
from django_autoreload_plus.protocol.codec import encode
from django_autoreload_plus.supervisor import outgoing
from supervisor.alone import Heard, run, until


def test_messages_are_passed_on() -> None:
    """Nothing that a child says would reach anybody."""

    async def talk() -> None:
        with closing(Heard()) as heard:
            heard.other_end.send(m.Hello(4711))
            heard.other_end.send(m.Answered())
            await until(lambda: len(heard.received) == 2)
            assert heard.child.pid == 4711
            assert heard.received == [m.Hello(4711), m.Answered()]

    run(talk)


def test_another_version_is_a_failure() -> None:
    """After an upgrade the command would take messages for what they were before."""
    sleeping = (sys.executable, "-c", "import time; time.sleep(60)")
    process = subprocess.Popen(sleeping)

    async def talk() -> None:
        with closing(Heard()) as heard:
            heard.other_end.send(m.Hello(process.pid, version=0))
            await until(lambda: heard.received)
            [message] = heard.received
            assert isinstance(message, m.Failed)
            assert "was upgraded" in message.failure.summary

    run(talk)
    assert process.wait() == -signal.SIGKILL


def test_the_end_of_a_child_is_told_once() -> None:
    """A dead child would be waited for, or two starts made in its place."""

    async def end() -> None:
        with closing(Heard()) as heard:
            heard.children.ended(heard.child.pid, 7)
            heard.children.ended(heard.child.pid, 7)
            assert heard.exited == [7]
            assert not heard.children

    run(end)


def test_what_a_child_said_may_remove_it() -> None:
    """A start that is made again because of what it said would print a traceback of ours."""

    async def talk() -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: told.append(what))
        with closing(Heard(removes=True)) as heard:
            heard.other_end.send(m.Answered())
            heard.other_end.send(m.Answered())
            heard.other_end.close()
            await until(lambda: heard.received or told)
            heard.children.read(heard.child)
            assert heard.received == [m.Answered()]
            assert not told
            assert not heard.problems

    run(talk)


def test_an_uncertain_process_id_is_not_believed() -> None:
    """The end of the copy that a child has left behind would be taken for that of the child."""

    async def end() -> None:
        with closing(Heard()) as heard:
            heard.child.pid_is_certain = False
            heard.children.ended(heard.child.pid, 0)
            assert not heard.exited

    run(end)


def test_an_end_that_nobody_reports() -> None:
    """Where orphans go to the first process of the system, a dead child would be waited for."""

    async def end() -> None:
        with closing(Heard(will_reap=False)) as heard:
            heard.other_end.close()
            await until(lambda: heard.exited)
            assert heard.exited == [-signal.SIGKILL]

    run(end)


def test_a_child_retires_once() -> None:
    """A second order would cut the time that answers under way have."""

    async def retire() -> None:
        with closing(Heard()) as heard:
            heard.child.serves = True
            heard.children.retire(1, 5.0)
            heard.children.retire(1, 0.0)
            heard.children.retire(99, 0.0)
            await asyncio.sleep(0)
            messages = [message for message, _ in heard.other_end.drain()]
            assert messages == [m.Retire(5.0)]
            assert heard.child.retired

    run(retire)


def test_what_is_not_read_waits_outside_the_loop() -> None:
    """A stopped child would stop the terminal, the error page and Ctrl-C."""

    async def send() -> None:
        ours, theirs = Channel.pair()
        with closing(theirs):
            ours.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            paths = tuple(f"/site/module{number}.py" for number in range(2000))
            read, write = os.pipe()
            for token in range(20):
                outgoing.send(ours, m.Changed(token, paths))
            outgoing.send(ours, m.Adopt(), [write])
            os.close(write)
            received: list[tuple[m.Message, list[int]]] = []
            while len(received) < 21:
                await asyncio.sleep(0)
                received += theirs.drain()
            assert [message.token for message, _ in received[:-1]] == [*range(20)]  # type: ignore[union-attr]
            os.write(received[-1][1][0], b"tea")
            assert os.read(read, 9) == b"tea"
            os.close(received[-1][1][0])
            os.close(read)
            outgoing.close(ours)

    run(send)


def test_a_child_that_reads_nothing_is_told_of() -> None:
    """A stopped process would never be replaced, and fill the memory of the command."""

    async def flood() -> None:
        with closing(Heard()) as heard:
            paths = tuple(f"/site/module{number}.py" for number in range(20000))
            for token in range(40):
                heard.child.send(m.Changed(token, paths))
            await until(lambda: heard.problems)
            assert set(heard.problems) == {"deaf"}

    run(flood)


def test_half_a_message_keeps_nobody_waiting() -> None:
    """A child that was stopped while it wrote would stop the loop, or be replaced for it."""

    async def talk() -> None:
        with closing(Heard()) as heard, closing(Heard()) as other:
            data = encode(m.Hello(4711))
            frame = len(data).to_bytes(4, "big") + bytes([0]) + data
            heard.other_end.socket.sendall(frame[:9])
            other.other_end.send(m.Answered())
            await until(lambda: other.received)
            assert not heard.received
            assert not heard.problems
            heard.other_end.socket.sendall(frame[9:])
            await until(lambda: heard.received)
            assert heard.received == [m.Hello(4711)]

    run(talk)
