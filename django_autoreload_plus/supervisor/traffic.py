"""Who answers the browser: a child, nobody for the moment, or the error page."""

from __future__ import annotations

import socket
from collections.abc import Callable

from ..protocol import messages as m
from ..protocol.failure import Failure
from ..protocol.gate import Gate, slot_of
from ..protocol.launch import Address
from .error_page import PageContext
from .error_server import ErrorServer
from .listener import Listeners
from .process import Child


class Reception:
    """The listening sockets, the gate, and the connections that wait."""

    def __init__(self, address: Address | None, is_undecided: Callable[[], bool]) -> None:
        """``is_undecided`` says whether a change is just being looked at."""
        self._address = address
        self._is_undecided = is_undecided
        self.gate = Gate.create()
        self.listeners = Listeners()
        self._waiting: list[socket.socket] = []
        self._error_server: ErrorServer | None = None
        self._admitted: Child | None = None
        self._shows_failure = False

    def pause(self) -> None:
        """Let everybody wait: it is being decided who answers."""
        self.gate.close()
        self._admitted = None
        if self._error_server is not None:
            self._error_server.pause()

    def admit(self, child: Child, *, failure_over: bool) -> None:
        """Let this child answer, beginning with those who wait."""
        self.gate.admit(slot_of(child.generation))
        self._admitted = child
        self._shows_failure = False
        child.tell(m.Resume())
        for connection in self._waiting:
            self._give(child, connection)
        self._waiting.clear()
        if failure_over and self._error_server is not None:
            self._error_server.live()

    def show(self, failure: Failure, context: PageContext, standby: Child | None) -> str | None:
        """Answer with the error page; returns why not, if the port cannot be had.

        ``standby``: a child that is kept without being admitted gives back the
        requests that wait for it.
        """
        problem = self._ensure_socket()
        if not self.listeners.sockets:
            return problem
        if self._error_server is None:
            self._error_server = ErrorServer(
                self.listeners.sockets,
                is_undecided=lambda: self.gate.is_behind() or self._is_undecided(),
                pass_on=self.take_back,
            )
        self._shows_failure = True
        self._error_server.show(failure, context)
        if standby is not None:
            standby.tell(m.Release())
        for connection in self._waiting:
            self._error_server.adopt(connection)
        self._waiting.clear()
        return None

    def take_back(self, connection: socket.socket) -> None:
        """A child gives back a connection on which nothing was read yet."""
        if self._admitted is not None:
            self._give(self._admitted, connection)
        elif self._shows_failure and self._error_server is not None:
            self._error_server.adopt(connection)
        else:
            self._waiting.append(connection)

    async def close(self) -> None:
        """Give everything back to the system."""
        if self._error_server is not None:
            await self._error_server.close()
        for connection in self._waiting:
            connection.close()
        self.listeners.close()

    def _give(self, child: Child, connection: socket.socket) -> None:
        with connection:
            child.tell(m.Adopt(), [connection.fileno()])

    def _ensure_socket(self) -> str | None:
        if self._address is not None and not self.listeners.sockets:
            try:
                self.listeners.ensure(self._address)
            except OSError as error:
                return error.strerror or str(error)
        return None
