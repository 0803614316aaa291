"""Daphne's server on a socket that the supervisor holds.

Twisted would accept and read a connection before anybody asks whether this process
may still answer. So it gets its connections from an accept gate that does ask. It
waits in Twisted's own loop until a client has said something and the gate is open.

Written against the public interfaces of daphne 4 (``endpoints``, ``ready_callable``,
``listen_success``, ``http_factory``, ``connections``) and Twisted (readers, ``Port``,
``adoptStreamConnection``, ``requestFactory``, ``HTTPChannel.persistent``).
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Any

from ...child.connection import Connection
from ...protocol.address import Address
from .gate import AcceptGate


class _Reader:
    """A socket in Twisted's loop: calls ``ready`` when there is something to read."""

    def __init__(self, reactor: Any, source: socket.socket, ready: Callable[[], None]) -> None:
        self._reactor = reactor
        self._source = source
        self.doRead = ready

    def fileno(self) -> int:
        """The descriptor, as Twisted asks for it."""
        return self._source.fileno()

    def logPrefix(self) -> str:  # noqa: N802 - the name Twisted asks for
        """The name of the writer in Twisted's log."""
        return "autoreload"

    def connectionLost(self, reason: Any) -> None:  # noqa: N802 - the name Twisted asks for
        """Twisted's loop ends, and with it the use of the socket."""

    def start(self) -> None:
        """Watch the socket from now on."""
        self._reactor.addReader(self)

    def stop(self) -> None:
        """Watch it no more: what comes stays in the kernel's queue."""
        self._reactor.removeReader(self)


class DaphneGate:
    """Accepts for Daphne, in Twisted's thread, while the gate is open."""

    def __init__(self, server: Any, link: Connection, listening: socket.socket) -> None:
        from twisted.internet import reactor  # type: ignore[import-not-found,unused-ignore]

        self._reactor: Any = reactor
        self._server = server
        self._link = link
        self._gate = AcceptGate(link)
        self._listening = listening
        self._listener = _Reader(reactor, listening, self._accept)
        #: Connections on which nothing was read yet, each with its reader.
        self._silent: dict[socket.socket, _Reader] = {}
        #: Requests that are being answered; a WebSocket is none, once it has been accepted.
        self._requests: set[Any] = set()

    def open(self) -> None:
        """Begin to accept, as soon as Daphne listens."""
        factory = self._server.http_factory
        build = factory.buildProtocol

        def build_closing(address: Any) -> Any:
            protocol = build(address)
            protocol.requestFactory = _closing(protocol.requestFactory, self._begin_request)
            return protocol

        factory.buildProtocol = build_closing
        self._listener.start()
        self._link.serve(self)

    # -- orders, from the thread that listens to the supervisor ---------------

    def resume(self) -> None:
        """The gate may have opened."""
        self._call(self._look_again)

    def release(self) -> None:
        """While the gate is closed, requests are not to wait here."""
        self._call(self._begin_release)

    def adopt(self, connection: socket.socket) -> None:
        """Serve a connection that another process accepted."""
        self._call(self._wait_for_request, connection)

    def retire(self) -> None:
        """Finish the requests under way, then end."""
        self._call(self._begin_to_retire)

    def end(self) -> None:
        """Wait for no answer any more."""
        self._call(self._server.stop)

    # -- in Twisted's thread --------------------------------------------------

    def before_answer(self) -> None:
        """A part of an answer is about to be sent."""
        self._gate.before_answer()

    def closed(self, protocol: Any) -> None:
        """Daphne has finished with a request, or with a WebSocket."""
        if protocol in self._requests:
            self._requests.remove(protocol)
            self._gate.ended()
        self._gate.answered()
        if self._gate.retired:
            self._stop_when_idle()

    def _begin_request(self, request: Any) -> None:
        self._requests.add(request)
        self._gate.began()

    def _accept(self) -> None:
        if not self._gate.is_open():
            self._listener.stop()
            return
        # Another process may have been faster, or the client has gone again.
        with contextlib.suppress(OSError):
            connection, _ = self._listening.accept()
            self._wait_for_request(connection)

    def _wait_for_request(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        reader = _Reader(self._reactor, connection, lambda: self._take(connection))
        self._silent[connection] = reader
        reader.start()

    def _take(self, connection: socket.socket) -> None:
        reader = self._silent[connection]
        reader.stop()
        if self._gate.is_open():
            del self._silent[connection]
            with connection, contextlib.suppress(OSError):
                self._reactor.adoptStreamConnection(
                    connection.fileno(), self._listening.family, self._server.http_factory
                )
        elif self._gate.retired or self._gate.released:
            self._hand_back(connection)

    def _look_again(self) -> None:
        self._gate.released = False
        if self._gate.is_open():
            self._listener.start()
            for reader in self._silent.values():
                reader.start()

    def _begin_release(self) -> None:
        self._gate.released = True
        for reader in self._silent.values():
            reader.start()

    def _begin_to_retire(self) -> None:
        self._gate.retired = True
        self._listener.stop()
        for connection in [*self._silent]:
            self._hand_back(connection)
        for protocol in [*self._server.connections]:
            # A WebSocket lasts; its client connects again, to the new code.
            if hasattr(protocol, "serverClose"):
                protocol.serverClose()
        self._stop_when_idle()

    def _hand_back(self, connection: socket.socket) -> None:
        self._silent.pop(connection).stop()
        with connection:
            self._gate.hand_back(connection)

    def _stop_when_idle(self) -> None:
        if all("disconnected" in about for about in self._server.connections.values()):
            self._server.stop()

    def _call(self, function: Callable[..., None], *args: Any) -> None:
        self._reactor.callFromThread(function, *args)


def _closing(request_class: Any, begin: Callable[[Any], None]) -> Any:
    """``request_class`` that ends its connection: the next request may be for new code.

    ``begin`` is told of each request that has been read, before it is answered.
    """

    class ClosingRequest(request_class):  # type: ignore[misc]
        def process(self) -> None:
            begin(self)
            self.channel.persistent = False
            self.setHeader(b"Connection", b"close")
            super().process()

    return ClosingRequest


def preload_endpoints() -> None:
    """Load what Twisted looks up when a server is started: the plugins for kinds of endpoints."""
    with contextlib.suppress(Exception):
        from twisted.internet.interfaces import (  # type: ignore[import-not-found,unused-ignore]
            IStreamServerEndpointStringParser,
        )
        from twisted.plugin import getPlugins  # type: ignore[import-not-found,unused-ignore]

        list(getPlugins(IStreamServerEndpointStringParser))


def held_daphne(server_class: Any, link: Connection, address: Address) -> Any:
    """``server_class`` on the supervisor's socket."""

    class HeldServer(server_class):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            listening = link.listen(address)
            listening.setblocking(False)
            self._gate = DaphneGate(self, link, listening)
            # In the main thread, unlike under Django's own reloader.
            options["signal_handlers"] = True
            # Twisted closes the descriptor it is given here.
            options["endpoints"] = [f"fd:fileno={listening.dup().detach()}"]
            options["ready_callable"] = self._gate.open
            super().__init__(**options)

        def listen_success(self, port: Any) -> None:
            super().listen_success(port)
            # Twisted itself is to accept nothing.
            port.stopReading()

        async def handle_reply(self, protocol: Any, message: Any) -> None:
            self._gate.before_answer()
            await super().handle_reply(protocol, message)

        def protocol_disconnected(self, protocol: Any) -> None:
            super().protocol_disconnected(protocol)
            self._gate.closed(protocol)

    HeldServer.__name__ = server_class.__name__
    return HeldServer
