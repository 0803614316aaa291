"""Where a server will listen, read from its command line alone.

Needed only while the program cannot start far enough to say it: a failure at the
very first start still deserves its page in the browser. The syntax is that of
Django's ``runserver``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..protocol.launch import Address

_ADDRESS = re.compile(
    r"(?:(?P<host>\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-fA-F:]+\]|[a-zA-Z0-9.-]+):)?(?P<port>\d{1,5})"
)
_TAKES_VALUE = ("--settings", "--pythonpath", "--verbosity", "-v")


def guess_address(arguments: Sequence[str]) -> Address | None:
    """The address of ``runserver [options] [addrport]``; ``None`` for other commands."""
    if not arguments or arguments[0] != "runserver":
        return None
    ipv6 = "--ipv6" in arguments or "-6" in arguments
    host, port = "", 8000
    for word in _positional(arguments[1:]):
        match = _ADDRESS.fullmatch(word)
        if match is None:
            return None
        host, port = match["host"] or "", int(match["port"])
        break
    if host.startswith("["):
        host, ipv6 = host[1:-1], True
    if port > 65535:
        return None
    return Address(host or ("::1" if ipv6 else "127.0.0.1"), port, ipv6)


def _positional(words: Sequence[str]) -> list[str]:
    found = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif word in _TAKES_VALUE:
            skip = True
        elif not word.startswith("-"):
            found.append(word)
    return found
