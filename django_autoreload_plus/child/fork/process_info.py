"""What the operating system knows of this process.

Linux shows all of it below ``/proc``. On macOS the kernel is asked through psutil; who has
locked what it does not tell, so that is noted when it happens.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol

#: Thread pools of linear algebra libraries: they stop and restart around a fork.
_POOLS = re.compile(r"/lib(?:scipy_)?openblas[^/]*\.so|/libmkl_core[^/]*\.so|/libblis[^/]*\.so")
#: What Linux calls handles that are no files.
_ANONYMOUS = {
    "anon_inode:[eventpoll]": "an epoll object is open",
    "anon_inode:inotify": "an inotify object is open",
    "anon_inode:[eventfd]": "an eventfd is open",
    "anon_inode:[io_uring]": "an io_uring is open",
    "anon_inode:[timerfd]": "a timer is open",
}
_KNOWN_KINDS = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFBLK)

#: The descriptors of the process that looks; the second shows them on Linux only by a link
#: that small systems lack.
_LISTING = "/proc/self/fd" if sys.platform.startswith("linux") else "/dev/fd"

Listeners = dict[str, Callable[[tuple[Any, ...]], None]]


class System(Protocol):
    """What the rules for a ``fork()`` ask about this process."""

    def obstacle(self, *, asked_for: bool) -> str | None:
        """Why nothing can be copied here; ``asked_for``: the user wants it all the same."""

    def listen(self, listeners: Listeners) -> None:
        """Add what has to be heard of while it happens, by audit event."""

    def native_threads(self) -> int:
        """Threads besides this one that a fork would lose."""

    def has_children(self) -> bool:
        """Whether this process has started others."""

    def caught(self, signals: Iterable[signal.Signals]) -> list[signal.Signals]:
        """Those of the signals that have a handler, in Python or in C."""

    def is_locked(self, descriptor: int) -> bool:
        """Whether this process has locked the file."""

    def strange(self, descriptor: int, kind: int) -> str | None:
        """What a handle is that is neither file, directory, device, socket nor pipe."""

    def path(self, descriptor: int) -> str:
        """The name of an open file. :class:`OSError`: it has none."""

    def open_again(self, descriptor: int) -> int:
        """Open the same file once more, for reading. :class:`OSError`: it cannot be done."""


class Linux:
    """See proc(5)."""

    def obstacle(self, *, asked_for: bool) -> str | None:  # noqa: ARG002
        """Nothing."""
        return None

    def listen(self, listeners: Listeners) -> None:
        """Nothing."""

    def native_threads(self) -> int:
        """All there are, without the pools that survive."""
        extra = len(os.listdir("/proc/self/task")) - 1
        if extra <= 0:
            return 0
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            pools = set(_POOLS.findall(maps.read()))
        return 0 if extra <= len(pools) * max(0, (os.cpu_count() or 1) - 1) else extra

    def has_children(self) -> bool:
        """Also those that have ended and were not waited for."""
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return False
        return True

    def caught(self, signals: Iterable[signal.Signals]) -> list[signal.Signals]:
        """The kernel knows."""
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:
            text = next(line.split()[1] for line in file if line.startswith("SigCgt:"))
        mask = int(text, 16)
        return [number for number in signals if mask >> (number - 1) & 1]

    def is_locked(self, descriptor: int) -> bool:
        """Each descriptor is asked for its own locks.

        The list of all locks of the system, in /proc/locks, stops every processor for ten
        milliseconds.
        """
        # The listing's own is closed by now.
        with contextlib.suppress(OSError):
            path = f"/proc/self/fdinfo/{descriptor}"
            with open(path, encoding="ascii", errors="replace") as file:
                return any(line.startswith("lock:") for line in file)
        return False

    def strange(self, descriptor: int, kind: int) -> str | None:
        """An anonymous inode of a kind that cannot be shared."""
        if kind in _KNOWN_KINDS:
            return None
        target = self.path(descriptor)
        return next((text for name, text in _ANONYMOUS.items() if target.startswith(name)), None)

    def path(self, descriptor: int) -> str:
        """The name, or what stands for one."""
        return os.readlink(_entry(descriptor))

    def open_again(self, descriptor: int) -> int:
        """Also when its name is gone."""
        return os.open(_entry(descriptor), os.O_RDONLY | os.O_CLOEXEC)


class MacOS:
    """Apple's kernel, asked through psutil, and what was heard of."""

    def __init__(self) -> None:
        #: Descriptors that were locked, each with the device and inode behind it.
        self._locked: dict[int, tuple[int, int]] = {}

    def obstacle(self, *, asked_for: bool) -> str | None:
        """Another system that nobody has tried, not asked for, or no psutil."""
        name: str = sys.platform
        if name != "darwin":
            return f"forked copies are not used on {name}"
        if not asked_for:
            return 'forked copies are not used on macOS unless "CHECKPOINTS" is True'
        try:
            import psutil  # noqa: F401
        except ImportError:
            return "forked copies on macOS need psutil (pip install psutil)"
        return None

    def listen(self, listeners: Listeners) -> None:
        """Who locks a file."""
        listeners["fcntl.flock"] = self._flock
        listeners["fcntl.lockf"] = self._lock
        listeners["fcntl.fcntl"] = self._fcntl

    def native_threads(self) -> int:
        """All there are: which of them would survive, nobody tells."""
        return int(_process().num_threads()) - 1

    def has_children(self) -> bool:
        """Also those that have ended and were not waited for."""
        return bool(_process().children())

    def caught(self, signals: Iterable[signal.Signals]) -> list[signal.Signals]:
        """Nobody tells of those in C."""
        return [number for number in signals if callable(signal.getsignal(number))]

    def is_locked(self, descriptor: int) -> bool:
        """Whether it has been locked, by Python code, since it was opened."""
        held = self._locked.get(descriptor)
        return held is not None and held == identity(descriptor)

    def strange(self, descriptor: int, kind: int) -> str | None:  # noqa: ARG002
        """Anything that is not known."""
        return None if kind in _KNOWN_KINDS else "something that is no file is open"

    def path(self, descriptor: int) -> str:
        """The name it was opened by, or has got since."""
        for item in _process().open_files():
            if item.fd == descriptor:
                return str(item.path)
        raise FileNotFoundError(descriptor)

    def open_again(self, descriptor: int) -> int:
        """By its name, if that still leads to the same file."""
        again = os.open(self.path(descriptor), os.O_RDONLY | os.O_CLOEXEC)
        if identity(again) == identity(descriptor):
            return again
        os.close(again)
        raise FileNotFoundError(descriptor)

    def _flock(self, args: tuple[Any, ...]) -> None:
        import fcntl

        descriptor, operation = args
        if operation & fcntl.LOCK_UN:
            self._locked.pop(descriptor, None)
        else:
            self._lock(args)

    def _fcntl(self, args: tuple[Any, ...]) -> None:
        import fcntl

        if args[1] in (fcntl.F_SETLK, fcntl.F_SETLKW):
            self._lock(args)

    def _lock(self, args: tuple[Any, ...]) -> None:
        with contextlib.suppress(OSError):
            self._locked[args[0]] = identity(args[0])


def this_system() -> System:
    """The one that Python runs on."""
    return Linux() if sys.platform.startswith("linux") else MacOS()


def identity(descriptor: int) -> tuple[int, int]:
    """The device and inode behind a descriptor. :class:`OSError`: it is closed."""
    info = os.fstat(descriptor)
    return info.st_dev, info.st_ino


def open_descriptors() -> dict[int, tuple[int, int]]:
    """The open descriptors, each with its :func:`identity`."""
    found = {}
    with contextlib.suppress(OSError):
        for name in os.listdir(_LISTING):
            # The listing's own is closed by now.
            with contextlib.suppress(OSError):
                found[int(name)] = identity(int(name))
    return found


def _entry(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"


def _process() -> Any:
    import psutil

    return psutil.Process()
