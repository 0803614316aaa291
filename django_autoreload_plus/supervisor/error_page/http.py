"""As much of HTTP/1 as the error page needs: a request's head, an answer, ``Accept``."""

from __future__ import annotations

import http
import re
from typing import TYPE_CHECKING

from ...records import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_TARGET = re.compile(r"[\x21-\x7e\x80-\xff]+")
_VERSION = re.compile(r"HTTP/1\.\d")
_HOST = re.compile(r"(?P<name>[a-z0-9_.-]+|\[[a-f0-9:.]+\])(?::[0-9]{0,5})?")
#: The names of the local machine: Django's ALLOWED_HOSTS while DEBUG is on and the list empty.
_LOCAL = (".localhost", "127.0.0.1", "[::1]")


class BadRequestError(Exception):
    """The client has sent something other than an HTTP/1 request."""


@dataclass(frozen=True)
class Request:
    """The head of a request; header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Response:
    """An answer; ``Content-Length`` and ``Connection`` are added when it is sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def encode(self, *, head_only: bool = False) -> bytes:
        """The bytes to send: without the body for an answer to ``HEAD``."""
        phrase = http.HTTPStatus(self.status).phrase
        lines = [f"HTTP/1.1 {self.status} {phrase}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}", "Connection: close", "", ""]
        head = "\r\n".join(lines).encode("latin-1", "replace")
        return head if head_only else head + self.body


def parse_head(head: bytes) -> Request:
    """Read the request line and the headers, up to and without the empty line.

    Raises :class:`BadRequestError` for anything that is not HTTP/1.
    """
    lines = head.decode("latin-1").lstrip("\r\n").replace("\r\n", "\n").split("\n")
    words = lines[0].split(" ")
    patterns = (_TOKEN, _TARGET, _VERSION)
    if len(words) != len(patterns) or not all(map(re.fullmatch, patterns, words)):
        raise BadRequestError("the first line is no HTTP/1 request line")
    method, target, _ = words
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BadRequestError("a line of the head is no header")
        key, value = name.lower(), value.strip()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Request(method, target, headers)


def preferred(accept: str, offered: Sequence[str]) -> str:
    """The type of ``offered`` that an ``Accept`` header asks for.

    What is named outright beats a wildcard of the same weight, then the
    earlier of the header wins, then the earlier of ``offered``, which is also
    the answer to a client that accepts none of them.
    """
    best, best_rank = offered[0], (0.0, 0, 0)
    ranges = [_media_range(item) for item in accept.split(",")[:50]]
    for kind in offered:
        for position, (pattern, weight) in enumerate(ranges):
            rank = (weight, _closeness(pattern, kind), -position)
            if rank[0] > 0 and rank[1] > 0 and rank > best_rank:
                best, best_rank = kind, rank
    return best


def _media_range(item: str) -> tuple[str, float]:
    pattern, *parameters = (part.strip().lower() for part in item.split(";"))
    weight = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                weight = 0.0
    return pattern, weight


def _closeness(pattern: str, kind: str) -> int:
    if pattern == kind or (kind == "application/json" and pattern.endswith("+json")):
        return 3
    if pattern == f"{kind.partition('/')[0]}/*":
        return 2
    return 1 if pattern == "*/*" else 0


def host_allowed(host: str, patterns: Sequence[str]) -> bool:
    """Whether a request for ``host``, a ``Host`` header, may be answered.

    ``patterns`` are those of Django's ``ALLOWED_HOSTS``; none means the names of the
    local machine.
    """
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return False
    name = found["name"].removesuffix(".")
    return any(_matches(name, pattern.lower()) for pattern in patterns or _LOCAL)


def _matches(name: str, pattern: str) -> bool:
    if pattern.startswith("."):
        return name == pattern[1:] or name.endswith(pattern)
    return pattern in {"*", name}
