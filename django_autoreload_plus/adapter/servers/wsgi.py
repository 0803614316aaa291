"""Django's development server on a socket that the supervisor holds.

The server accepts only while the gate admits this process, and it never loses
a connection: one that nothing has been read from goes back to the supervisor,
which gives it to the process with the new code.
"""

from __future__ import annotations

import contextlib
import io
import os
import queue
import re
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from functools import cache
from socket import socket as Socket  # noqa: N812 - a class attribute hides the module
from typing import TYPE_CHECKING, Any

from ...child.connection import Connection
from ...protocol.address import Address
from .gate import AcceptGate

if TYPE_CHECKING:
    from socketserver import BaseRequestHandler

    from django.core.servers.basehttp import WSGIServer

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)

_EVENT_STREAM = re.compile(rb"(?im)^content-type: *text/event-stream\b")


class WsgiGate:
    """Whether this process may take requests, for all its threads."""

    def __init__(self, link: Connection) -> None:
        self._gate = AcceptGate(link)
        self._changed = threading.Condition()
        self._connections = 0
        self._ended = False
        self._event_streams: set[socket.socket] = set()
        self.adopted: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
        #: Becomes readable when the accept loop has to check the gate.
        self.wake, self._waker = socket.socketpair()
        #: Becomes readable, and stays so, when this process retires.
        self._retirement, self._retirer = socket.socketpair()

    @property
    def retired(self) -> bool:
        """Whether this process begins nothing more."""
        return self._gate.retired

    def is_open(self) -> bool:
        """Whether a request may be begun right now."""
        return self._gate.is_open()

    def resume(self) -> None:
        """The gate may have opened."""
        with self._changed:
            self._gate.released = False
            self._changed.notify_all()
        self._waker.send(b"!")

    def release(self) -> None:
        """While the gate is closed, requests are not to wait here."""
        with self._changed:
            self._gate.released = True
            self._changed.notify_all()

    def retire(self) -> None:
        """Begin nothing more in this process."""
        with self._changed:
            if self.retired:
                return
            self._gate.retired = True
            self._changed.notify_all()
            for connection in self._event_streams:
                _end(connection)
        self._retirer.close()
        self._waker.send(b"!")

    def end(self) -> None:
        """Wait for no answer any more."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def adopt(self, connection: socket.socket) -> None:
        """Take over a connection that another process accepted."""
        self.adopted.put(connection)
        self._waker.send(b"!")

    def await_request(self, connection: socket.socket) -> bool:
        """Wait until the client sends something; false when another process is to read it.

        While the gate is closed a request stays unread, so that either this
        process goes on with it (nothing had changed), the next one gets it, or
        the supervisor answers why there is none.
        """
        with _Selector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(self._retirement, selectors.EVENT_READ)
            selector.select()
        with self._changed:
            self._changed.wait_for(lambda: self.retired or self._gate.released or self.is_open())
            return self.is_open()

    def hand_back(self, connection: socket.socket) -> None:
        """Give a connection to whoever serves the new code."""
        self._gate.hand_back(connection)

    def began(self) -> None:
        """A request is about to be answered."""
        self._gate.began()

    def ended(self) -> None:
        """It has been answered, or was given up."""
        self._gate.ended()

    def before_answer(self) -> None:
        """A part of an answer is about to be sent."""
        self._gate.before_answer()

    def answered(self) -> None:
        """A request has been answered."""
        self._gate.answered()

    def opened(self) -> None:
        """A connection is this process's to serve."""
        with self._changed:
            self._connections += 1

    def streams_events(self, connection: socket.socket) -> None:
        """End this connection when the process retires.

        An event stream has no end of its own, and its client connects again.
        """
        with self._changed:
            self._event_streams.add(connection)
            if self.retired:
                _end(connection)

    def streams_nothing(self, connection: socket.socket) -> None:
        """The answer on this connection is over."""
        with self._changed:
            self._event_streams.discard(connection)

    def closed(self) -> None:
        """A connection was closed or given away."""
        with self._changed:
            self._connections -= 1
            self._changed.notify_all()

    def wait_until_idle(self) -> None:
        """Wait for the last answer; the supervisor bounds how long."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not self._connections)


class HeldServerMixin:
    """Goes before a server class: the socket is the supervisor's."""

    gate: WsgiGate
    link: Connection
    socket: Socket
    server_address: Any
    address_family: int
    RequestHandlerClass: type[BaseRequestHandler]

    def server_bind(self) -> None:
        """Take the socket that is bound already, instead of binding one."""
        host, port = self.server_address[:2]
        self.socket.close()
        ipv6 = self.address_family == socket.AF_INET6
        self.socket = self.link.listen(Address(host, port, ipv6))
        self.server_address = self.socket.getsockname()
        self.server_name = full_name(self.server_address[0])
        self.server_port = self.server_address[1]
        self.setup_environ()  # type: ignore[attr-defined]
        self.RequestHandlerClass = _gated(self.RequestHandlerClass)

    def server_activate(self) -> None:
        """Do nothing: the socket listens already."""

    def get_request(self) -> tuple[Socket, Any]:
        """Accept; another process may have been faster."""
        connection, address = self.socket.accept()
        # A non-blocking listener makes non-blocking connections on some systems.
        connection.setblocking(True)
        return connection, address

    def serve_forever(self, poll_interval: float = 0.5) -> None:  # noqa: ARG002 - nothing polls
        """Accept while the gate is open; return once retired and idle."""
        self.link.serve(self.gate)
        with selectors.DefaultSelector() as selector:
            selector.register(self.gate.wake, selectors.EVENT_READ)
            selector.register(self.socket, selectors.EVENT_READ)
            listens = True
            while not self.gate.retired:
                ready = [key.fileobj for key, _ in selector.select()]
                if self.gate.wake in ready:
                    self.gate.wake.recv(4096)
                    self._serve_adopted()
                    if not listens and self.gate.is_open():
                        selector.register(self.socket, selectors.EVENT_READ)
                        listens = True
                if self.socket in ready and not self._accept():
                    selector.unregister(self.socket)
                    listens = False
        self._pass_on_adopted()
        self.socket.close()
        self.gate.wait_until_idle()

    def shutdown_request(self, request: Any) -> None:
        """The one place through which every connection ends."""
        super().shutdown_request(request)  # type: ignore[misc]
        self.gate.closed()

    def _accept(self) -> bool:
        """Take one connection; false when the gate is closed."""
        if not self.gate.is_open():
            return False
        try:
            connection, address = self.get_request()
        except OSError:
            return True
        if self.gate.is_open():
            self._serve(connection, address)
            return True
        # The gate closed while we were accepting: this one is not ours.
        self.gate.hand_back(connection)
        connection.close()
        return False

    def _adopted(self) -> Iterator[Socket]:
        with contextlib.suppress(queue.Empty):
            while True:
                yield self.gate.adopted.get_nowait()

    def _serve_adopted(self) -> None:
        for connection in self._adopted():
            connection.setblocking(True)
            try:
                address = connection.getpeername()
            except OSError:
                connection.close()
            else:
                self._serve(connection, address)

    def _pass_on_adopted(self) -> None:
        for connection in self._adopted():
            self.gate.hand_back(connection)
            connection.close()

    def _serve(self, connection: Socket, address: Any) -> None:
        server: Any = self
        self.gate.opened()
        try:
            server.process_request(connection, address)
        except Exception:  # noqa: BLE001 - what the standard library's loop does
            server.handle_error(connection, address)
            server.shutdown_request(connection)


class _PausableReader(io.RawIOBase):
    """Reads a connection; paused, it shows what a buffer above it still holds."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.paused = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        return None if self.paused else self._connection.recv_into(buffer)


class _NoticingWriter(io.BufferedIOBase):
    """Writes to a connection; notices the header of a stream of events."""

    def __init__(self, writer: Any, before: Callable[[], None], notice: Callable[[], None]) -> None:
        """``before`` is called before each write, ``notice`` when a stream of events begins."""
        self._writer = writer
        self._before = before
        self._notice = notice

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._before()
        # wsgiref writes the headers of an answer at once, and nothing with them.
        if bytes(data[-4:]) == b"\r\n\r\n" and _EVENT_STREAM.search(data):
            self._notice()
        return int(self._writer.write(data))

    def fileno(self) -> int:
        return int(self._writer.fileno())


class GatedHandlerMixin:
    """Goes before a request handler: checks the gate before each request."""

    server: HeldServerMixin
    connection: socket.socket
    close_connection: bool
    rfile: Any
    wfile: Any

    def setup(self) -> None:
        """Read through a reader that can be asked what it holds."""
        super().setup()  # type: ignore[misc]
        self.rfile.close()
        self._reader = _PausableReader(self.connection)
        self.rfile = io.BufferedReader(self._reader)
        gate, connection = self.server.gate, self.connection
        self.wfile = _NoticingWriter(
            self.wfile, gate.before_answer, lambda: gate.streams_events(connection)
        )

    def handle_one_request(self) -> None:
        """Answer the next request, or give the connection away untouched."""
        gate = self.server.gate
        if self._has_read_ahead() or gate.await_request(self.connection):
            gate.began()
            try:
                self._answer()
                gate.answered()
            finally:
                gate.ended()
            return
        self.close_connection = True
        gate.hand_back(self.connection)
        # Others serve it now: whatever closes this object must not shut it down.
        os.close(self.connection.detach())

    def _answer(self) -> None:
        try:
            super().handle_one_request()  # type: ignore[misc]
        finally:
            self.server.gate.streams_nothing(self.connection)

    def _has_read_ahead(self) -> bool:
        """Whether the client sent the next request together with the last one."""
        self._reader.paused = True
        try:
            return bool(self.rfile.peek(1))
        finally:
            self._reader.paused = False


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def held_server(server_class: type[WSGIServer], link: Connection) -> type[WSGIServer]:
    """``server_class`` on the supervisor's socket."""
    body = {"link": link, "gate": WsgiGate(link), "__module__": __name__}
    return type(server_class.__name__, (HeldServerMixin, server_class), body)


def _gated(handler: type[BaseRequestHandler]) -> type[BaseRequestHandler]:
    return type(handler.__name__, (GatedHandlerMixin, handler), {"__module__": __name__})


@cache
def full_name(host: str) -> str:
    """The name the standard library's server gives itself; may ask a name server."""
    return socket.getfqdn(host)
