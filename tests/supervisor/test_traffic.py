"""Listening sockets, the gate and parked connections."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from django_autoreload_plus.protocol import messages as m
from django_autoreload_plus.protocol.address import Address
from django_autoreload_plus.protocol.gate import Gate, slot_of
from django_autoreload_plus.supervisor.error_page.respond import PageContext
from django_autoreload_plus.supervisor.traffic import Traffic
from supervisor.alone import FAILURE, child_with_channel, run

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def traffic() -> Iterator[Traffic]:
    """Return one that has no address of its own."""
    made = Traffic(None, Gate.create(), lambda: False)
    yield made
    made.gate.release()


def test_the_admitted_child_alone_may_answer(traffic: Traffic) -> None:
    """Old code would answer beside the new."""

    async def admit() -> None:
        child, its_end = child_with_channel(3)
        traffic.admit(child, failure_over=True)
        assert traffic.gate.admits(slot_of(3))
        assert not traffic.gate.admits(slot_of(2))
        assert [message for message, _ in its_end.drain()] == [m.Resume()]
        traffic.pause()
        assert not traffic.gate.admits(slot_of(3))
        for channel in (child.channel, its_end):
            channel.close()

    run(admit)


def test_parked_connections_go_to_the_next_child(traffic: Traffic) -> None:
    """A request that the old process gave back would never be answered."""

    async def park() -> None:
        client, server = socket.socketpair()
        traffic.take_back(server)
        child, its_end = child_with_channel(2)
        traffic.admit(child, failure_over=True)
        (_, _), (adopt, descriptors) = its_end.drain()
        assert adopt == m.Adopt()
        with client, socket.socket(fileno=descriptors[0]) as adopted:
            adopted.sendall(b"tea")
            assert client.recv(9) == b"tea"
        for channel in (child.channel, its_end):
            channel.close()

    run(park)


def test_an_address_in_use_is_told(traffic: Traffic) -> None:
    """The command would end, or wait, without a word about the port."""

    async def listen() -> None:
        child, its_end = child_with_channel(1)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            traffic.listen(child, m.Listen(Address("127.0.0.1", taken.getsockname()[1])))
        (reply, _) = next(its_end.drain())
        assert isinstance(reply, m.Listening)
        assert reply.message
        assert child.refused.startswith("127.0.0.1:")
        for channel in (child.channel, its_end):
            channel.close()

    run(listen)


def test_no_page_without_an_address(traffic: Traffic) -> None:
    """A program that serves nothing would fail a second time, over its error page."""

    async def show() -> None:
        assert traffic.show(FAILURE, PageContext(), None) is None

    run(show)
