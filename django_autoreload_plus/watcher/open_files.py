"""Processes that have a file open for writing, on systems that can tell."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ..paths import real


def is_being_written(path: str) -> bool:
    """Whether a process of this user holds ``path`` open for writing (Linux only).

    Looks through all processes, several milliseconds: only for rare cases.
    """
    with suppress(OSError):
        wanted = real(path)
        for process in Path("/proc").glob("[0-9]*"):
            if _writes(process, wanted):
                return True
    return False


def _writes(process: Path, path: str) -> bool:
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            if str(descriptor.readlink()) == path and _mode(process, descriptor) != os.O_RDONLY:
                return True
    return False


def _mode(process: Path, descriptor: Path) -> int:
    for line in (process / "fdinfo" / descriptor.name).read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "flags":
            return int(value, 8) & (os.O_WRONLY | os.O_RDWR)
    return os.O_RDONLY
