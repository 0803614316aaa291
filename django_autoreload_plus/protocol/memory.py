"""Which memory a process has for itself, as Linux tells.

See proc_pid_maps(5), proc_pid_pagemap(5) and proc_pid_smaps(5).
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_ENTRY = 8
#: The highest byte of entries in a row that are present, anonymous and not shared.
_OWN = re.compile(rb"\x81+")


def own_pages(pid: int) -> tuple[tuple[int, int], ...]:
    """The anonymous pages that only this process has: address and number of pages in a row.

    Empty where that cannot be read.
    """
    path = f"/proc/{pid}/pagemap"
    with contextlib.suppress(OSError, ValueError), open(path, "rb", buffering=0) as pagemap:
        return tuple(
            run
            for start, end in _private_areas(pid)
            for run in _own_pages_between(pagemap.fileno(), start, end)
        )
    return ()


def private_memory(pid: int) -> int:
    """Memory that only this process uses, in bytes; 0 where it cannot be read."""
    return _rollup(pid, "Private_Clean:", "Private_Dirty:")


def proportional_memory(pid: int) -> int:
    """Memory of this process, in bytes, each page divided by the number of its users (PSS).

    Of several processes the sum is what they take together. 0 where it cannot be read.
    """
    return _rollup(pid, "Pss:")


def anonymous_memory(pid: int) -> int:
    """Memory of this process that belongs to no file, in bytes, shared or not; 0: unknown."""
    return _rollup(pid, "Anonymous:")


def _rollup(pid: int, *names: str) -> int:
    with contextlib.suppress(OSError, ValueError):
        with open(f"/proc/{pid}/smaps_rollup", encoding="utf-8") as file:
            lines = [line.split() for line in file]
        return sum(int(words[1]) * 1024 for words in lines if words[0] in names)
    return 0


def _private_areas(pid: int) -> Iterator[tuple[int, int]]:
    # Another encoding would load its codec, which the program could see.
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            area, permissions = line.split(maxsplit=2)[:2]
            if permissions.startswith("rw") and permissions.endswith("p"):
                start, _, end = area.partition("-")
                yield int(start, 16), int(end, 16)


def _own_pages_between(descriptor: int, start: int, end: int) -> Iterator[tuple[int, int]]:
    size = (end - start) // PAGE * _ENTRY
    entries = os.pread(descriptor, size, start // PAGE * _ENTRY)
    # Little-endian numbers: the flags are in the last byte of each.
    for run in _OWN.finditer(entries[_ENTRY - 1 :: _ENTRY]):
        yield start + run.start() * PAGE, run.end() - run.start()
