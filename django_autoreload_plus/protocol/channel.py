"""A private two-way channel that carries messages and descriptors.

An inherited ``AF_UNIX`` socket pair: nobody else on the machine can reach it,
and each end reads end-of-file the moment the other one is gone, however it
died. A frame is a four-byte length, a one-byte count of attached descriptors
and the encoded message.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Iterator, Sequence

from .codec import MessageError, decode, encode
from .messages import REGISTRY, Message

_HEADER = struct.Struct("!IB")
_CHUNK = 1 << 16
#: More than any honest message needs; a bigger length is a broken stream.
_LARGEST = 1 << 28
_FDS = 8


class ChannelClosed(ConnectionError):  # noqa: N818 - the end of a conversation, not a mistake
    """The other end is gone."""


class Channel:
    """One end of a channel; not safe for two readers or two writers at once."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._buffer = bytearray()
        self._descriptors: deque[int] = deque()

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Two connected ends, neither of them inheritable."""
        left, right = socket.socketpair()
        return cls(left), cls(right)

    def fileno(self) -> int:
        """The descriptor, for selectors."""
        return self.socket.fileno()

    def send(self, message: Message, descriptors: Sequence[int] = ()) -> None:
        """Send a message; the attached descriptors stay open on this side.

        Blocks while the other end's buffer is full, also on a non-blocking
        socket: messages are small and both ends read eagerly.
        """
        body = encode(message)
        data = memoryview(_HEADER.pack(len(body), len(descriptors)) + body)
        timeout = self.socket.gettimeout()
        self.socket.settimeout(None)
        try:
            if descriptors:
                rights = array.array("i", descriptors)
                sent = self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
                data = data[sent:]
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosed("the other process is gone") from error
        finally:
            self.socket.settimeout(timeout)

    def receive(self) -> tuple[Message, list[int]]:
        """Wait for one message and the descriptors attached to it."""
        while True:
            for item in self._parse():
                return item
            self._fill()

    def drain(self) -> Iterator[tuple[Message, list[int]]]:
        """Read all that is there and yield the complete messages, without waiting.

        Raises :class:`ChannelClosed` after the last message of a peer that is
        gone.
        """
        closed: ChannelClosed | None = None
        try:
            while True:
                self._fill(socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        except ChannelClosed as error:
            closed = error
        yield from self._parse()
        if closed is not None:
            raise closed

    def close(self) -> None:
        """Close this end and every descriptor nobody has taken."""
        self.socket.close()
        while self._descriptors:
            with contextlib.suppress(OSError):
                os.close(self._descriptors.popleft())

    def _fill(self, flags: int = 0) -> None:
        space = socket.CMSG_SPACE(_FDS * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = self.socket.recvmsg(_CHUNK, space, flags)
        except ConnectionResetError as error:
            raise ChannelClosed("the other process is gone") from error
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
                for descriptor in received:
                    os.set_inheritable(descriptor, False)
                self._descriptors.extend(received)
        if not data:
            raise ChannelClosed("the other process is gone")
        self._buffer += data

    def _parse(self) -> Iterator[tuple[Message, list[int]]]:
        while len(self._buffer) >= _HEADER.size:
            length, count = _HEADER.unpack_from(self._buffer)
            if length > _LARGEST or count > _FDS:
                raise MessageError(f"broken channel: a message of {length} bytes")
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            attached = [self._descriptors.popleft() for _ in range(count)]
            yield decode(body, REGISTRY), attached
