"""The classes of sockets on which a program listens, and which the supervisor keeps.

They go before whatever class the program's own socket has.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol


class Sockets(Protocol):
    """All such sockets of a process."""

    def accept(self, accept: Callable[[], tuple[int, Any]]) -> tuple[socket.socket, Any] | None:
        """A connection that this process may serve; ``None``: there is none now."""

    def pass_on(self, bound: socket.socket) -> None:
        """A socket is passed to another process."""

    def listens(self) -> None:
        """This process listens on a socket that another one has passed to it."""

    def stand_in_front(self, theirs: socket.socket) -> None:
        """An event loop that accepts in C is about to take this socket."""


class Kept(socket.socket):
    """Goes before the class of a socket that the supervisor keeps."""

    __slots__ = ()
    _sockets: Sockets
    _kind: type[socket.socket]

    def __reduce_ex__(self, protocol: Any) -> Any:
        """As :mod:`multiprocessing` passes sockets, which it knows by their exact class."""
        from multiprocessing.reduction import _reduce_socket  # type: ignore[attr-defined]

        self._sockets.pass_on(self)
        return rebuild, _reduce_socket(self)[1]

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the signature of socket.socket
        """Set the mode of this object; who takes it for an event loop does so first."""
        kind = self._kind
        if loop_accepts_in_c():
            self._sockets.stand_in_front(self)
        # It may be of no class of ours any more.
        kind.setblocking(self, flag)


class Bound(Kept):
    """A socket that is bound: on what older code has left, this process does not listen yet."""

    __slots__ = ()

    def getsockopt(self, level: int, option: int, *size: int) -> Any:
        """As of a socket that is bound, and on which nobody listens yet."""
        if (level, option) == (socket.SOL_SOCKET, socket.SO_ACCEPTCONN) and not size:
            return 0
        return super().getsockopt(level, option, *size)


class Gated(Kept):
    """Accepts while the gate admits its process."""

    __slots__ = ()

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept, in the way that the socket's timeout asks for."""
        timeout = self.gettimeout()
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            with contextlib.suppress(BlockingIOError):
                accepted = self._sockets.accept(self._accept)
                if accepted is not None:
                    accepted[0].settimeout(socket.getdefaulttimeout())
                    return accepted
            if timeout == 0:
                raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise TimeoutError("timed out")
            select.select([self], [], [], left)

    def _accept(self) -> tuple[int, Any]:
        # With a timeout, that in C would wait, and accept without asking.
        timeout = self.gettimeout()
        if timeout:
            self.settimeout(0)
        try:
            return super()._accept()  # type: ignore[misc,no-any-return]
        finally:
            if timeout:
                self.settimeout(timeout)

    def shutdown(self, how: int) -> None:
        """Do nothing: later processes listen on the same socket."""

    def settimeout(self, value: float | None) -> None:
        """Set the timeout of this object; the descriptor never blocks."""
        super().settimeout(value)
        os.set_blocking(self.fileno(), False)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the signature of socket.socket
        """As :meth:`settimeout`."""
        super().setblocking(flag)
        os.set_blocking(self.fileno(), False)


class Shared(Gated):
    """As :class:`Gated`, in a worker process."""

    __slots__ = ()

    def listen(self, backlog: int = -1, /) -> None:
        """Listen; connections wait there while no process answers."""
        super().listen(max(backlog, socket.SOMAXCONN))
        self._sockets.listens()


def loop_accepts_in_c() -> bool:
    """Whether an event loop runs here whose servers do not accept by :mod:`socket`."""
    events = sys.modules.get("asyncio.events")
    loop = events and events._get_running_loop()
    base = sys.modules.get("asyncio.base_events")
    return loop is not None and base is not None and not isinstance(loop, base.BaseEventLoop)


def exchange(theirs: socket.socket) -> tuple[socket.socket, socket.socket]:
    """Give a socket a port of its own on the loopback interface.

    Returns one that is what it was, and another way to what it is now.
    """
    front, kind = socket.socket(fileno=os.dup(theirs.fileno())), type(theirs)
    behind = socket.socket(front.family, front.type, front.proto)
    behind.bind(("::1" if front.family == socket.AF_INET6 else "127.0.0.1", 0))
    os.dup2(behind.fileno(), theirs.fileno(), theirs.get_inheritable())
    theirs.__class__ = kind._kind if issubclass(kind, Kept) else kind
    return front, behind


_classes: dict[Any, type] = {}
#: Of a process to which another one passes sockets.
_shared: Sockets | None = None


def become(theirs: socket.socket, mixin: type[Kept], sockets: Sockets) -> None:
    """Let ``mixin`` go before the class of a socket of the program's."""
    kind = theirs._kind if isinstance(theirs, Kept) else type(theirs)
    if (mixin, kind) not in _classes:
        body = {"_sockets": sockets, "_kind": kind, "__slots__": (), "__module__": kind.__module__}
        _classes[mixin, kind] = type(kind.__name__, (mixin, kind), body)
    with contextlib.suppress(TypeError):
        # Refused for a class of the program's that has another layout.
        theirs.__class__ = _classes[mixin, kind]


def share(sockets: Sockets) -> None:
    """Let the sockets that are passed to this process be of this kind."""
    global _shared  # noqa: PLW0603 - a process has one
    _shared = sockets


def rebuild(*args: Any) -> socket.socket:
    """Make a socket from what another process has pickled."""
    reduction: Any = sys.modules["multiprocessing.reduction"]
    made: socket.socket = reduction._rebuild_socket(*args)
    if _shared is not None:
        os.set_blocking(made.fileno(), False)
        become(made, Shared, _shared)
    return made
