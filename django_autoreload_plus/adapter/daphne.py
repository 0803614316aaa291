"""Daphne's server on a socket that the supervisor holds.

Twisted accepts connections itself, so this server cannot look at the gate before
each one; it stops and resumes accepting when it is told to. Written against the
public interface of daphne 4: the constructor's ``endpoints`` and
``ready_callable``, ``listeners`` and ``connections``.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from ..child.link import Link

#: Requests under way are looked at this often once the server has retired, in seconds.
_LOOK = 0.05


class DaphneDoor:
    """Follows the supervisor's orders in Twisted's thread."""

    def __init__(self, server: Any, listening: socket.socket) -> None:
        from twisted.internet import reactor  # type: ignore[import-not-found,unused-ignore]

        self._reactor: Any = reactor
        self._server = server
        self._listening = listening
        self._ports: list[Any] = []
        self._retiring = False

    def keep(self, port: Any) -> Any:
        """Remember a port of Twisted's that listens."""
        self._ports.append(port)
        return port

    def pause(self) -> None:
        """Accept nothing until it is decided who answers."""
        self._call(lambda: [port.stopReading() for port in self._ports])

    def resume(self) -> None:
        """Accept again."""
        self._call(lambda: [port.startReading() for port in self._ports if not self._retiring])

    def release(self) -> None:
        """Requests never wait here."""

    def adopt(self, connection: socket.socket) -> None:
        """Serve a connection that another process accepted."""
        factory = self._server.http_factory
        descriptor = connection.detach()

        def take() -> None:
            self._reactor.adoptStreamConnection(descriptor, self._listening.family, factory)
            with contextlib.suppress(OSError):
                socket.close(descriptor)

        self._call(take)

    def retire(self) -> None:
        """Finish the requests under way, then end."""
        self._call(self._begin_to_retire)

    def _begin_to_retire(self) -> None:
        self._retiring = True
        for port in self._ports:
            port.stopReading()
        self._stop_when_idle()

    def _stop_when_idle(self) -> None:
        active = [c for c in self._server.connections.values() if "disconnected" not in c]
        if active:
            self._reactor.callLater(_LOOK, self._stop_when_idle)
        else:
            self._server.stop()

    def _call(self, function: Any) -> None:
        self._reactor.callFromThread(function)


def held_daphne(server_class: Any, link: Link, host: str, port: int, *, ipv6: bool) -> Any:
    """``server_class`` on the supervisor's socket."""

    class HeldServer(server_class):  # type: ignore[misc]
        def __init__(self, **options: Any) -> None:
            listening = link.listen(host, port, ipv6=ipv6)
            door = DaphneDoor(self, listening)
            # In the main thread, unlike under Django's own reloader.
            options["signal_handlers"] = True
            options["endpoints"] = [f"fd:fileno={listening.fileno()}"]
            options["ready_callable"] = lambda: self._ready(door)
            super().__init__(**options)

        def _ready(self, door: DaphneDoor) -> None:
            for listener in self.listeners:
                listener.addCallback(door.keep)
            link.serve(door)

    HeldServer.__name__ = server_class.__name__
    return HeldServer
