"""The sockets of a program, in one process: who gets a connection, and how often."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

import pytest

from django_autoreload_plus.child.sockets.listening import ProgramSockets
from django_autoreload_plus.child.workers import Workers
from django_autoreload_plus.protocol import messages as m

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django_autoreload_plus.child.connection import Connection


@dataclass
class Gate:
    """A gate that closes when it has been asked so often."""

    times: int

    def admits(self, _slot: int) -> bool:
        """Whether it was not yet asked so often."""
        self.times -= 1
        return self.times >= 0


@dataclass
class Link:
    """A connection to the supervisor that keeps the connections that are given back."""

    gate: Gate
    slot: int = 1
    given: list[socket.socket] = field(default_factory=list)

    def is_here(self) -> bool:
        """Yes: nothing was forked."""
        return True

    def before_answer(self) -> None:
        """Nothing is imported."""

    def send(self, message: m.Message, descriptors: Sequence[int]) -> None:
        """Keep what is given back."""
        assert isinstance(message, m.HandBack)
        self.given += [socket.socket(fileno=os.dup(number)) for number in descriptors]


@pytest.fixture(name="client")
def fixture_client(listening: socket.socket) -> Iterator[socket.socket]:
    """A client that has sent a request."""
    with socket.create_connection(listening.getsockname()) as client:
        client.sendall(b"GET / HTTP/1.1\r\n\r\n")
        yield client


@pytest.fixture(name="listening")
def fixture_listening() -> Iterator[socket.socket]:
    """A port that is listened on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("times", [1, 2])
def test_given_back_once(listening: socket.socket, times: int) -> None:
    """Two threads of the next process would read it, and one would answer with old code later."""
    link = Link(Gate(times))
    connection = cast("Connection", link)
    sockets = ProgramSockets(connection, Workers(connection))
    accepted = sockets.accept(listening._accept)  # type: ignore[attr-defined]
    if times == 1:
        assert accepted is None
    else:
        assert accepted is not None
        assert accepted[0].recv(100) == b""
        sockets.give_idle_connections()
        accepted[0].close()
    (given,) = link.given
    with given:
        assert given.recv(3) == b"GET"
