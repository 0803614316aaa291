"""What the kernel tells of Unix sockets (Linux, see sock_diag(7))."""

from __future__ import annotations

import contextlib
import os
import socket
import struct

from ...records import dataclass

# From linux/netlink.h, linux/sock_diag.h and linux/unix_diag.h.
_AF_NETLINK = 16
_NETLINK_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_NLM_F_REQUEST = 1
_ANY_STATE = 0xFFFFFFFF
_ANY_COOKIE = 0xFFFFFFFF
_SHOW = 0x01 | 0x04 | 0x10 | 0x20  # the name, the peer, the queues and the memory
_UNIX_DIAG_PEER = 2
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBHIIIII")
_ANSWER = struct.Struct("=BBBBIII")
_ATTRIBUTE = struct.Struct("=HH")
#: What the listing leaves out.
_OPTIONS = (
    "SO_LINGER",
    "SO_MARK",
    "SO_PASSCRED",
    "SO_PASSSEC",
    "SO_PEEK_OFF",
    "SO_PRIORITY",
    "SO_RCVTIMEO",
    "SO_SNDTIMEO",
)


@dataclass(frozen=True)
class UnixSocket:
    """A socket, without what tells it from others of its kind."""

    #: ``SOCK_STREAM`` or another.
    type: int
    #: The state, and attributes by their numbers: queues, buffers, a shutdown, a name.
    details: tuple[int, dict[int, bytes]]
    options: tuple[bytes, ...]


def look(descriptor: int) -> tuple[UnixSocket, int]:
    """The socket, and the inode of the one it is connected with; 0: with none.

    :class:`OSError`: the kernel tells nothing; another kind of socket is one reason.
    """
    kind, state, attributes = _ask(os.fstat(descriptor).st_ino)
    peer = int.from_bytes(attributes.pop(_UNIX_DIAG_PEER, b""), "little")
    return UnixSocket(kind, (state, attributes), _options(descriptor)), peer


def _ask(inode: int) -> tuple[int, int, dict[int, bytes]]:
    cookie = (_ANY_COOKIE, _ANY_COOKIE)
    body = _REQUEST.pack(socket.AF_UNIX, 0, 0, _ANY_STATE, inode, _SHOW, *cookie)
    size = _HEADER.size + len(body)
    header = _HEADER.pack(size, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 0, 0)
    with socket.socket(_AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as kernel:
        kernel.send(header + body)
        # The kernel answers before send() returns.
        answer = kernel.recv(65536, socket.MSG_DONTWAIT)
    if _HEADER.unpack_from(answer)[1] != _SOCK_DIAG_BY_FAMILY:
        raise OSError(f"no Unix socket with the inode {inode}")
    _, kind, state, *_ = _ANSWER.unpack_from(answer, _HEADER.size)
    return kind, state, _attributes(answer[_HEADER.size + _ANSWER.size :])


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    while len(data) >= _ATTRIBUTE.size:
        length, number = _ATTRIBUTE.unpack_from(data)
        found[number] = data[_ATTRIBUTE.size : length]
        data = data[(length + 3) & ~3 :]
    return found


def _options(descriptor: int) -> tuple[bytes, ...]:
    if socket.getdefaulttimeout() is not None:
        raise OSError("a socket object would change the mode of the socket")
    looking = socket.socket(fileno=descriptor)
    try:
        return tuple(_option(looking, getattr(socket, name, None)) for name in _OPTIONS)
    finally:
        looking.detach()


def _option(looking: socket.socket, number: int | None) -> bytes:
    with contextlib.suppress(OSError):
        if number is not None:
            return looking.getsockopt(socket.SOL_SOCKET, number, 64)
    return b""
