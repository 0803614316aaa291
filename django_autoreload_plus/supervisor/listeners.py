"""The listening sockets: bound once, kept while children come and go."""

from __future__ import annotations

import socket
from collections.abc import Callable

from ..protocol.address import Address


class Listeners:
    """One socket for each address that the program has asked for."""

    def __init__(self) -> None:
        self._sockets: dict[Address, socket.socket] = {}
        #: Those that a child has bound.
        self._kept: set[Address] = set()

    def get(self, address: Address) -> socket.socket:
        """The socket listening there, bound at the first call.

        Raises :class:`OSError` as ``bind()`` does. The socket does not block, since
        a process that loses the race in ``accept()`` must not wait for the next
        connection. The backlog is the largest allowed: connections wait in it while
        no child is serving.
        """
        if address not in self._sockets:
            self._sockets[address] = _bind(address)
        return self._sockets[address]

    def find(self, address: Address) -> socket.socket | None:
        """The socket that listens there already."""
        return self._sockets.get(address)

    def keep(self, address: Address, listening: socket.socket) -> None:
        """Keep a socket that a child has bound, instead of the one kept there until now."""
        former = self._sockets.pop(address, None)
        if former is not None:
            former.close()
        self._sockets[address] = listening
        self._kept.add(address)

    def drop(self, is_unused: Callable[[Address], bool]) -> None:
        """Give back those of the ports that a child has bound and that nobody needs."""
        for address in [address for address in self._kept if is_unused(address)]:
            self._kept.discard(address)
            self._sockets.pop(address).close()

    def ensure(self, address: Address) -> None:
        """Have some socket to answer on, if only to show why there is no program."""
        if not self._sockets:
            self.get(address)

    def by_address(self) -> dict[Address, socket.socket]:
        """The sockets by what was asked for."""
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
        self._kept.clear()


def _bind(address: Address) -> socket.socket:
    family = socket.AF_INET6 if address.ipv6 else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
        listening.listen(socket.SOMAXCONN)
        listening.setblocking(False)
    except BaseException:
        listening.close()
        raise
    return listening
