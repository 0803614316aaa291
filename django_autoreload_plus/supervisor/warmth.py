"""Makes a waiting copy's memory its own before it is needed.

After a ``fork()`` both processes share their memory, page by page, until one of
them writes to it; then the kernel stops the writer and copies the page. Python
writes to nearly everything it looks at (reference counts), so a resumed child
would spend most of its time there. Which pages it is going to write to is known:
those that the child before it, made from the same copy, has made its own. They
are written to in advance, with the byte that is there already, while the waiting
process sleeps in a system call and can change nothing itself.

Linux only (see proc_pid_pagemap(5)); anywhere else nothing is done.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_ENTRY = 8
_PRESENT = 1 << 63
_SHARED_OR_FILE = 1 << 61
_EXCLUSIVE = 1 << 56
#: Beyond this a copy of its own would cost more memory than it saves time.
_MOST_PAGES = 16_384


def own_pages(pid: int) -> list[int]:
    """Addresses of the anonymous pages that only this process has, at most 64 MiB."""
    pages: list[int] = []
    path = f"/proc/{pid}/pagemap"
    with contextlib.suppress(OSError, ValueError), open(path, "rb", buffering=0) as pagemap:
        for start, end in _private_areas(pid):
            pages += _own_pages_between(pagemap.fileno(), start, end)
            if len(pages) > _MOST_PAGES:
                break
    return pages[:_MOST_PAGES]


def make_own(pid: int, pages: list[int]) -> Iterator[None]:
    """Give a sleeping process these pages for itself, a slice at each step."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        descriptor = memory.fileno()
        for index, page in enumerate(pages):
            with contextlib.suppress(OSError):
                os.pwrite(descriptor, os.pread(descriptor, 1, page), page)
            if index % 64 == 63:
                yield


def _private_areas(pid: int) -> Iterator[tuple[int, int]]:
    with open(f"/proc/{pid}/maps", encoding="ascii", errors="replace") as maps:
        for line in maps:
            area, permissions = line.split(maxsplit=2)[:2]
            if permissions.startswith("rw") and permissions.endswith("p"):
                start, _, end = area.partition("-")
                yield int(start, 16), int(end, 16)


def _own_pages_between(descriptor: int, start: int, end: int) -> list[int]:
    count = (end - start) // _PAGE
    data = memoryview(os.pread(descriptor, count * _ENTRY, start // _PAGE * _ENTRY))
    entries = data[: len(data) // _ENTRY * _ENTRY].cast("Q")
    wanted = _PRESENT | _EXCLUSIVE
    return [
        start + index * _PAGE
        for index, entry in enumerate(entries)
        if entry & (wanted | _SHARED_OR_FILE) == wanted
    ]
