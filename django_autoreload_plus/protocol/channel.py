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
from collections.abc import Iterable, Iterator, Sequence

from .codec import MessageError, decode, encode
from .messages import REGISTRY, Message

_HEADER = struct.Struct("!IB")
_CHUNK = 1 << 16
#: More than any message of ours needs; a bigger length means that the stream is corrupt.
_LARGEST = 1 << 28
_FDS = 8
#: A peer that never stops sending must not keep its reader from everything else: after so
#: many reads the messages that are complete are handled first. More than a socket buffers.
_MOST_READS = 512
#: What waits for a peer that reads nothing, besides what the kernel takes: so many bytes, and
#: frames with descriptors, each of which is one of the few that a process may have.
_MOST_WAITING = 1 << 23
_MOST_WITH_DESCRIPTORS = 16


#: Cause and cure, where :func:`is_supported` is false.
UNSUPPORTED = (
    "django-autoreload-plus needs Unix sockets, which this platform does not have;"
    " run the program without it"
)


def is_supported() -> bool:
    """Whether this platform can hand an open socket to another process (not Windows)."""
    return hasattr(socket, "SCM_RIGHTS")


class ChannelClosed(ConnectionError):  # noqa: N818 - the end of a conversation, not a mistake
    """The other end is gone."""


class ChannelFull(ChannelClosed):
    """The other end has read nothing for so long that no more can wait for it."""


class Channel:
    """One end of a channel; not safe for two readers or two writers at once."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        if connection.gettimeout():
            # The program has chosen a time limit for all of its sockets; this one is ours.
            connection.settimeout(None)
        self._buffer = bytearray()
        self._descriptors: deque[int] = deque()
        #: Frames that :meth:`post` could not send yet, with copies of their descriptors.
        self._outgoing: deque[tuple[memoryview, list[int]]] = deque()

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
        data = _frame(message, descriptors)
        timeout = self.socket.gettimeout()
        self.socket.settimeout(None)
        try:
            if descriptors:
                data = data[self._send_some(data, descriptors) :]
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ChannelClosed("the other process is gone") from error
        finally:
            self.socket.settimeout(timeout)

    def post(self, message: Message, descriptors: Sequence[int] = ()) -> bool:
        """Send a message without waiting; returns whether all of it is sent.

        What is left is sent by :meth:`flush`, in order. Raises :class:`ChannelClosed` when
        the other end is gone, and :class:`ChannelFull` when it reads nothing any more, or
        there is no descriptor left to wait with; then the message is not sent.
        """
        data, sent = _frame(message, descriptors), 0
        if self.flush():
            with contextlib.suppress(BlockingIOError):
                sent = self._send_now(data, descriptors)
        if sent < len(data):
            # The kernel passes the descriptors with the first byte.
            self._keep(data[sent:], [] if sent else descriptors)
        return not self._outgoing

    def _keep(self, data: memoryview, descriptors: Sequence[int]) -> None:
        waiting = sum(len(frame) for frame, _ in self._outgoing)
        held = sum(1 for _, copies in self._outgoing if copies)
        if waiting > _MOST_WAITING or (descriptors and held >= _MOST_WITH_DESCRIPTORS):
            raise ChannelFull("the other process reads nothing")
        copies: list[int] = []
        try:
            for descriptor in descriptors:
                copies.append(os.dup(descriptor))  # noqa: PERF401 - closed if one fails
        except OSError as error:
            close_all(copies)
            raise ChannelFull(str(error)) from error
        self._outgoing.append((data, copies))

    def flush(self) -> bool:
        """Send what waits, as far as there is room; returns whether nothing is left.

        Raises :class:`ChannelClosed` when the other end is gone.
        """
        while self._outgoing:
            data, descriptors = self._outgoing.popleft()
            try:
                sent = self._send_now(data, descriptors)
            except BlockingIOError:
                self._outgoing.appendleft((data, descriptors))
                return False
            except ChannelClosed:
                self._outgoing.appendleft((data, descriptors))
                raise
            # The kernel passes the descriptors with the first byte.
            close_all(descriptors)
            if sent < len(data):
                self._outgoing.appendleft((data[sent:], []))
        return True

    def _send_now(self, data: memoryview, descriptors: Sequence[int]) -> int:
        try:
            return self._send_some(data, descriptors, socket.MSG_DONTWAIT)
        except BlockingIOError:
            raise
        except OSError as error:
            raise ChannelClosed("the other process is gone") from error

    def _send_some(self, data: memoryview, descriptors: Sequence[int], flags: int = 0) -> int:
        rights = array.array("i", descriptors)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptors else []
        return self.socket.sendmsg([data], ancillary, flags)

    def receive(self) -> tuple[Message, list[int]]:
        """Wait for one message and the descriptors attached to it."""
        while True:
            for item in self._parse():
                return item
            self._fill()

    def drain(self) -> Iterator[tuple[Message, list[int]]]:
        """Read what is there and yield the complete messages, without waiting.

        Of a peer that goes on sending, no more than a bounded part; then the socket
        stays readable. Raises :class:`ChannelClosed` after the last message of a peer that is
        gone.
        """
        closed: ChannelClosed | None = None
        try:
            for _ in range(_MOST_READS):
                self._fill(socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        except ChannelClosed as error:
            closed = error
        yield from self._parse()
        if closed is not None:
            raise closed

    def skip(self) -> None:
        """Read and forget what is there, without waiting, of a peer that has nothing to say.

        Raises :class:`ChannelClosed` when the peer is gone.
        """
        with contextlib.suppress(BlockingIOError):
            for _ in range(_MOST_READS):
                self._fill(socket.MSG_DONTWAIT)
                self._buffer.clear()
                close_all(self._descriptors)
                self._descriptors.clear()

    def close(self) -> None:
        """Close this end and every descriptor nobody has taken."""
        self.socket.close()
        close_all(self._descriptors)
        self._descriptors.clear()
        for _, descriptors in self._outgoing:
            close_all(descriptors)
        self._outgoing.clear()

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
            if count > len(self._descriptors):
                raise MessageError(f"a message without its {count} descriptors: {body[:80]!r}")
            message: Message = decode(body, REGISTRY)
            yield message, [self._descriptors.popleft() for _ in range(count)]


def _frame(message: Message, descriptors: Sequence[int]) -> memoryview:
    body = encode(message)
    if len(body) > _LARGEST:
        raise MessageError(f"{type(message).__name__} is too large: {len(body)} bytes")
    return memoryview(_HEADER.pack(len(body), len(descriptors)) + body)


def close_all(descriptors: Iterable[int]) -> None:
    """Close received descriptors that nobody will use."""
    for descriptor in descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptor)
