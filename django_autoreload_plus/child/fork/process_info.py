"""Facts about this process from the operating system.

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
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .private_handles import Handle

from ...protocol.reasons import Reason

#: Thread pools of linear algebra libraries: they stop and restart around a fork.
_POOLS = re.compile(r"/lib(?:scipy_)?openblas[^/]*\.so|/libmkl_core[^/]*\.so|/libblis[^/]*\.so")
#: Permissions of a mapping, its offset, device and inode, and its name.
_SHARED = re.compile(r"^[0-9a-f-]+ .w.s \S+ (\S+) (\d+) *(.*)$", re.MULTILINE)
#: The names that Linux gives to handles that are no files.
_ANONYMOUS = {
    "anon_inode:[eventpoll]": "an epoll object is open",
    "anon_inode:inotify": "an inotify object is open",
    "anon_inode:[eventfd]": "an eventfd is open",
    "anon_inode:[io_uring]": "an io_uring is open",
    "anon_inode:[timerfd]": "a timer is open",
}
#: What a fork can share, or separate: files, folders and devices.
KNOWN_KINDS = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFBLK)

#: The descriptors of the process that asks; the second shows them on Linux only by a link
#: that small systems lack.
_LISTING = "/proc/self/fd" if sys.platform.startswith("linux") else "/dev/fd"

Listeners = dict[str, Callable[[tuple[Any, ...]], None]]


class System(Protocol):
    """The facts that the rules for a ``fork()`` need."""

    def obstacle(self, *, asked_for: bool) -> Reason | None:
        """Why nothing can be copied here; ``asked_for``: the user wants it all the same."""

    def listen(self, listeners: Listeners) -> None:
        """Add listeners for what can be noticed only while it happens, by audit event."""

    def native_threads(self) -> int:
        """Threads besides this one that a fork would lose."""

    def has_children(self) -> bool:
        """Whether this process has started others."""

    def caught(self, signals: Iterable[signal.Signals]) -> list[signal.Signals]:
        """Those of the signals that have a handler, in Python or in C."""

    def is_locked(self, descriptor: int) -> bool:
        """Whether this process has locked the file."""

    def strange(self, descriptor: int, kind: int) -> str | None:
        """The kind of a handle that is neither file, directory, device, socket nor pipe."""

    def shared_memory(self) -> list[tuple[str, int, str]]:
        """Writable mappings that are shared with other processes: device, inode and name."""

    def path(self, descriptor: int) -> str:
        """The name of an open file. :class:`OSError`: it has none."""

    def open_again(self, descriptor: int, flags: int) -> int:
        """Open the same file once more. :class:`OSError`: it cannot be done."""

    def private_handles(self, candidates: Mapping[int, tuple[int, int]]) -> list[Handle]:
        """Those that a forked process can renew, of these descriptors with their identities."""


class Linux:
    """Linux, see proc(5)."""

    def obstacle(self, *, asked_for: bool) -> Reason | None:  # noqa: ARG002 - of all systems
        """On Linux only a missing ``/proc`` can prevent it."""
        if not os.path.isdir("/proc/self/fd"):
            return Reason("AP202", "forked copies need /proc, which is not there")
        return None

    def listen(self, listeners: Listeners) -> None:
        """Do nothing: Linux tells all of it when it is asked."""

    def native_threads(self) -> int:
        """All but the thread pools that survive a fork."""
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
        """Those in ``SigCgt`` of /proc/self/status."""
        with open("/proc/self/status", encoding="utf-8", errors="replace") as file:
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
            with open(path, encoding="utf-8", errors="replace") as file:
                return any(line.startswith("lock:") for line in file)
        return False

    def strange(self, descriptor: int, kind: int) -> str | None:
        """One of the anonymous inodes that cannot be shared, such as an epoll object."""
        if kind in KNOWN_KINDS:
            return None
        target = self.path(descriptor)
        return next((text for name, text in _ANONYMOUS.items() if target.startswith(name)), None)

    def shared_memory(self) -> list[tuple[str, int, str]]:
        """The mappings of proc_pid_maps(5)."""
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            found = _SHARED.findall(maps.read())
        return [(device, int(inode), name) for device, inode, name in found]

    def path(self, descriptor: int) -> str:
        """Where the link in /proc/self/fd leads."""
        return os.readlink(_entry(descriptor))

    def open_again(self, descriptor: int, flags: int) -> int:
        """Through /proc/self/fd, which works without a name, too."""
        return os.open(_entry(descriptor), flags | os.O_CLOEXEC)

    def private_handles(self, candidates: Mapping[int, tuple[int, int]]) -> list[Handle]:
        """The handles by which an idle event loop is woken."""
        from . import private_handles

        return private_handles.find(candidates)


class MacOS:
    """Apple's kernel, asked through psutil, and what audit events have told."""

    def __init__(self) -> None:
        #: Descriptors that were locked, each with the device and inode behind it.
        self._locked: dict[int, tuple[int, int]] = {}
        self._mapped: list[tuple[str, int, str]] = []

    def obstacle(self, *, asked_for: bool) -> Reason | None:
        """Another system that nobody has tried, not asked for, or no psutil."""
        name: str = sys.platform
        if name != "darwin":
            return Reason("AP202", f"forked copies are not used on {name}")
        if not asked_for:
            text = 'forked copies are not used on macOS unless "CHECKPOINTS" is True'
            return Reason("AP202", text)
        try:
            import psutil  # noqa: F401 - is it there?
        except ImportError:
            text = "forked copies on macOS need psutil (pip install psutil)"
            return Reason("AP202", text)
        return None

    def listen(self, listeners: Listeners) -> None:
        """Note a lock on a file, or a mapping of memory."""
        listeners["mmap.__new__"] = self._map
        listeners["fcntl.flock"] = self._flock
        listeners["fcntl.lockf"] = self._lock
        listeners["fcntl.fcntl"] = self._fcntl

    def native_threads(self) -> int:
        """All native threads: macOS does not tell which of them would survive."""
        return int(_process().num_threads()) - 1

    def has_children(self) -> bool:
        """Also those that have ended and were not waited for."""
        return bool(_process().children())

    def caught(self, signals: Iterable[signal.Signals]) -> list[signal.Signals]:
        """Only those in Python: macOS does not tell of handlers in C."""
        return [number for number in signals if callable(signal.getsignal(number))]

    def is_locked(self, descriptor: int) -> bool:
        """Whether it has been locked, by Python code, since it was opened."""
        held = self._locked.get(descriptor)
        return held is not None and held == identity(descriptor)

    def strange(self, descriptor: int, kind: int) -> str | None:  # noqa: ARG002 - of all systems
        """All that is of none of the known kinds: macOS has no names for them."""
        return None if kind in KNOWN_KINDS else "something that is no file is open"

    def shared_memory(self) -> list[tuple[str, int, str]]:
        """Memory that Python code has mapped since the start, whether or not it still is."""
        return self._mapped

    def path(self, descriptor: int) -> str:
        """The name it was opened by, or has got since."""
        for item in _process().open_files():
            if item.fd == descriptor:
                return str(item.path)
        raise FileNotFoundError(descriptor)

    def open_again(self, descriptor: int, flags: int) -> int:
        """By its name, if that still leads to the same file."""
        again = os.open(self.path(descriptor), flags | os.O_CLOEXEC)
        if identity(again) == identity(descriptor):
            return again
        os.close(again)
        raise FileNotFoundError(descriptor)

    def private_handles(
        self,
        candidates: Mapping[int, tuple[int, int]],  # noqa: ARG002 - of all systems
    ) -> list[Handle]:
        """None: a kqueue does not survive a fork."""
        return []

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

    def _map(self, args: tuple[Any, ...]) -> None:
        import mmap

        if args[2] in (mmap.ACCESS_DEFAULT, mmap.ACCESS_WRITE):
            self._mapped.append(("", 0, "mmap"))

    def _lock(self, args: tuple[Any, ...]) -> None:
        with contextlib.suppress(OSError):
            self._locked[args[0]] = identity(args[0])


def this_system() -> System:
    """The system that Python runs on."""
    return Linux() if sys.platform.startswith("linux") else MacOS()


def identity(descriptor: int) -> tuple[int, int]:
    """The device and inode behind a descriptor. :class:`OSError`: it is closed."""
    info = os.fstat(descriptor)
    return info.st_dev, info.st_ino


def working_directory() -> tuple[int, int] | None:
    """The device and inode of the working directory; ``None``: it cannot be reached."""
    try:
        info = os.stat(os.curdir)
    except OSError:
        return None
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
