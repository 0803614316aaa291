"""Whether a ``fork()`` copies this process faithfully.

Each rule names one thing that does not survive a fork, or that two processes
must not share. The reasons are sentences for the user.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from .offsets import can_be_separated

#: Clients that notice a fork by themselves and reconnect (redis-py compares the
#: process id at every use of a pooled connection).
FORK_SAFE_CLIENTS = ("redis",)

#: Thread pools of linear algebra libraries: they stop and restart around a fork.
_POOLS = re.compile(r"/lib(?:scipy_)?openblas[^/]*\.so|/libmkl_core[^/]*\.so|/libblis[^/]*\.so")
#: The name under which function calls are recorded while starting.
_OUR_TOOL = "django-autoreload-plus"
_SQLITE = b"SQLite format 3\x00"
_HANDLES = {
    "socket:": "a socket is open",
    "pipe:": "a pipe is open",
    "anon_inode:[eventpoll]": "an epoll object is open",
    "anon_inode:inotify": "an inotify object is open",
    "anon_inode:[eventfd]": "an eventfd is open",
    "anon_inode:[io_uring]": "an io_uring is open",
    "anon_inode:[timerfd]": "a timer is open",
}


@dataclass
class Safety:
    """The rules for one process."""

    #: Descriptors that are the reloader's own.
    ours: Collection[int] = ()
    #: Further clients whose sockets may stay open.
    extra_clients: Collection[str] = ()
    #: What was open before the program ran: numbers are given out again.
    _inherited: dict[int, tuple[int, int]] = field(
        default_factory=lambda: _identities()  # noqa: PLW0108 - defined below
    )
    _sockets_of_clients: dict[int, str] = field(default_factory=dict)

    def refusal(self) -> str | None:
        """Why no copy may be taken now; ``None`` when it is safe."""
        for rule in self._rules():
            reason = rule()
            if reason is not None:
                return reason
        return None

    def connecting(self, args: tuple[Any, ...]) -> None:
        """Audit listener for ``socket.connect``: remember whose socket it is."""
        with contextlib.suppress(OSError, AttributeError):
            self._sockets_of_clients[args[0].fileno()] = _calling_package()

    def being_read(self) -> list[int]:
        """The files of the program's that are open for reading."""
        return [
            descriptor
            for descriptor, identity in _identities().items()
            if self._inherited.get(descriptor) != identity and _is_read(descriptor)
        ]

    def _rules(self) -> Iterator[Callable[[], str | None]]:
        yield _platform
        yield _tracer
        yield _monitoring
        yield _green_threads
        yield _python_threads
        yield _native_threads
        yield _logging_lock
        yield _timers
        yield _children
        yield _locks
        yield self._open_handles

    def _open_handles(self) -> str | None:
        known = {0, 1, 2, *self.ours}
        clients = {*FORK_SAFE_CLIENTS, *self.extra_clients}
        for descriptor, identity in _identities().items():
            if descriptor in known or self._inherited.get(descriptor) == identity:
                continue
            reason = _handle(descriptor)
            if reason is None:
                continue
            owner = self._sockets_of_clients.get(descriptor)
            if reason != _HANDLES["socket:"] or owner not in clients:
                return f"{reason} (descriptor {descriptor}{f', of {owner}' if owner else ''})"
        return None


def _platform() -> str | None:
    if not sys.platform.startswith("linux"):
        return f"forked copies are not used on {sys.platform}"
    if sys.implementation.name != "cpython":
        return f"forked copies are not used with {sys.implementation.name}"
    return None


def _tracer() -> str | None:
    if sys.gettrace() is not None or threading.gettrace() is not None:
        return "a debugger or coverage tool traces the program"
    if sys.getprofile() is not None or threading.getprofile() is not None:
        return "a profiler is running"
    return None


def _monitoring() -> str | None:
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return None
    for tool in range(6):
        name = monitoring.get_tool(tool)
        if name is not None and name != _OUR_TOOL:
            return f"{name} watches the program (a debugger, profiler or coverage tool)"
    return None


def _green_threads() -> str | None:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and getattr(monkey, "saved", None):
        return "gevent has patched the standard library"
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and getattr(patcher, "already_patched", None):
        return "eventlet has patched the standard library"
    return None


def _python_threads() -> str | None:
    others = [t.name for t in threading.enumerate() if t is not threading.current_thread()]
    if others:
        return f"a second thread is running ({others[0]})"
    if len(sys._current_frames()) > 1:
        return "a second thread is running Python code"
    return None


def _native_threads() -> str | None:
    extra = len(os.listdir("/proc/self/task")) - 1
    if extra <= 0:
        return None
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        pools = set(_POOLS.findall(maps.read()))
    if extra > len(pools) * max(0, (os.cpu_count() or 1) - 1):
        return f"a library runs {extra} threads of its own"
    return None


def _logging_lock() -> str | None:
    """Python makes this lock anew in a forked process, so its holder would lose it."""
    logging = sys.modules.get("logging")
    lock = getattr(logging, "_lock", None)
    if lock is not None and lock._is_owned():
        return "logging is being configured"
    return None


def _timers() -> str | None:
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        if signal.getitimer(timer)[0]:
            return "a timer is set (signal.alarm or setitimer)"
    return None


def _children() -> str | None:
    with contextlib.suppress(OSError), open(f"/proc/self/task/{os.getpid()}/children") as file:
        if file.read().strip():
            return "the program has started another process"
    return None


def _locks() -> str | None:
    """Record locks belong to a process and are not inherited.

    Each descriptor is asked for its own: the list of all locks of the system, in
    /proc/locks, stops every processor for ten milliseconds.
    """
    for descriptor in _identities():
        # The listing's own is closed by now.
        with contextlib.suppress(OSError):
            if stat.S_ISREG(os.fstat(descriptor).st_mode) and _is_locked(descriptor):
                return "a file is locked"
    return None


def _is_locked(descriptor: int) -> bool:
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii", errors="replace") as file:
        return any(line.startswith("lock:") for line in file)


def _identities() -> dict[int, tuple[int, int]]:
    """The open descriptors, each with the device and inode behind it."""
    found = {}
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc/self/fd"):
            # The listing's own is closed by now.
            with contextlib.suppress(OSError):
                info = os.fstat(int(name))
                found[int(name)] = info.st_dev, info.st_ino
    return found


def _handle(descriptor: int) -> str | None:
    try:
        target = os.readlink(f"/proc/self/fd/{descriptor}")
        info = os.fstat(descriptor)
    except OSError:
        # The listing's own descriptor, closed by now.
        return None
    for prefix, reason in _HANDLES.items():
        if target.startswith(prefix):
            return reason
    if stat.S_ISFIFO(info.st_mode):
        # A named one, whose name is that of a file.
        return _HANDLES["pipe:"]
    if stat.S_ISREG(info.st_mode):
        return _regular_file(descriptor, target)
    return None


def _regular_file(descriptor: int, target: str) -> str | None:
    flags = _flags(descriptor)
    with contextlib.suppress(OSError), open(f"/proc/self/fd/{descriptor}", "rb") as file:
        if file.read(len(_SQLITE)) == _SQLITE:
            return f"the SQLite database {os.path.basename(target)} is open"
    if flags & (os.O_WRONLY | os.O_RDWR) and not flags & os.O_APPEND and "memfd:" not in target:
        return f"{os.path.basename(target)} is open for writing"
    if _is_read(descriptor) and not can_be_separated(descriptor):
        return f"{os.path.basename(target)} is open and cannot be opened again"
    return None


def _is_read(descriptor: int) -> bool:
    with contextlib.suppress(OSError):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return _flags(descriptor) & os.O_ACCMODE == os.O_RDONLY
    return False


def _flags(descriptor: int) -> int:
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_GETFL)


def _calling_package() -> str:
    """The library on whose behalf a socket is connected."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in ("django_autoreload_plus", "socket", "ssl", "asyncio", "selectors"):
            return package
        frame = frame.f_back
    return ""
