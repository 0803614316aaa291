"""Which processes a process has started, as Linux tells it in proc_tid_children(5)."""

from __future__ import annotations

import contextlib
import os


def children(pid: int) -> set[int]:
    """The processes whose parent this one is; empty where nobody can tell."""
    found: set[int] = set()
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="utf-8") as file:
                found.update(map(int, file.read().split()))
    return found
