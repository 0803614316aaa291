"""Passes the bytes of a connection on to the program's own server, which accepts in C.

Such a server cannot be made to check the gate. So it listens on a port of its own, and each
connection is accepted here, read request by request, and passed on.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time

_CHUNK = 65536
_PAUSE = 0.005


def relay(client: socket.socket, address: tuple[str, int]) -> None:
    """Connect to the server at ``address`` for this client; returns at once."""
    threading.Thread(target=_run, args=(client, address), daemon=True).start()


def _run(client: socket.socket, address: tuple[str, int]) -> None:
    with client, contextlib.suppress(OSError):
        client.settimeout(None)
        with socket.create_connection(address) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # One direction each, so that a client that does not read stops the server alone.
            answers = threading.Thread(target=_pass_on, args=(server, client), daemon=True)
            answers.start()
            _pass_on(client, server)
            answers.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Pass bytes on until the source is at its end."""
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def wait_for_listener(listening: socket.socket) -> None:
    """Wait until somebody listens on a bound socket."""
    while not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        # No event tells of it.
        time.sleep(_PAUSE)
