"""Notices when the answer to an HTTP/1.1 request is complete, by RFC 9112, section 6."""

from __future__ import annotations

import re

#: The beginning of a request.
REQUEST = re.compile(rb"[A-Z]{3,10} \S+ HTTP/1\.[01]\r?\n|[A-Z]{3,10} \S*\Z")
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)")
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r]*chunked")
_CLOSES = re.compile(rb"\r\nconnection:[^\r]*close")
_HEAD_END = b"\r\n\r\n"
_LAST_CHUNK = b"\r\n0\r\n\r\n"
#: No server sends a longer head.
_LONGEST = 1 << 16


class Exchange:
    """One request and its answer."""

    def __init__(self, request: bytes) -> None:
        """``request``: at least its first bytes."""
        self._is_head = request.startswith(b"HEAD ")
        #: What was sent until the head was complete; ``None``: it is.
        self._head: bytes | None = b""
        #: Of the body: so many bytes are to come; ``None``: nobody knows.
        self._left: int | None = None
        #: The end of what was sent of a body in chunks; ``None``: it has none.
        self._tail: bytes | None = None
        #: The answer is complete, and the client may ask again on the same connection.
        self.is_complete = False

    @property
    def is_stream(self) -> bool:
        """Whether the answer has begun without telling how long it is: it may never end."""
        return self._head is None and self._left is None

    def sent(self, data: memoryview) -> None:
        """The server has sent this."""
        if self._head is None:
            self._count(data)
            return
        self._head += bytes(data)
        while self._head is not None:
            head, end, body = self._head.partition(_HEAD_END)
            if not end:
                if len(head) > _LONGEST:
                    self._head = None
                return
            status = head[9:12]
            if status.startswith(b"1") and status != b"101":
                # The answer itself is still to come.
                self._head = body
                continue
            self._head = None
            self._read(head.lower(), status)
            self._count(memoryview(body))

    def _read(self, head: bytes, status: bytes) -> None:
        if status == b"101" or not head.startswith(b"http/1.1 ") or _CLOSES.search(head):
            # Another protocol follows, or the end of the connection.
            return
        length = _LENGTH.search(head)
        if self._is_head or status in (b"204", b"304"):
            self._left = 0
        elif _CHUNKED.search(head):
            self._tail = b"\r\n"
        elif length is not None:
            self._left = int(length[1])

    def _count(self, data: memoryview) -> None:
        if self._tail is not None:
            self._tail = (self._tail + bytes(data[-len(_LAST_CHUNK) :]))[-len(_LAST_CHUNK) :]
            self.is_complete = self._tail == _LAST_CHUNK
        elif self._left is not None:
            self._left -= len(data)
            self.is_complete = self._left <= 0
