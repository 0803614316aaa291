"""Whether a ``fork()`` copies this process faithfully.

Each rule names one thing that does not survive a fork, or that two processes
must not share. The reasons are sentences for the user.
"""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from .offsets import can_be_separated
from .system import System, open_descriptors, this_system

#: Clients that notice a fork by themselves and reconnect (redis-py compares the
#: process id at every use of a pooled connection).
FORK_SAFE_CLIENTS = ("redis",)

#: The name under which function calls are recorded while starting.
_OUR_TOOL = "django-autoreload-plus"
#: What the terminal and process managers send; a frozen copy ignores it.
QUIET_SIGNALS = ("SIGINT", "SIGHUP", "SIGQUIT", "SIGTERM")
_SQLITE = b"SQLite format 3\x00"
_SOCKET = "a socket is open"


@dataclass
class Safety:
    """The rules for one process."""

    #: Descriptors that are the reloader's own.
    ours: Collection[int] = ()
    #: Further clients whose sockets may stay open.
    extra_clients: Collection[str] = ()
    #: The user wants copies also where they are not usual.
    asked_for: bool = False
    system: System = field(default_factory=this_system)
    #: What was open before the program ran: numbers are given out again.
    _inherited: dict[int, tuple[int, int]] = field(default_factory=open_descriptors)
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
            for descriptor, known in open_descriptors().items()
            if self._inherited.get(descriptor) != known and _is_read(descriptor)
        ]

    def _rules(self) -> Iterator[Callable[[], str | None]]:
        yield self._platform
        yield _tracer
        yield _monitoring
        yield _green_threads
        yield _python_threads
        yield self._native_threads
        yield _logging_lock
        yield _timers
        yield self._foreign_handlers
        yield self._children
        yield self._locks
        yield self._open_handles

    def _platform(self) -> str | None:
        if sys.implementation.name != "cpython":
            return f"forked copies are not used with {sys.implementation.name}"
        return self.system.obstacle(asked_for=self.asked_for)

    def _native_threads(self) -> str | None:
        extra = self.system.native_threads()
        return f"a library runs {extra} threads of its own" if extra else None

    def _children(self) -> str | None:
        return "the program has started another process" if self.system.has_children() else None

    def _locks(self) -> str | None:
        """Record locks belong to a process and are not inherited."""
        for descriptor in open_descriptors():
            # The listing's own is closed by now.
            with contextlib.suppress(OSError):
                is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
                if is_file and self.system.is_locked(descriptor):
                    return "a file is locked"
        return None

    def _foreign_handlers(self) -> str | None:
        """A copy has handlers of its own; what was set in C could not be put back."""
        exchanged = [signal.Signals[name] for name in (*QUIET_SIGNALS, "SIGCHLD")]
        for number in self.system.caught(exchanged):
            if not callable(signal.getsignal(number)):
                return f"a library handles {number.name} by itself"
        return None

    def _open_handles(self) -> str | None:
        known = {0, 1, 2, *self.ours}
        clients = {*FORK_SAFE_CLIENTS, *self.extra_clients}
        for descriptor, found in open_descriptors().items():
            if descriptor in known or self._inherited.get(descriptor) == found:
                continue
            reason = self._handle(descriptor)
            if reason is None:
                continue
            owner = self._sockets_of_clients.get(descriptor)
            if reason != _SOCKET or owner not in clients:
                return f"{reason} (descriptor {descriptor}{f', of {owner}' if owner else ''})"
        return None

    def _handle(self, descriptor: int) -> str | None:
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISSOCK(mode):
                return _SOCKET
            if stat.S_ISFIFO(mode):
                return "a pipe is open"
            if stat.S_ISREG(mode):
                return self._regular_file(descriptor)
            return self.system.strange(descriptor, stat.S_IFMT(mode))
        except OSError:
            # The listing's own descriptor, closed by now.
            return None

    def _regular_file(self, descriptor: int) -> str | None:
        name = self._name(descriptor)
        flags = _flags(descriptor)
        with contextlib.suppress(OSError):
            if os.pread(descriptor, len(_SQLITE), 0) == _SQLITE:
                return f"the SQLite database {name} is open"
        if flags & (os.O_WRONLY | os.O_RDWR) and not flags & os.O_APPEND and "memfd:" not in name:
            return f"{name} is open for writing"
        if _is_read(descriptor) and not can_be_separated(descriptor, self.system):
            return f"{name} is open and cannot be opened again"
        return None

    def _name(self, descriptor: int) -> str:
        try:
            return os.path.basename(self.system.path(descriptor))
        except OSError:
            return "a file without a name"


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
