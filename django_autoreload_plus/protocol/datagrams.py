"""Messages one datagram each, from several writers to one reader."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator, Sequence

from .codec import decode, encode
from .messages import REGISTRY, Message

#: No message that is sent so is larger.
_LARGEST = 1 << 17
_DESCRIPTORS = 4
#: A writer that never stops must not keep the reader from everything else.
_MOST = 256


def pair() -> tuple[socket.socket, socket.socket]:
    """An end to read from, and one to write to, neither of them inheritable."""
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    return reader, writer


def send(writer: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    """Send a message; to a reader that is gone there is nothing to say."""
    with contextlib.suppress(OSError):
        socket.send_fds(writer, [encode(message)], descriptors)


def received(reader: socket.socket) -> Iterator[tuple[Message, list[int]]]:
    """The messages that are there, each with its descriptors, of an end that does not block.

    Raises :class:`.codec.MessageError` for one that cannot be understood.
    """
    for _ in range(_MOST):
        try:
            data, descriptors, _, _ = socket.recv_fds(reader, _LARGEST, _DESCRIPTORS)
        except OSError:
            return
        if not data:
            return
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        message: Message = decode(data, REGISTRY)
        yield message, list(descriptors)
