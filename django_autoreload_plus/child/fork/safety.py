"""Whether a ``fork()`` of this process gives an exact copy.

Each rule names one thing that does not survive a fork, or that two processes
must not share. The reasons are sentences for the user.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import sys
import threading
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, Any

from ... import paths
from ...protocol.messages import OpenFile
from ...protocol.reasons import Reason
from ...records import dataclass, field
from ...swap.support import OUR_TOOL, free_threaded
from ..listener import THREAD_NAME
from . import event_loops
from .file_offsets import can_be_separated
from .outside import package_of
from .process_info import (
    KNOWN_KINDS,
    System,
    identity,
    open_descriptors,
    this_system,
    working_directory,
)
from .status_flags import status_flags

if TYPE_CHECKING:
    from .private_handles import Handle

#: Clients that notice a fork by themselves and reconnect (redis-py compares the
#: process id at every use of a pooled connection).
FORK_SAFE_CLIENTS = ("redis",)

#: Signals of the terminal and of process managers, which a checkpoint blocks.
QUIET_SIGNALS = ("SIGINT", "SIGHUP", "SIGQUIT", "SIGTERM")
#: Shared by libraries without any state of the program in it: libffi's trampolines, and the mark
#: by which Intel's OpenMP finds a second one of itself.
_STATELESS = ("memfd:libffi", "__KMP_REGISTERED_LIB_")
_KERNEL = ("/dev/", "/proc/", "/sys/", "/memfd:")
_REMOVED = " (deleted)"
_SQLITE = b"SQLite format 3\x00"
_SOCKET = Reason("AP215", "a socket is open")


@dataclass
class Safety:
    """The rules for one process."""

    #: Descriptors that are the reloader's own.
    ours: Collection[int] = ()
    #: Handles that the one who asks for a checkpoint makes anew in every process.
    renewed: list[Handle] = field(default_factory=list)
    #: Further clients whose sockets may stay open.
    extra_clients: Collection[str] = ()
    #: The user wants checkpoints also where they are not usual.
    asked_for: bool = False
    system: System = field(default_factory=this_system)
    #: Files that were created by this process alone (``O_EXCL``).
    exclusive_files: Collection[str] = ()
    #: The files that were open before the program ran: descriptors are given out again.
    _inherited: dict[int, tuple[int, int]] = field(default_factory=open_descriptors)
    _directory: tuple[int, int] | None = field(default_factory=working_directory)
    _sockets_of_clients: dict[int, str] = field(default_factory=dict)

    def refusal(self) -> Reason | None:
        """Why no checkpoint may be taken now; ``None`` when it is safe."""
        for rule in self._rules():
            try:
                reason = rule()
            except OSError as error:
                text = f"the system does not tell what this process has ({error})"
                return Reason("AP202", text)
            if reason is not None:
                return reason
        return None

    def is_busy(self) -> bool:
        """Whether a checkpoint is refused now because of the code that is being run."""
        return _logging_lock() is not None

    def connecting(self, args: tuple[Any, ...]) -> None:
        """Audit listener for ``socket.connect``: remember whose socket it is."""
        with contextlib.suppress(OSError, AttributeError):
            self._sockets_of_clients[args[0].fileno()] = _calling_package()

    def positioned(self) -> list[int]:
        """The files of the program's that are open for reading or for appending."""
        return [
            descriptor
            for descriptor, known in open_descriptors().items()
            if self._inherited.get(descriptor) != known and _is_positioned(descriptor)
        ]

    def open_files(self) -> tuple[OpenFile, ...]:
        """Files and folders of the program's that are open, with the working directory."""
        return tuple(self._open_files())

    def _open_files(self) -> Iterator[OpenFile]:
        for descriptor, found in self._opened().items():
            with contextlib.suppress(OSError):
                mode = os.fstat(descriptor).st_mode
                path = self.system.path(descriptor)
                is_kept = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
                if is_kept and not (path.startswith(_KERNEL) or path.endswith(_REMOVED)):
                    yield OpenFile(path, *found)
        here = working_directory()
        if here is not None and here != self._directory:
            with contextlib.suppress(OSError):
                yield OpenFile(paths.working_directory(), *here)

    def _rules(self) -> Iterator[Callable[[], Reason | None]]:
        yield self._platform
        yield _tracer
        yield _monitoring
        yield _green_threads
        yield _interpreters
        yield _python_threads
        yield self._native_threads
        yield _logging_lock
        yield _timers
        yield event_loops.obstacle
        yield self._foreign_handlers
        yield self._shared_memory
        yield self._children
        yield self._locks
        yield self._exclusive_files
        yield self._open_handles

    def _platform(self) -> Reason | None:
        if sys.implementation.name != "cpython":
            text = f"forked copies are not used with {sys.implementation.name}"
            return Reason("AP202", text)
        if free_threaded():
            text = "forked copies need a Python with the global interpreter lock"
            return Reason("AP202", text)
        return self.system.obstacle(asked_for=self.asked_for)

    def _native_threads(self) -> Reason | None:
        extra = self.system.native_threads()
        return Reason("AP207", f"a library runs {extra} threads of its own") if extra else None

    def _shared_memory(self) -> Reason | None:
        """Later processes would find what one process writes to shared memory."""
        ours = set(map(_mapped, self.ours))
        for device, inode, name in self.system.shared_memory():
            if (device, inode) not in ours and not any(known in name for known in _STATELESS):
                return Reason("AP211", f"memory is shared ({_memory_name(name)})")
        return None

    def _children(self) -> Reason | None:
        if self.system.has_children():
            return Reason("AP212", "the program has started another process")
        return None

    def _locks(self) -> Reason | None:
        """Record locks belong to a process and are not inherited."""
        for descriptor in open_descriptors():
            # The listing's own is closed by now.
            with contextlib.suppress(OSError):
                is_file = stat.S_ISREG(os.fstat(descriptor).st_mode)
                if is_file and self.system.is_locked(descriptor):
                    return Reason("AP213", "a file is locked")
        return None

    def _exclusive_files(self) -> Reason | None:
        """A process that is resumed would believe itself the owner of another one's file."""
        for path in self.exclusive_files:
            if os.path.lexists(path):
                text = f"{os.path.basename(path)} was created for one process alone (O_EXCL)"
                return Reason("AP214", text)
        return None

    def _foreign_handlers(self) -> Reason | None:
        """A checkpoint has a handler of its own; what was set in C could not be put back."""
        for number in self.system.caught([signal.SIGCHLD]):
            if not callable(signal.getsignal(number)):
                return Reason("AP210", f"a library handles {number.name} by itself")
        return None

    def private_handles(self) -> list[Handle]:
        """What a forked process has to renew, in this order."""
        opened = self._opened()
        found = [] if all(map(_is_file, opened)) else self.system.private_handles(opened)
        return [*found, *self.renewed]

    def _opened(self) -> dict[int, tuple[int, int]]:
        """The descriptors that the program has opened."""
        return {
            descriptor: found
            for descriptor, found in open_descriptors().items()
            if descriptor not in self.ours and self._inherited.get(descriptor) != found
        }

    def _open_handles(self) -> Reason | None:
        clients = {*FORK_SAFE_CLIENTS, *self.extra_clients}
        renewed = {number for handle in self.private_handles() for number in handle.descriptors}
        for descriptor in self._opened().keys() - renewed:
            reason = self._handle(descriptor)
            if reason is None:
                continue
            owner = self._sockets_of_clients.get(descriptor)
            if reason is not _SOCKET or owner not in clients:
                where = f"(descriptor {descriptor}{f', of {owner}' if owner else ''})"
                return Reason(reason.code, f"{reason.text} {where}")
        return None

    def _handle(self, descriptor: int) -> Reason | None:
        try:
            mode = os.fstat(descriptor).st_mode
            if stat.S_ISSOCK(mode):
                return _socket(descriptor)
            if stat.S_ISFIFO(mode):
                return Reason("AP216", "a pipe is open")
            if stat.S_ISREG(mode):
                return self._regular_file(descriptor)
            strange = self.system.strange(descriptor, stat.S_IFMT(mode))
            return Reason("AP220", strange) if strange else None
        except OSError:
            # The listing's own descriptor, closed by now.
            return None

    def _regular_file(self, descriptor: int) -> Reason | None:
        name = self._name(descriptor)
        flags = status_flags(descriptor)
        with contextlib.suppress(OSError):
            if os.pread(descriptor, len(_SQLITE), 0) == _SQLITE:
                return Reason("AP218", f"the SQLite database {name} is open")
        if flags & (os.O_WRONLY | os.O_RDWR) and not any(known in name for known in _STATELESS):
            # To a file without a name nobody could append but who has it open.
            is_appended_to = flags & os.O_APPEND and os.fstat(descriptor).st_nlink
            if not is_appended_to:
                return Reason("AP217", f"{name.removesuffix(_REMOVED)} is open for writing")
        if _is_positioned(descriptor) and not can_be_separated(descriptor, self.system):
            return Reason("AP219", f"{name} is open and cannot be opened again")
        return None

    def _name(self, descriptor: int) -> str:
        try:
            return os.path.basename(self.system.path(descriptor))
        except OSError:
            return "a file without a name"


def _socket(descriptor: int) -> Reason | None:
    with contextlib.suppress(OSError):
        if _only_sends(descriptor):
            return None
    return _SOCKET


def _only_sends(descriptor: int) -> bool:
    """Whether a socket is for datagrams to a path and nobody can answer, as with syslog.

    That the path is still the same is compared elsewhere.
    """
    if socket.getdefaulttimeout() is not None:
        # A socket object would change the mode of the socket.
        return False
    with socket.socket(fileno=os.dup(descriptor)) as held:
        if held.family != getattr(socket, "AF_UNIX", None) or held.type != socket.SOCK_DGRAM:
            return False
        peer = held.getpeername()
        return not held.getsockname() and isinstance(peer, str) and bool(peer)


def _mapped(descriptor: int) -> tuple[str, int]:
    """The device and inode behind a descriptor, as those of a mapping are shown."""
    try:
        device, inode = identity(descriptor)
    except OSError:
        return "", 0
    return f"{os.major(device):02x}:{os.minor(device):02x}", inode


def _memory_name(name: str) -> str:
    name = name.removesuffix(_REMOVED)
    if name == "/dev/zero":
        return "mmap without a file"
    if name.startswith("/dev/shm/sem."):  # noqa: S108 - where semaphores are
        return "a semaphore or lock of multiprocessing"
    return os.path.basename(name)


def _tracer() -> Reason | None:
    if sys.gettrace() is not None or threading.gettrace() is not None:
        return Reason("AP203", "a debugger or coverage tool traces the program")
    if sys.getprofile() is not None or threading.getprofile() is not None:
        return Reason("AP203", "a profiler is running")
    return None


def _monitoring() -> Reason | None:
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return None
    for tool in range(6):
        name = monitoring.get_tool(tool)
        if name is not None and name != OUR_TOOL:
            text = f"{name} watches the program (a debugger, profiler or coverage tool)"
            return Reason("AP203", text)
    return None


def _green_threads() -> Reason | None:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and getattr(monkey, "saved", None):
        return Reason("AP204", "gevent has patched the standard library")
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and getattr(patcher, "already_patched", None):
        return Reason("AP204", "eventlet has patched the standard library")
    return None


def _interpreters() -> Reason | None:
    """In a forked process Python ends all but the main one."""
    # As it was called until Python 3.12.
    for name in ("_interpreters", "_xxsubinterpreters"):
        module = sys.modules.get(name)
        if module is not None and len(module.list_all()) > 1:
            return Reason("AP205", "another interpreter lives in this process")
    return None


def _python_threads() -> Reason | None:
    others = [t.name for t in threading.enumerate() if t is not threading.current_thread()]
    if named := [name for name in others if name != THREAD_NAME]:
        return Reason("AP206", f"a second thread is running ({named[0]})")
    if others:
        text = "a second thread is running: the reloader's, as the program has begun its work"
        return Reason("AP206", text)
    if len(sys._current_frames()) > 1:
        return Reason("AP206", "a second thread is running Python code")
    return None


def _logging_lock() -> Reason | None:
    """Python makes this lock anew in a forked process, so its holder would lose it."""
    logging = sys.modules.get("logging")
    lock = getattr(logging, "_lock", None)
    if lock is not None and lock._is_owned():
        return Reason("AP208", "logging is being configured")
    return None


def _timers() -> Reason | None:
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        if signal.getitimer(timer)[0]:
            return Reason("AP209", "a timer is set (signal.alarm or setitimer)")
    return None


def _is_positioned(descriptor: int) -> bool:
    with contextlib.suppress(OSError):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            flags = status_flags(descriptor)
            return flags & os.O_ACCMODE == os.O_RDONLY or bool(flags & os.O_APPEND)
    return False


def _is_file(descriptor: int) -> bool:
    # The listing's own is closed by now.
    with contextlib.suppress(OSError):
        return stat.S_IFMT(os.fstat(descriptor).st_mode) in KNOWN_KINDS
    return True


def _calling_package() -> str:
    """The library on whose behalf a socket is connected."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        package = package_of(frame)
        if package not in ("django_autoreload_plus", "socket", "ssl", "asyncio", "selectors"):
            return package
        frame = frame.f_back
    return ""
