"""The child processes: their messages are read here, and their ends noticed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import traceback
from collections.abc import Callable, Iterator

from ..exhaustive import assert_never
from ..failure.from_process import from_upgrade
from ..protocol import datagrams
from ..protocol import messages as m
from ..protocol.channel import Channel, ChannelClosed, close_all
from ..protocol.codec import MessageError
from ..protocol.failure import Failure
from . import outgoing
from .child import Child
from .processes import is_alive

#: How long exit handlers may take at a reload before the process is killed, in seconds.
EXIT_TIME = 3.0
#: Between two checks whether a debugger's prompt was left, in seconds.
_PROMPT_INTERVAL = 0.5
#: SIGCHLD for a process whose id is uncertain comes within this time, if ever; seconds.
_LAST_NEWS = 0.5
#: For processes that a program has left behind to end, and between two checks; seconds.
_HELPERS_TIME = 1.0
_HELPERS_INTERVAL = 0.02


class Children:
    """The children by their generation: their messages are read here, and their ends noticed."""

    def __init__(  # noqa: PLR0913 - whom it tells
        self,
        *,
        received: Callable[[Child, m.FromChild, list[int]], None],
        unreadable: Callable[[Child, str], None],
        unresponsive: Callable[[Child], None],
        worker_failed: Callable[[Child, Failure], None],
        exited: Callable[[Child, int], None],
        replaced: Callable[[Child, Channel], None],
        will_reap: Callable[[int], bool],
        stop_signal: Callable[[], int] = lambda: signal.SIGTERM,
    ) -> None:
        """``will_reap`` says whether the end of a process will be noticed.

        ``stop_signal`` is the one by which a program that is no server is told to end.
        ``unresponsive`` is called for a child that reads nothing any more, ``worker_failed``
        for one whose worker process could not load its code; ``exited`` or ``replaced`` once
        for each child, when it is no longer here.
        """
        self._received = received
        self._unreadable = unreadable
        self._unresponsive = unresponsive
        self._worker_failed = worker_failed
        self._exited = exited
        self._replaced = replaced
        self._will_reap = will_reap
        self._stop_signal = stop_signal
        self._children: dict[int, Child] = {}

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._children.values()))

    def __len__(self) -> int:
        return len(self._children)

    def get(self, generation: int) -> Child | None:
        """The child of this generation, if it is still there."""
        return self._children.get(generation)

    def has(self, child: Child) -> bool:
        """Whether this child is still there."""
        return self._children.get(child.generation) is child

    def add(self, child: Child) -> None:
        """Read what a new child sends, from now on."""
        self._children[child.generation] = child
        loop = asyncio.get_running_loop()
        loop.add_reader(child.channel, self.read, child)
        # In the loop's next round: what has sent the message has not returned yet.
        child.overflows = lambda: loop.call_soon(self._overflowed, child)

    def add_workers_channel(self, child: Child, channel: socket.socket) -> None:
        """Read what worker processes of a child's program tell, from now on."""
        channel.setblocking(False)
        child.workers = channel
        asyncio.get_running_loop().add_reader(channel, self._read_workers, child)

    def remove(self, child: Child) -> None:
        """Read from a child no more, and forget it."""
        if child.workers is not None:
            self._read_workers(child)
            asyncio.get_running_loop().remove_reader(child.workers)
            child.workers.close()
            child.workers = None
        outgoing.close(child.channel)
        self._children.pop(child.generation, None)

    def retire(self, generation: int, grace: float) -> None:
        """Let a child finish what it answers, or end, for so many seconds; then end it."""
        child = self._children.get(generation)
        if child is None or child.retired:
            return
        if child.explained:
            # It ends by itself, and may run its exit handlers.
            child.retired = True
            asyncio.get_running_loop().call_later(EXIT_TIME, self._expire, child)
        else:
            self._retire(child, grace, self._expire_undisturbed)

    def hurry(self, child: Child, grace: float) -> None:
        """End a child, whatever it does, so that its exit handlers can run if it was live."""
        if child.live and not child.explained:
            self._retire(child, grace, self._expire)
        else:
            # The child was killed, or runs its exit handlers because it could not start.
            asyncio.get_running_loop().call_later(EXIT_TIME, self._expire, child)

    def give_up(self, generation: int) -> None:
        """End a child that nobody needs; its exit status is not evaluated."""
        child = self._children.get(generation)
        if child is not None and child.workers is not None:
            # Its workers would be left behind.
            child.explained = True
            self._retire(child, EXIT_TIME, self._expire)
        elif child is not None:
            child.explained = True
            child.kill()

    def read_all(self) -> None:
        """Read what all children have sent by now."""
        for child in self:
            self.read(child)
            self._read_workers(child)

    def read(self, child: Child) -> None:
        """Read what a child has sent by now; of one that is removed, nothing more."""
        if not self.has(child):
            return
        loop = asyncio.get_running_loop()
        try:
            for message, descriptors in child.channel.drain():
                self._pass_on(child, message, descriptors)
                # What follows from the message may have removed it, and closed the channel.
                if not self.has(child):
                    return
        except ChannelClosed:
            loop.remove_reader(child.channel)
            self._closed(child)
        except MessageError as error:
            loop.remove_reader(child.channel)
            self._unreadable(child, str(error))
            self._out_of_reach(child)
        except Exception:  # noqa: BLE001 - the command goes on without this child
            loop.remove_reader(child.channel)
            self._unreadable(child, traceback.format_exc())
            self._out_of_reach(child)

    def _read_workers(self, child: Child) -> None:
        """Read what its worker processes have sent by now, and handle it as sent by the child."""
        if child.workers is None:
            return
        try:
            for message, descriptors in datagrams.received(child.workers):
                self._pass_on_of_worker(child, message, descriptors)
                if not self.has(child):
                    return
        except MessageError as error:
            self._unreadable(child, str(error))

    def _pass_on_of_worker(self, child: Child, message: m.Message, descriptors: list[int]) -> None:
        if not isinstance(message, m.FromWorker):
            close_all(descriptors)
            return
        match message:
            case m.Failed():
                self._worker_failed(child, message.failure)
            case m.Loaded() | m.HandBack() | m.Serving() | m.AskWatched():
                self._pass_on(child, message, descriptors)
            case _:
                assert_never(message)

    def ended(self, pid: int, status: int) -> None:
        """A process has ended, which may be one of the children."""
        # The last messages of the process may lie unread in its channel.
        self.read_all()
        for child in self:
            # An uncertain id may be that of the checkpoint that the child has just left behind.
            if child.pid == pid and child.pid_is_certain:
                self._has_exited(child, status)

    def _pass_on(self, child: Child, message: m.Message, descriptors: list[int]) -> None:
        if not isinstance(message, m.FromChild):
            close_all(descriptors)
            raise MessageError(f"unexpected {type(message).__name__}")
        least, most = m.DESCRIPTORS.get(type(message), (0, 0))
        if not least <= len(descriptors) <= most:
            close_all(descriptors)
            raise MessageError(f"{type(message).__name__} with {len(descriptors)} descriptors")
        if isinstance(message, m.Hello):
            child.pid, child.pid_is_certain = message.pid, True
            if message.version != m.VERSION:
                # None of its further messages can be relied on, and no later start is different.
                self._received(child, m.Failed(from_upgrade()), [])
                child.kill()
                return
            if child.retired and not (child.serves or child.explained):
                # The signal went to the checkpoint that it has left behind.
                child.signal(self._stop_signal())
        self._received(child, message, descriptors)

    def _retire(self, child: Child, grace: float, expire: Callable[[Child], None]) -> None:
        child.retired = True
        if child.serves:
            child.send(m.Retire(grace))
            grace += EXIT_TIME
        else:
            child.note_helpers()
            child.signal(self._stop_signal())
        asyncio.get_running_loop().call_later(grace, expire, child)

    def _expire(self, child: Child) -> None:
        if self.has(child) and not child.has_exited:
            if child.retired:
                child.note_helpers()
            child.kill()

    def _expire_undisturbed(self, child: Child) -> None:
        """As :meth:`_expire`, once no debugger's prompt is open in it."""
        if self.has(child) and child.prompts:
            asyncio.get_running_loop().call_later(_PROMPT_INTERVAL, self._expire_undisturbed, child)
        else:
            self._expire(child)

    def _overflowed(self, child: Child) -> None:
        if self.has(child) and not child.explained:
            asyncio.get_running_loop().remove_reader(child.channel)
            self._unresponsive(child)
            self._out_of_reach(child)

    def _closed(self, child: Child) -> None:
        if child.next_channel is None:
            self._out_of_reach(child)
        elif self.has(child):
            self.remove(child)
            self._replaced(child, child.next_channel)

    def _out_of_reach(self, child: Child) -> None:
        # Its end may go unnoticed.
        if not self._will_be_reaped(child):
            asyncio.get_running_loop().call_later(_LAST_NEWS, self._lost, child)

    def _lost(self, child: Child) -> None:
        if self.has(child) and not self._will_be_reaped(child):
            self._has_exited(child, -signal.SIGKILL)

    def _will_be_reaped(self, child: Child) -> bool:
        return child.pid_is_certain and self._will_reap(child.pid)

    def _has_exited(self, child: Child, status: int) -> None:
        if child.has_exited:
            return
        child.has_exited = True
        for pid in child.helpers:
            with contextlib.suppress(OSError):
                os.kill(pid, self._stop_signal())
        self._await_helpers(child, status, asyncio.get_running_loop().time() + _HELPERS_TIME)

    def _await_helpers(self, child: Child, status: int, until: float) -> None:
        """Processes that the program has left behind would work on beside the next one."""
        loop = asyncio.get_running_loop()
        left = {pid for pid in child.helpers if is_alive(pid)}
        if left and loop.time() < until:
            loop.call_later(_HELPERS_INTERVAL, self._await_helpers, child, status, until)
            return
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
        self.remove(child)
        self._exited(child, status)
