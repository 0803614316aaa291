"""Facts about other processes, as far as the kernel gives them (Linux, see proc(5))."""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import sys
from collections.abc import Collection

from ..protocol.process_tree import children

_LINUX = sys.platform.startswith("linux")
#: ``struct flock``: type, whence, start, length, process.
_FLOCK = "hhqqi"
#: Where SQLite keeps its locks on a database file: everybody who reads has a lock of this
#: range for reading, and who holds it alone has one for writing.
_SHARED_FIRST = 0x40000002
_SHARED_SIZE = 510
#: Of /proc/PID/stat, behind the name of the program.
_STATE, _USER_TIME, _SYSTEM_TIME = 0, 11, 12


def descendants(pid: int) -> set[int]:
    """The processes that this one has started, and those that they have."""
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        more = children(waiting.pop()) - found
        found |= more
        waiting += more
    return found


def descendants_in_group(pid: int) -> set[int]:
    """Those of them that have stayed in this process's group: they are part of the program.

    The others were made to outlive it.
    """
    return {each for each in descendants(pid) if _group(each) == os.getpgrp()}


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return -1


def is_alive(pid: int) -> bool:
    """Whether it runs; one that has ended and was not waited for does not."""
    fields = _stat(pid)
    if fields is not None:
        return fields[_STATE] not in "ZX"
    return False


def wants_to_run(pid: int) -> bool:
    """Whether it waits for nothing but a processor or a disk, however long that takes."""
    fields = _stat(pid)
    return fields is not None and fields[_STATE] in "RD"


def go_on(pid: int) -> None:
    """Let a process run that has been stopped (SIGSTOP)."""
    fields = _stat(pid)
    if fields is not None and fields[_STATE] == "T":
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGCONT)


def handles(pid: int, number: int) -> bool:
    """Whether it catches or ignores this signal; ``False``, too, where nobody can tell."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            fields = dict(line.split(":", 1) for line in file)
        mask = int(fields["SigCgt"], 16) | int(fields["SigIgn"], 16)
    except (OSError, KeyError, ValueError):
        return False
    return bool(mask >> number - 1 & 1)


def command_of(pid: int) -> str:
    """Its command line without numbers, which are ids and ports mostly; ``""``: nobody can tell."""
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            words = file.read().split("\0")
    except OSError:
        return ""
    return "".join(letter for letter in " ".join(words).strip() if not letter.isdigit())


def cpu_seconds(pid: int) -> float | None:
    """How much processor time it has used; ``None``: nobody can tell."""
    fields = _stat(pid)
    if fields is None:
        return None
    return (int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])) / os.sysconf("SC_CLK_TCK")


def database_is_locked_by(path: str, pids: Collection[int]) -> bool:
    """Whether one of these processes holds a SQLite database alone.

    Where nobody can tell it counts as if one did.
    """
    if not pids:
        return False
    if not _LINUX:
        return True
    import fcntl

    try:
        # Not by a process that uses the database: closing a file gives up all its locks.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return False
    wanted = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, _SHARED_FIRST, _SHARED_SIZE, 0)
    try:
        kind, _, _, _, holder = struct.unpack(
            _FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, wanted)
        )
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return kind == fcntl.F_WRLCK and holder in pids


def _stat(pid: int) -> list[str] | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None
