"""How a file is open, see fcntl(2)."""

from __future__ import annotations


def status_flags(descriptor: int) -> int:
    """Mode and flags of an open file: ``O_ACCMODE``, ``O_APPEND``, ``O_NONBLOCK`` and others."""
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_GETFL)
