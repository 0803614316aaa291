"""Answers questions for the status, over a private socket (see :mod:`..protocol.status_socket`).

A question is one line of JSON, the answer another one, after which the connection ends. Whoever
asks may send anything, or nothing, or read nothing: it costs the command nothing but memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ..protocol import status_socket

#: For the question to come, and for the answer to be taken; seconds.
_PATIENCE = 5.0
_LONGEST_QUESTION = 4096
#: Connections at one time.
_MOST = 64


class StatusServer:
    """The socket, and those who ask."""

    def __init__(
        self,
        status: Callable[[], dict[str, Any]],
        decided: Callable[[], Awaitable[None]],
        detail: Callable[[str], None],
    ) -> None:
        """``decided`` ends when what is saved by now is decided about; ``detail`` prints a line."""
        self._status = status
        self._decided = decided
        self._detail = detail
        self._path = ""
        self._listening: socket.socket | None = None
        self._clients: set[asyncio.Task[None]] = set()

    def open(self, folders: Iterable[str]) -> None:
        """Listen for questions about a command of the project in these folders."""
        if not status_socket.is_supported():
            return
        status_socket.remove_dead()
        try:
            self._listening, self._path = status_socket.listen(folders, os.getpid())
        except OSError as error:
            self._detail(f"the status cannot be asked for: {error}")
            return
        self._listening.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listening, self._accept)

    def close(self) -> None:
        """Answer nobody any more, and leave nothing behind."""
        for client in self._clients:
            client.cancel()
        if self._listening is not None:
            asyncio.get_running_loop().remove_reader(self._listening)
            status_socket.remove(self._listening, self._path)
            self._listening = None

    def _accept(self) -> None:
        assert self._listening is not None
        try:
            connection, _ = self._listening.accept()
        except OSError:
            return
        if len(self._clients) >= _MOST or not status_socket.is_of_this_user(connection):
            connection.close()
            return
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _serve(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        with connection, contextlib.suppress(OSError, asyncio.TimeoutError):
            line = await asyncio.wait_for(_line(connection), _PATIENCE)
            answer = await self._answer(line, connection)
            if answer is not None:
                data = json.dumps(answer).encode() + b"\n"
                sending = asyncio.get_running_loop().sock_sendall(connection, data)
                await asyncio.wait_for(sending, _PATIENCE)

    async def _answer(self, line: bytes, connection: socket.socket) -> dict[str, Any] | None:
        """The answer; ``None``: whoever has asked is gone."""
        try:
            question = json.loads(line)
            waits = bool(question.get("wait"))
        except (ValueError, AttributeError, RecursionError):
            return {"version": status_socket.VERSION, "error": "not a question"}
        if waits and not await self._wait(connection):
            return None
        return self._status()

    async def _wait(self, connection: socket.socket) -> bool:
        """Wait for the decision; returns false if whoever has asked goes before."""
        decided = asyncio.ensure_future(self._decided())
        gone = asyncio.ensure_future(asyncio.get_running_loop().sock_recv(connection, 1))
        try:
            await asyncio.wait((decided, gone), return_when=asyncio.FIRST_COMPLETED)
            return decided.done() and decided.exception() is None
        finally:
            for task in (decided, gone):
                task.cancel()
            await asyncio.gather(decided, gone, return_exceptions=True)


async def _line(connection: socket.socket) -> bytes:
    loop, data = asyncio.get_running_loop(), b""
    while b"\n" not in data and len(data) < _LONGEST_QUESTION:
        more = await loop.sock_recv(connection, _LONGEST_QUESTION)
        if not more:
            raise ConnectionResetError
        data += more
    return data.partition(b"\n")[0]
