"""The listening sockets: bound once, kept while children come and go."""

from __future__ import annotations

import os
import socket

from ..protocol.launch import Address


class Listeners:
    """One socket for each address that the program has asked for."""

    def __init__(self) -> None:
        self._sockets: dict[tuple[str, int, bool], socket.socket] = {}

    def get(self, host: str, port: int, *, ipv6: bool) -> socket.socket:
        """The socket listening there, bound at the first call.

        Raises :class:`OSError` as ``bind()`` does. The socket does not block, since
        a process that loses the race for a connection must not wait for the next
        one. The backlog is the system's largest: connections wait there while
        no child is serving.
        """
        key = (host, port, ipv6)
        if key not in self._sockets:
            self._sockets[key] = _bind(host, port, ipv6=ipv6)
        return self._sockets[key]

    def ensure(self, address: Address) -> None:
        """Have some socket to answer on, if only to show why there is no program."""
        if not self._sockets:
            self.get(address.host, address.port, ipv6=address.ipv6)

    def addresses(self) -> dict[tuple[str, int, bool], socket.socket]:
        """The sockets by what was asked for: host, port, IPv6."""
        return dict(self._sockets)

    @property
    def sockets(self) -> list[socket.socket]:
        """All sockets, in the order in which they were bound."""
        return list(self._sockets.values())

    def close(self) -> None:
        """Give the ports back."""
        for listening in self._sockets.values():
            listening.close()
        self._sockets.clear()


def _bind(host: str, port: int, *, ipv6: bool) -> socket.socket:
    family = socket.AF_INET6 if ipv6 else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            # Elsewhere the option means something else: to share a used port.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(socket.SOMAXCONN)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening
