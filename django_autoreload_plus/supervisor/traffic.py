"""Listening sockets, the gate and parked connections: who answers the browser."""

from __future__ import annotations

import socket
from collections.abc import Callable

from ..protocol import messages as m
from ..protocol.address import Address
from ..protocol.failure import Failure
from ..protocol.gate import Gate, slot_of
from .child import Child
from .error_page.respond import PageContext
from .error_page.server import ErrorServer
from .listeners import Listeners


class Traffic:
    """The listening sockets, the gate, and the connections that wait."""

    def __init__(
        self, address: Address | None, gate: Gate, is_undecided: Callable[[], bool]
    ) -> None:
        """``is_undecided`` says whether a change is just being inspected."""
        self._address = address
        self._is_undecided = is_undecided
        self.gate = gate
        self.listeners = Listeners()
        self._waiting: list[socket.socket] = []
        self._error_server: ErrorServer | None = None
        self._admitted: Child | None = None
        self._shows_failure = False

    def listen(self, child: Child, message: m.Listen) -> None:
        """Hand a child the socket that it asks for, or say why there is none."""
        if not message.bind:
            self._lend(child, message)
            return
        try:
            listening = self.listeners.get(message.address)
        except (OSError, OverflowError) as error:
            number = getattr(error, "errno", None) or 0
            reason = getattr(error, "strerror", None) or str(error)
            child.refused = f"{message.address}: {reason}"
            child.send(m.Listening(number, reason))
        else:
            child.send(m.Listening(), [listening.fileno()])

    def keep(self, child: Child, message: m.Keep, listening: socket.socket) -> None:
        """Keep the socket on which a child's program listens, so that no port is ever closed."""
        child.listens.add(message.address)
        child.awaits_workers = message.by_workers
        # Its blocking mode is left alone: the program's processes share it.
        self.listeners.keep(message.address, listening)

    def drop_unused(self, child: Child) -> None:
        """Give back the ports on which the child that answers does not listen any more."""
        if self._admitted is child:
            self.listeners.drop(lambda address: address not in child.listens)

    def pause(self) -> None:
        """Let everybody wait: it is being decided who answers."""
        self.gate.close()
        self._admitted = None
        if self._error_server is not None:
            self._error_server.pause()

    def admit(self, child: Child, *, failure_over: bool) -> None:
        """Let this child answer, beginning with those who wait."""
        self.gate.admit(slot_of(child.gate_generation or child.generation))
        self._admitted = child
        self._shows_failure = False
        child.send(m.Resume())
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
                is_undecided=lambda: self.gate.has_pending() or self._is_undecided(),
                pass_on=self.take_back,
            )
        self._shows_failure = True
        self._error_server.show(failure, context, self.listeners.sockets)
        if standby is not None:
            standby.send(m.Release())
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

    def _lend(self, child: Child, message: m.Listen) -> None:
        wanted = message.address
        held = self.listeners.find(wanted)
        if held is None:
            # The program is going to bind this address, which fails while a wider one is bound.
            self.listeners.drop(lambda a: a.port == wanted.port and a not in child.listens)
            child.send(m.Listening(message="no child has listened there"))
        else:
            child.listens.add(wanted)
            child.send(m.Listening(), [held.fileno()])

    def _give(self, child: Child, connection: socket.socket) -> None:
        with connection:
            child.send(m.Adopt(), [connection.fileno()])

    def _ensure_socket(self) -> str | None:
        if self._address is not None and not self.listeners.sockets:
            try:
                self.listeners.ensure(self._address)
            except OSError as error:
                return error.strerror or str(error)
        return None
