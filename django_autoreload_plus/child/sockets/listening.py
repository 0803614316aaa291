"""The ports on which a program listens by itself, whatever server it uses.

Every server in Python binds a socket, listens, and accepts. What it has bound is kept by the
supervisor, and a later child that binds the same address gets that very socket, so that the port
is never closed. It accepts while the gate admits its process, so that no old code answers.

An event loop that accepts in C (uvloop) cannot be asked to wait: it gets a port of its own, and
its connections through a relay. Processes that the program forks accept like itself.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any

from ...protocol import messages as m
from ...protocol.address import Address
from ...records import dataclass
from ..connection import Connection
from ..workers import Workers
from .accepted import AcceptedConnection
from .kept import Bound, Gated, become, exchange, loop_accepts_in_c
from .relay import relay, wait_for_listener

#: An event loop is told again and again of a connection that waits; seconds.
_PAUSE = 0.005
#: An answer of unknown length has this time to end before it is taken for one that never does;
#: seconds.
_STREAM_PATIENCE = 0.5
#: What servers set before they bind, as far as the kernel has it.
_OPTIONS = [
    (level, getattr(socket, name))
    for level, name in (
        (socket.SOL_SOCKET, "SO_REUSEADDR"),
        (socket.SOL_SOCKET, "SO_REUSEPORT"),
        (socket.SOL_SOCKET, "SO_KEEPALIVE"),
        (socket.IPPROTO_TCP, "TCP_NODELAY"),
    )
    if hasattr(socket, name)
]
_LOCAL = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - nothing is bound there


class ProgramSockets:
    """The sockets on which the program of this process listens: the server of its connection."""

    def __init__(self, link: Connection, workers: Workers) -> None:
        self._link = link
        self._workers = workers
        #: Addresses of bound sockets that do not listen yet, by descriptor.
        self._bound: dict[int, Address] = {}
        self._connections: weakref.WeakSet[AcceptedConnection] = weakref.WeakSet()
        #: Connections that another process has accepted, for the program to accept.
        self._adopted: deque[AcceptedConnection] = deque()
        #: Connections of our own that only wake who accepts, by their addresses. They stay open
        #: until they are accepted, so that no client can have the same address.
        self._knocks: dict[Any, socket.socket] = {}
        #: This very process accepts, rather than those that it has forked.
        self._accepts = False
        self._is_retired = False
        #: The program has got its stop signal.
        self._is_told = False
        self._is_ready = False
        self._plain_bind = socket.socket.bind
        self._plain_listen = socket.socket.listen

    def install(self) -> None:
        """Replace ``bind()`` and ``listen()`` of every socket by ones that report."""
        bind, listen, sockets = self._plain_bind, self._plain_listen, self

        def bind_kept(self: socket.socket, address: Any, /) -> None:
            kept = sockets._kept(self, address)
            if kept is None:
                bind(self, address)
            elif loop_accepts_in_c():
                sockets._stand_in_front(self, kept)
            else:
                sockets._ready(self)
                sockets._bind(self, kept, address)
                sockets._bound[self.fileno()] = kept
                become(self, Bound, sockets)

        def listen_kept(self: socket.socket, backlog: int = -1, /) -> None:
            kept = sockets._bound.pop(self.fileno(), None)
            if isinstance(self, Gated) or (kept is not None and sockets._link.is_here()):
                # Connections wait there while no child answers.
                backlog = max(backlog, socket.SOMAXCONN)
            listen(self, *([backlog] if backlog >= 0 else []))
            if kept is not None and sockets._link.is_here():
                sockets._listens(self, kept)

        bind_kept.__name__, listen_kept.__name__ = "bind", "listen"
        # What is inherited from C has no place for an attribute; the class in Python has.
        setattr(socket.socket, "bind", bind_kept)  # noqa: B010 - a method of a class
        setattr(socket.socket, "listen", listen_kept)  # noqa: B010 - as above

    # -- binding and listening -------------------------------------------------------

    def _kept(self, bound: socket.socket, address: Any) -> Address | None:
        """The address, if it may be one to be kept."""
        is_tcp = bound.family in (socket.AF_INET, socket.AF_INET6) and (
            bound.type == socket.SOCK_STREAM
        )
        if not (is_tcp and self._link.is_here() and isinstance(address, tuple)):
            return None
        host, port = address[:2] if len(address) > 1 else ("", 0)
        if not (isinstance(host, str) and isinstance(port, int) and 0 < port < 1 << 16):
            return None
        return Address(host, port, bound.family == socket.AF_INET6)

    def _ready(self, unbound: socket.socket) -> None:
        """Everything is loaded, as a rule, when a program binds its port: take a checkpoint."""
        checkpoints = self._link.checkpoints
        if self._is_ready or checkpoints is None:
            return
        self._is_ready = True
        options = tuple((*name, unbound.getsockopt(*name)) for name in _OPTIONS)
        checkpoints.take(m.READY, renewed=_Unbound(unbound, options))

    def _bind(self, unbound: socket.socket, wanted: Address, address: Any) -> None:
        """Bind, or let a socket be the one on which an older child has listened there."""
        kept = self._link.find_listening(wanted)
        if kept is None:
            self._plain_bind(unbound, address)
            return
        with kept:
            os.dup2(kept.fileno(), unbound.fileno(), unbound.get_inheritable())

    def _stand_in_front(self, theirs: socket.socket, wanted: Address) -> None:
        """Bind for a server that accepts in C, and give it a port of its own."""
        front = socket.socket(theirs.family, theirs.type, theirs.proto)
        for option in _OPTIONS:
            front.setsockopt(*option, theirs.getsockopt(*option))
        try:
            self._bind(front, wanted, (wanted.host, wanted.port))
        except BaseException:
            front.close()
            raise
        self._plain_bind(theirs, ("::1" if wanted.ipv6 else "127.0.0.1", 0))
        # The loop closes the object when it has a descriptor of its own.
        args = (front, wanted, theirs.dup())
        threading.Thread(target=self._serve_in_front, args=args, daemon=True).start()

    def stand_in_front(self, theirs: socket.socket) -> None:
        """See :class:`.kept.Sockets`."""
        address = self._bound.pop(theirs.fileno(), None)
        if address is not None and self._link.is_here():
            front, behind = exchange(theirs)
            args = (front, address, behind)
            threading.Thread(target=self._serve_in_front, args=args, daemon=True).start()

    def _serve_in_front(self, front: socket.socket, wanted: Address, theirs: socket.socket) -> None:
        with theirs:
            address = theirs.getsockname()[:2]
            wait_for_listener(theirs)
        self._plain_listen(front, socket.SOMAXCONN)
        self._listens(front, wanted)
        while True:
            connection, _ = front.accept()
            relay(connection, address)

    def _listens(
        self, listening: socket.socket, address: Address, *, by_workers: bool = False
    ) -> None:
        # The mode is that of all processes that share it, and who waits in accept() for a
        # connection that another one has got accepts the next one without asking.
        os.set_blocking(listening.fileno(), False)
        become(listening, Gated, self)
        link = self._link
        link.send(m.Keep(address, by_workers), [listening.fileno()])
        if link.server is None:
            link.serves = True
            # Ports of older code, on which nobody listens here.
            link.when_quiet(link.close_sockets)
            link.serve(self, by_workers=by_workers)

    def pass_on(self, bound: socket.socket) -> None:
        """A socket is passed to a worker process, which will listen: do it here, and now."""
        address = self._bound.pop(bound.fileno(), None)
        if address is not None and self._link.is_here():
            self._plain_listen(bound, socket.SOMAXCONN)
            self._listens(bound, address, by_workers=True)

    def listens(self) -> None:
        """No other process has passed this one a socket."""

    # -- accepting ---------------------------------------------------------------------

    def is_open(self) -> bool:
        """Whether this process may answer what is there now."""
        return not self._is_retired and self._link.gate.admits(self._link.slot)

    def accept(
        self, accept: Callable[[], tuple[int, Any]]
    ) -> tuple[AcceptedConnection, Any] | None:
        """A connection that this process may serve; ``None``: there is none now."""
        self._accepts = True
        if not self.is_open():
            # An event loop would ask again at once.
            time.sleep(_PAUSE)
            return None
        while True:
            if self._adopted:
                connection = self._adopted.popleft()
                with contextlib.suppress(OSError):
                    return connection, connection.getpeername()
                connection.close()
                continue
            if not self._link.is_here() and self._workers.errands is not None:
                taken = self._workers.errands.take()
                if taken is not None:
                    return self._gated(taken[0]), taken[1]
            descriptor, address = accept()
            connection = self._gated(socket.socket(fileno=descriptor))
            knocking = self._knocks.pop(address[:2], None)
            if knocking is not None:
                knocking.close()
                connection.close()
                continue
            if self.is_open():
                return connection, address
            # A file was saved while it was accepted.
            connection.give()
            return None

    def _gated(self, accepted: socket.socket) -> AcceptedConnection:
        connection = AcceptedConnection.of(
            accepted,
            is_open=self.is_open,
            is_retired=lambda: self._is_retired,
            hand_back=self._hand_back,
            before_sending=self._before_sending,
        )
        self._connections.add(connection)
        return connection

    def _before_sending(self) -> None:
        if self._link.is_here():
            self._link.before_answer()
        elif self._workers.errands is not None:
            self._workers.errands.before_answer()

    def _hand_back(self, connection: socket.socket) -> None:
        if self._link.is_here():
            self._link.send(m.HandBack(), [connection.fileno()])
        elif self._workers.errands is not None:
            self._workers.errands.hand_back(connection)

    # -- orders, from the thread that listens to the supervisor ---------------------------

    def resume(self) -> None:
        """The gate may have opened: who accepts asks it again and again."""

    def release(self) -> None:
        """Nothing waits here: connections are given back at once."""

    def adopt(self, connection: socket.socket) -> None:
        """Let the program accept a connection that another process has accepted."""
        try:
            connection.setblocking(True)
            host, port = connection.getsockname()[:2]
        except OSError:
            connection.close()
            return
        address = (_LOCAL.get(host, host), port)
        if self._workers.errands is not None and not self._accepts:
            with connection, socket.socket(connection.family, socket.SOCK_STREAM) as knocking:
                self._workers.adopt(connection)
                knocking.settimeout(1)
                with contextlib.suppress(OSError):
                    knocking.connect(address)
            return
        self._adopted.append(self._gated(connection))
        knocking = socket.socket(connection.family, socket.SOCK_STREAM)
        with contextlib.suppress(OSError):
            # Its own address first, so that it is known before it can be accepted.
            knocking.bind((address[0], 0))
            self._knocks[knocking.getsockname()[:2]] = knocking
            knocking.settimeout(1)
            knocking.connect(address)

    def retire(self) -> None:
        """Let the program finish the answers under way, and end it."""
        self._is_retired = True
        self.give_idle_connections()
        # A server may end at once, in the middle of an answer, even if it handles the signal.
        threading.Thread(target=self._stop_when_idle, daemon=True).start()

    def give_idle_connections(self) -> None:
        """Let another process serve them: a client may ask again at any moment."""
        for connection in list(self._connections):
            connection.give_if_idle()
        while self._workers.errands is not None and (taken := self._workers.errands.take()):
            with taken[0] as left:
                self._hand_back(left)

    def end(self) -> None:
        """End although something is still being answered."""
        self._stop()

    def _stop_when_idle(self) -> None:
        """Stop the program when its answers are complete.

        One that handles the signal may take leave of its streams, which would not end before.
        """
        handles = signal.getsignal(self._stop_signal) is not signal.SIG_DFL
        streams_until = time.monotonic() + _STREAM_PATIENCE if handles else math.inf
        while any(
            connection.is_busy
            and not (connection.is_streaming and time.monotonic() > streams_until)
            for connection in list(self._connections)
        ):
            time.sleep(_PAUSE)
        self._stop()

    @property
    def _stop_signal(self) -> signal.Signals:
        return signal.Signals[self._link.options.stop_signal]

    def _stop(self) -> None:
        if not self._is_told:
            self._is_told = True
            os.kill(os.getpid(), self._stop_signal)


@dataclass(frozen=True)
class _Unbound:
    """A socket that was made, and that nothing was done with yet but to set these options."""

    socket: socket.socket
    options: tuple[tuple[int, int, int], ...]

    @property
    def descriptors(self) -> tuple[int, ...]:
        """See :class:`..fork.private_handles.Handle`."""
        return (self.socket.fileno(),)

    def renew(self) -> None:
        """See :class:`..fork.private_handles.Handle`."""
        former = self.socket
        with socket.socket(former.family, former.type, former.proto) as fresh:
            for option in self.options:
                fresh.setsockopt(*option)
            fresh.settimeout(former.gettimeout())
            os.dup2(fresh.fileno(), former.fileno(), former.get_inheritable())
