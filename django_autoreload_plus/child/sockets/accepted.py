"""A connection that a program's own server has accepted, and that it may have to give away.

Between two requests the process may have been replaced by one with newer code. Servers differ,
but each of them reads a request from its socket. So there the gate is asked, and a request that
is not this process's to answer stays unread: the connection goes to the supervisor, which gives
it to the process with the new code, while the server here is told that the client has gone.
"""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from .exchange import REQUEST, Exchange

_PEEK = 2048
#: Between two checks by a connection that is not told when its process retires; milliseconds.
_SLICE = 20
_new_poll = getattr(select, "poll", None)


class AcceptedConnection(socket.socket):
    """A connection that checks the gate before it reads a request."""

    _is_open: Callable[[], bool]
    _hand_back: Callable[[socket.socket], None]
    _is_retired: Callable[[], bool]
    _before_sending: Callable[[], None]

    @classmethod
    def of(
        cls,
        accepted: socket.socket,
        *,
        is_open: Callable[[], bool],
        is_retired: Callable[[], bool],
        hand_back: Callable[[socket.socket], None],
        before_sending: Callable[[], None],
    ) -> AcceptedConnection:
        """Take over a connection on which nothing was read yet.

        ``is_open`` says whether this process may answer, ``is_retired`` whether it never will
        again; ``hand_back`` gives a connection to the supervisor. ``before_sending`` is called
        before a part of an answer is sent: its client may act on it at once.
        """
        timeout = accepted.gettimeout()
        made = cls(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        made.settimeout(timeout)
        made._is_open, made._is_retired, made._hand_back = is_open, is_retired, hand_back
        made._before_sending = before_sending
        return made

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: The request under way; ``None``: the client has not begun one.
        self._exchange: Exchange | None = None
        self._is_sending = False
        #: Whether another process could go on with it, between two requests.
        self._is_http = True
        #: Nobody tells when its process is retired.
        self.is_alone = False
        #: Another process serves it now.
        self._is_given = False
        # Whether to read is decided in one step with the reading: another thread may be about
        # to give the connection away.
        self._lock = threading.RLock()

    @property
    def is_busy(self) -> bool:
        """Whether a request was read whose answer is not complete."""
        is_answered = self._exchange is None and not self._is_sending
        return self.fileno() >= 0 and not (self._is_given or is_answered)

    @property
    def is_streaming(self) -> bool:
        """Whether what is being answered may never end."""
        exchange = self._exchange
        return exchange is not None and (exchange.is_stream or not self._is_http)

    def give_if_idle(self) -> None:
        """Let another process serve it, unless an answer is under way."""
        with self._lock:
            is_idle = self.fileno() >= 0 and self._is_http and self._exchange is None
            if is_idle and not self._is_given:
                self._give()

    def give(self) -> None:
        """Let another process serve it, before anything was read, and close it here."""
        with self._lock:
            if not self._is_given:
                self._give()
            self.close()

    # -- reading ------------------------------------------------------------------

    def recv(self, *args: Any, **kwargs: Any) -> bytes:
        """Read, or say that the client has gone."""
        with self._reading() as may_read:
            received: bytes = super().recv(*args, **kwargs) if may_read else b""
            self._read(received)
            return received

    def recv_into(self, buffer: Any, *args: Any, **kwargs: Any) -> int:
        """As :meth:`recv`."""
        with self._reading() as may_read:
            size: int = super().recv_into(buffer, *args, **kwargs) if may_read else 0
            self._read(memoryview(buffer).cast("B")[:size])
            return size

    def recvmsg(self, *args: Any, **kwargs: Any) -> Any:
        """As :meth:`recv`."""
        with self._reading() as may_read:
            received = super().recvmsg(*args, **kwargs) if may_read else (b"", [], 0, None)
            self._read(received[0])
            return received

    def recvfrom(self, *args: Any, **kwargs: Any) -> Any:
        """As :meth:`recv`."""
        with self._reading() as may_read:
            received = super().recvfrom(*args, **kwargs) if may_read else (b"", None)
            self._read(received[0])
            return received

    @contextlib.contextmanager
    def _reading(self) -> Iterator[bool]:
        """Hold the lock while it is decided whether to read, and while it is read."""
        if not self._is_given:
            # First: meanwhile another thread may complete an answer, or give the connection away.
            self._wait_until_readable()
        with self._lock:
            yield self._may_read()

    def _read(self, data: Any) -> None:
        if self._exchange is None and len(data):
            first = bytes(memoryview(data)[:_PEEK])
            self._is_http = self._is_http and REQUEST.match(first) is not None
            self._exchange = Exchange(first)

    def _may_read(self) -> bool:
        if self._is_given:
            return False
        if self._exchange is not None or self._is_open() or not self._is_request_waiting():
            return True
        self._give()
        return False

    def _wait_until_readable(self) -> None:
        timeout = self.gettimeout()
        if timeout == 0 or _new_poll is None:
            return
        poll = _new_poll()
        poll.register(self.fileno(), select.POLLIN)
        if timeout is None and self.is_alone:
            while not (self._is_given or poll.poll(_SLICE)):
                if self._is_retired():
                    self.give_if_idle()
        elif not poll.poll(None if timeout is None else timeout * 1000):
            raise TimeoutError("timed out")

    def _is_request_waiting(self) -> bool:
        """Whether there is something to read that another process can begin with."""
        if not self._is_http:
            return False
        try:
            return bool(super().recv(1, socket.MSG_PEEK | getattr(socket, "MSG_DONTWAIT", 0)))
        except OSError:
            return False

    # -- writing ------------------------------------------------------------------

    def send(self, data: Any, *args: Any) -> int:
        """Write; to a client that another process serves there is nothing to say."""
        self._before_sending()
        view = memoryview(data).cast("B")
        return self._sent(view, len(view) if self._is_given else super().send(data, *args))

    def sendall(self, data: Any, *args: Any) -> None:
        """As :meth:`send`."""
        if self._is_given:
            return
        self._before_sending()
        self._is_sending = True
        try:
            # Noted first: the next request may come before this thread goes on.
            with self._lock:
                self._note(memoryview(data).cast("B"))
            super().sendall(data, *args)
        finally:
            self._is_sending = False
        self._follow_retirement()

    def sendmsg(self, buffers: Any, *args: Any) -> int:
        """As :meth:`send`."""
        self._before_sending()
        data = b"".join(buffers := list(buffers))
        return self._sent(
            memoryview(data), len(data) if self._is_given else super().sendmsg(buffers, *args)
        )

    def _sent(self, data: memoryview, size: int) -> int:
        if not self._is_given:
            self._note(data[:size])
            self._follow_retirement()
        return size

    def _note(self, data: memoryview) -> None:
        if self._exchange is not None:
            self._exchange.sent(data)
            if self._exchange.is_complete:
                self._exchange = None

    def _follow_retirement(self) -> None:
        if self._exchange is None and self._is_retired():
            self.give_if_idle()

    # -- the end ------------------------------------------------------------------

    def shutdown(self, how: int) -> None:
        """End it in one direction or both, unless another process serves it."""
        if not self._is_left_behind():
            super().shutdown(how)

    def close(self) -> None:
        """Close it; a request that nobody has read goes to the process with the new code."""
        # In one step: another thread may be about to give the connection away, and the number
        # of a closed descriptor is soon that of another file.
        with self._lock:
            self._is_left_behind()
            super().close()

    def _is_left_behind(self) -> bool:
        """Whether another process serves it, also since the server ends it before a request."""
        with self._lock:
            if self.fileno() >= 0 and not self._is_given and self._exchange is None:
                if self._is_retired():
                    # Its client may be about to ask.
                    self.give_if_idle()
                else:
                    self._may_read()
            return self._is_given

    def _give(self) -> None:
        self._is_given = True
        self._hand_back(self)
