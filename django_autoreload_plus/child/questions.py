"""What a child asks its supervisor: one question at a time, and it waits for the answer.

Before the listener's thread runs, the thread that asks reads the answer itself; afterwards
the listener reads it, and wakes that thread.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from ..exhaustive import assert_never
from ..protocol import messages as m
from ..protocol.channel import ChannelClosed
from .listener import Listener


class Questions:
    """The questions of one child, from any of its threads."""

    def __init__(
        self,
        listener: Listener,
        *,
        send: Callable[[m.Message], None],
        receive: Callable[[], tuple[m.Message, list[int]]],
        guard: Callable[[bool], None],
    ) -> None:
        """``receive`` reads the next message from the channel, which ``guard`` must not watch."""
        self._listener = listener
        self._send = send
        self._receive = receive
        self._guard = guard
        #: Held while an answer is awaited.
        self.lock = threading.RLock()
        self._cleared = threading.Event()
        self._listening_came = threading.Event()
        self._listening: tuple[m.Listening, list[int]] | None = None

    def listen(self, question: m.Listen) -> tuple[m.Listening, list[int]]:
        """Ask for a listening socket."""
        with self.lock:
            if not self._listener.runs:
                reply, descriptors = self._request(question)
                assert isinstance(reply, m.Listening)
                return reply, descriptors
            self._listening_came.clear()
            self._send(question)
            self._listening_came.wait()
            assert self._listening is not None
            return self._listening

    def clearance(self, question: m.AskClearance, is_needed: Callable[[], bool]) -> bool:
        """Wait until an exclusive act may go on; returns whether no older process is left."""
        if self._listener.is_current_thread():
            # This very thread would have to read the answer.
            return False
        with self.lock:
            if not is_needed():
                # Given while this thread waited for another one's answer.
                return True
            if not self._listener.runs:
                reply, _ = self._request(question)
                assert isinstance(reply, m.Cleared)
                return reply.alone
            self._cleared.clear()
            self._send(question)
            self._cleared.wait()
            return not is_needed()

    def answered(self, answer: m.Listening | m.Cleared, descriptors: list[int]) -> None:
        """The listener has read this answer."""
        match answer:
            case m.Listening():
                self._listening = answer, descriptors
                self._listening_came.set()
            case m.Cleared():
                self._cleared.set()
            case _:
                assert_never(answer)

    def _request(self, question: m.Message) -> tuple[m.Message, list[int]]:
        """Ask, and read the answer here; only before a thread listens to the supervisor."""
        self._guard(False)
        self._send(question)
        try:
            answer = self._receive()
        except ChannelClosed:
            os._exit(1)
        self._guard(True)
        return answer
