"""Answers requests with the error page while no child can.

The listening sockets are shared with the children: this server takes
connections from them only between :meth:`ErrorServer.show` and
:meth:`ErrorServer.pause` or :meth:`ErrorServer.live`, and never closes them.
A connection once taken is always answered, also after that.
"""

from __future__ import annotations

import asyncio
import enum
import errno
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from ...records import dataclass
from .http import BadRequestError, parse_head
from .respond import (
    WAIT_PATH,
    PageContext,
    again,
    bare,
    failure_id,
    may_see,
    render,
    wait_answer,
)

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from ...protocol.failure import Failure
    from .http import Request, Response

#: Errors of ``accept()`` that end when a connection is closed somewhere.
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
#: The first byte of a TLS handshake: there is nothing readable to answer with.
_TLS = b"\x16"
#: Connections that are always worth having; as many are given up at once when files run out.
_FEWEST = 8
#: While a change is looked at; that takes a millisecond or two.
_GLANCE = 0.001


@dataclass(frozen=True)
class Limits:
    """Limits for one client; times in seconds, sizes in bytes."""

    connections: int = 200
    head_bytes: int = 64 * 1024
    head_time: float = 10.0
    #: For sending the answer to a client that reads slowly.
    send_time: float = 20.0
    #: What is still read after the answer, so that a client in the middle of
    #: sending a body gets to read it instead of a reset.
    drain_bytes: int = 64 * 1024 * 1024
    drain_time: float = 20.0
    drain_quiet: float = 2.0
    #: How long a page's question stays open before it has to ask again.
    wait_time: float = 25.0
    #: Open questions of one address. A browser opens only six connections to
    #: one host, and a seventh page could not be loaded.
    waits_per_address: int = 3
    #: How soon pages beyond that number ask again.
    retry: float = 1.0
    #: For answers under way when the server is closed.
    close_time: float = 1.0


class _State(enum.Enum):
    #: Nothing is known: requests on connections already taken wait.
    UNDECIDED = "undecided"
    FAILED = "failed"
    LIVE = "live"
    CLOSED = "closed"


class _Connection:
    """One client; ``task`` answers it."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.task: asyncio.Task[None] | None = None
        self.asked = False
        self.waiting_page = False
        self.address = _address(connection)


class ErrorServer:
    """Shows a failure on sockets that listen already and do not block.

    All methods have to be called in the thread of the running event loop.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        *,
        is_undecided: Callable[[], bool] = bool,
        pass_on: Callable[[socket.socket], None] | None = None,
    ) -> None:
        """Answer nobody yet.

        ``is_undecided`` says whether a change is just being looked at; ``pass_on``
        takes a connection on which nothing was read, once new code serves.
        """
        self._is_undecided = is_undecided
        self._pass_on = pass_on
        self._sockets: tuple[socket.socket, ...] = ()
        self._limits = limits or Limits()
        self._most = self._limits.connections
        self._state = _State.UNDECIDED
        self._failure: Failure | None = None
        self._context = PageContext()
        self._name = ""
        #: Oldest first: when there are too many, the oldest is given up.
        self._connections: dict[_Connection, None] = {}
        self._news: asyncio.Event = asyncio.Event()
        self._accepting = False
        self._resume: asyncio.TimerHandle | None = None

    def show(
        self, failure: Failure, context: PageContext, sockets: Sequence[socket.socket]
    ) -> None:
        """Answer with ``failure`` on ``sockets`` from now on; pages showing another one reload."""
        if tuple(sockets) != self._sockets:
            self._stop()
            self._sockets = tuple(sockets)
        self._failure, self._context = failure, context
        self._name = failure_id(failure, context)
        self._decide(_State.FAILED)
        self._start()

    def pause(self) -> None:
        """Take no connection any more: new code is being tried. Open pages stay."""
        self._stop()
        self._decide(_State.UNDECIDED)

    def live(self) -> None:
        """Take no connection any more and let every open page load itself: new code serves."""
        self._stop()
        self._decide(_State.LIVE)

    def adopt(self, connection: socket.socket) -> None:
        """Answer on ``connection``, which somebody else has accepted; it is ours now."""
        connection.setblocking(False)
        if len(self._connections) >= self._most:
            self._make_room()
        client = _Connection(connection)
        self._connections[client] = None
        client.task = asyncio.get_running_loop().create_task(self._serve(client))
        # A task that is cancelled before its first step runs no clean-up of its own.
        client.task.add_done_callback(lambda _: self._forget(client))

    async def close(self) -> None:
        """Stop; answers under way have a moment to finish. The sockets stay open."""
        self._stop()
        idle = [client for client in self._connections if client.waiting_page or not client.asked]
        for client in idle:
            _cancel(client)
        self._decide(_State.CLOSED)
        tasks = [client.task for client in self._connections if client.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._limits.close_time)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _decide(self, state: _State) -> None:
        self._state = state
        self._news.set()
        self._news = asyncio.Event()

    # Accepting

    def _start(self) -> None:
        if self._accepting:
            return
        self._accepting = True
        loop = asyncio.get_running_loop()
        for listener in self._sockets:
            loop.add_reader(listener.fileno(), self._accept, listener)

    def _stop(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None
        if not self._accepting:
            return
        self._accepting = False
        loop = asyncio.get_running_loop()
        for listener in self._sockets:
            loop.remove_reader(listener.fileno())

    def _accept(self, listener: socket.socket) -> None:
        # One at a time: a pause() can run between two of them.
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:
            if error.errno in _EXHAUSTED:
                self._rest()
            return
        self.adopt(connection)

    def _rest(self) -> None:
        """Make do with fewer connections: the process may not open that many files."""
        self._most = max(_FEWEST, len(self._connections) - _FEWEST)
        while len(self._connections) >= self._most:
            self._make_room()
        self._stop()
        # The clients given up are closed by their tasks first.
        self._resume = asyncio.get_running_loop().call_later(0.02, self._start)

    def _make_room(self) -> None:
        """Give up the client that is least likely to be a person in front of a browser."""
        clients = list(self._connections)
        silent = [client for client in clients if not client.asked]
        pages = [client for client in clients if client.waiting_page]
        for client in (silent or pages or clients)[:1]:
            del self._connections[client]
            _cancel(client)

    # Answering

    async def _serve(self, client: _Connection) -> None:
        writer: asyncio.StreamWriter | None = None
        try:
            if self._pass_on is not None and not await self._is_ours(client):
                self._pass_on(client.socket)
                return
            reader, writer = await asyncio.open_connection(
                sock=client.socket, limit=self._limits.head_bytes
            )
            answer = await self._answer(client, reader)
            if answer:
                await self._send(reader, writer, answer)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError):
            pass  # The client has gone, or is too slow to be worth waiting for.
        finally:
            if writer is not None:
                writer.transport.abort()

    def _forget(self, client: _Connection) -> None:
        self._connections.pop(client, None)
        client.socket.close()

    async def _is_ours(self, client: _Connection) -> bool:
        """Wait until the client asks, and until it is decided who answers; reads nothing."""
        loop = asyncio.get_running_loop()
        asks = asyncio.ensure_future(_until_readable(client.socket))
        deadline = loop.time() + self._limits.head_time
        try:
            while self._state is not _State.LIVE:
                if self._state is _State.CLOSED:
                    return True
                left = deadline - loop.time()
                pause: float | None = left
                if asks.done():
                    failed = self._state is _State.FAILED
                    if failed and (left <= 0 or not self._is_undecided()):
                        return True
                    pause = _GLANCE if failed else None
                elif left <= 0:
                    raise asyncio.TimeoutError
                news = asyncio.ensure_future(self._news.wait())
                waiting = {news} if asks.done() else {news, asks}
                await asyncio.wait(waiting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
            return False
        finally:
            asks.cancel()

    async def _answer(self, client: _Connection, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await asyncio.wait_for(self._read_head(reader), self._limits.head_time)
            request = parse_head(head)
        except BadRequestError:
            return bare(400).encode()
        except asyncio.LimitOverrunError:
            return bare(431).encode()
        client.asked = True
        address = urlsplit(request.target)
        if address.path == WAIT_PATH and may_see(request, self._context):
            asked = parse_qs(address.query)
            patience = 0.0 if "now" in asked else self._limits.wait_time
            answer = await self._wait(client, reader, asked.get("seen", [""])[0], patience)
        else:
            answer = await self._decided(request)
        return answer.encode(head_only=request.method == "HEAD")

    async def _read_head(self, reader: asyncio.StreamReader) -> bytes:
        head = b""
        while True:
            more = await reader.read(4096)
            head += more
            if head.startswith(_TLS) or not more:
                raise ConnectionAbortedError
            # Hand-typed requests end their lines with a bare line feed.
            for end in (b"\r\n\r\n", b"\n\n"):
                if end in head.lstrip(b"\r\n"):
                    return head.lstrip(b"\r\n").partition(end)[0]
            if len(head) > self._limits.head_bytes:
                raise asyncio.LimitOverrunError("the head is too long", len(head))

    async def _decided(self, request: Request) -> Response:
        """The page, as soon as it is known whether there is something to show."""
        while self._state is _State.UNDECIDED:
            await self._news.wait()
        if self._state is _State.LIVE:
            return again(request)
        if self._state is _State.CLOSED or self._failure is None:
            return bare(503)
        return render(self._failure, request, self._context)

    async def _wait(
        self, client: _Connection, reader: asyncio.StreamReader, seen: str, patience: float
    ) -> Response:
        """What has become of the failure ``seen``, or after a while that it is the same."""
        held = [c for c in self._connections if c.waiting_page and c.address == client.address]
        gone = asyncio.ensure_future(_until_closed(reader))
        deadline = asyncio.get_running_loop().time() + patience
        try:
            client.waiting_page = True
            while True:
                if self._state is _State.LIVE:
                    return wait_answer("live")
                if self._state is _State.FAILED and seen != self._name:
                    return wait_answer("failed", self._name)
                if len(held) >= self._limits.waits_per_address:
                    return wait_answer("same", self._name, retry=self._limits.retry)
                left = deadline - asyncio.get_running_loop().time()
                if left <= 0:
                    return wait_answer("same", self._name)
                news = asyncio.ensure_future(self._news.wait())
                try:
                    await asyncio.wait(
                        {news, gone}, timeout=left, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    news.cancel()
                if gone.done():
                    raise ConnectionAbortedError
        finally:
            client.waiting_page = False
            gone.cancel()
            # Only one reader at a time: what follows reads, too.
            await asyncio.wait({gone})

    async def _send(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes
    ) -> None:
        limits = self._limits
        # drain() is to mean that the kernel has all of it.
        writer.transport.set_write_buffer_limits(high=0)
        writer.write(answer)
        await asyncio.wait_for(writer.drain(), limits.send_time)
        if writer.can_write_eof():
            writer.write_eof()
        loop = asyncio.get_running_loop()
        deadline, read = loop.time() + limits.drain_time, 0
        while read < limits.drain_bytes and (left := deadline - loop.time()) > 0:
            more = await asyncio.wait_for(reader.read(65536), min(left, limits.drain_quiet))
            if not more:
                return
            read += len(more)


async def _until_readable(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    descriptor = connection.fileno()
    loop.add_reader(descriptor, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)


async def _until_closed(reader: asyncio.StreamReader) -> None:
    try:
        while await reader.read(4096):
            pass
    except OSError:
        pass


def _cancel(client: _Connection) -> None:
    if client.task is not None:
        client.task.cancel()


def _address(connection: socket.socket) -> str:
    try:
        name = connection.getpeername()
    except OSError:
        return ""
    return str(name[0]) if isinstance(name, tuple) else ""
