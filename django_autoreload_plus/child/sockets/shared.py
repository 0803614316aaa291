"""Listening sockets in worker processes that have an interpreter of their own.

Their parent has bound the socket, and passes it on by pickling it. Here it is accepted from
only while the gate admits the program's processes.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from ...protocol import messages as m
from ...protocol.gate import Gate
from ..errands import Errands
from .accepted import AcceptedConnection
from .kept import Shared, become, exchange
from .relay import relay, wait_for_listener

_PAUSE = 0.005


class SharedSockets:
    """The listening sockets of this process."""

    def __init__(self, gate: Gate, slot: int, errands: Errands) -> None:
        self._gate = gate
        self._slot = slot
        self._errands = errands

    def pass_on(self, bound: socket.socket) -> None:
        """A process of this one's own gets the socket: it goes by the same gate."""

    def listens(self) -> None:
        """This process is about to accept."""
        self._errands.report()
        self._errands.send(m.Serving())

    def stand_in_front(self, theirs: socket.socket) -> None:
        """See :class:`.kept.Sockets`."""
        front, behind = exchange(theirs)
        become(front, Shared, self)
        args = (front, behind)
        threading.Thread(target=self._serve_in_front, args=args, daemon=True).start()

    def _serve_in_front(self, front: socket.socket, behind: socket.socket) -> None:
        with behind:
            address = behind.getsockname()[:2]
            wait_for_listener(behind)
        front.listen()
        while True:
            connection, _ = front.accept()
            if isinstance(connection, AcceptedConnection):
                # The process may end before the relay has seen that its server has.
                connection.is_alone = True
            relay(connection, address)

    def is_open(self) -> bool:
        """Whether this process may answer what is there now."""
        return self._gate.admits(self._slot)

    def accept(
        self, accept: Callable[[], tuple[int, Any]]
    ) -> tuple[AcceptedConnection, Any] | None:
        """A connection that this process may serve; ``None``: there is none now."""
        if not self.is_open():
            # An event loop would ask again at once.
            time.sleep(_PAUSE)
            return None
        accepted, address = self._errands.take() or (None, None)
        if accepted is None:
            descriptor, address = accept()
            accepted = socket.socket(fileno=descriptor)
        connection = AcceptedConnection.of(
            accepted,
            is_open=self.is_open,
            is_retired=lambda: not self.is_open(),
            hand_back=self._errands.hand_back,
            before_sending=self._errands.before_answer,
        )
        if self.is_open():
            return connection, address
        # A file was saved while it was accepted.
        connection.give()
        return None
