"""Waits before the program does what only one process may do at a time.

The old process lives until the new one is there. What it holds (a port, a lock, a pid file)
the new one cannot get, so before such an act the supervisor is asked, which ends the old
one first. Audit events are raised before the act, in every thread.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ..paths import absolute
from .queries import is_query
from .tracker import Tracker

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_Ask = Callable[[str, str], bool]


class Clearance:
    """Whether this process has to ask, and the acts before which it does."""

    def __init__(self, tracker: Tracker, ask: _Ask) -> None:
        """``ask(act, database)`` waits; it returns whether no older process is left."""
        self._tracker = tracker
        self._ask = ask
        self._pid = os.getpid()
        self._starting = True
        self.is_needed = False
        #: Files that were created with ``O_EXCL`` while starting.
        self.exclusive_files: list[str] = []

    def install(self) -> None:
        """Ask from now on, also in processes of ``multiprocessing``."""
        self.begin()
        self._tracker.call_after_import("multiprocessing.util", self._watch_spawns)

    def begin(self) -> None:
        """A process begins: whether older ones are left is not known to it."""
        self._pid = os.getpid()
        self.is_needed = True
        self._listen()

    def go_on(self) -> None:
        """This process goes on where its parent, which freezes, has got to."""
        self._pid = os.getpid()

    def freeze(self) -> None:
        """Listen no more: what a checkpoint does is no act of the program."""
        self.is_needed = False
        self._tracker.acts = {}

    def give(self) -> None:
        """No older process is left: stop asking."""
        self.is_needed = False
        self._listen()

    def started(self) -> None:
        """The program serves or runs: no checkpoint of it will be taken."""
        self._starting = False
        self._listen()

    def _listen(self) -> None:
        # Replaced as a whole: other threads may be looking at it.
        if self.is_needed:
            acts = {event: self._listener(event) for event in _ACTS}
            self._tracker.acts = acts | {"open": self._opens}
        else:
            self._tracker.acts = {"open": self._opens} if self._starting else {}

    def _listener(self, event: str) -> Callable[[tuple[Any, ...]], None]:
        is_exclusive = _ACTS[event]

        def listener(args: tuple[Any, ...]) -> None:
            if is_exclusive(args):
                self._wait(event, args)

        return listener

    def _opens(self, args: tuple[Any, ...]) -> None:
        path, _, flags = args
        # Without O_CREAT it is a file without a name (O_TMPFILE).
        if not (isinstance(flags, int) and flags & os.O_EXCL and flags & os.O_CREAT):
            return
        if self.is_needed and _is_there(path):
            self._wait("open", args)
        if self._starting and not _is_temporary():
            with contextlib.suppress(TypeError, ValueError, OSError):
                self.exclusive_files.append(absolute(os.fsdecode(path)))

    def _wait(self, event: str, args: tuple[Any, ...]) -> None:
        # A process that the program has forked has no one to ask.
        if _ours or os.getpid() != self._pid:
            return
        database = _database(args) if event == "sqlite3.connect" else ""
        if self._ask(f"{event} {_program(event, args)}".rstrip(), database):
            self.give()

    def _watch_spawns(self) -> None:
        """The one way to start a process that raises no audit event."""
        util: Any = sys.modules["multiprocessing.util"]
        spawn = getattr(util, "spawnv_passfds", None)
        if spawn is None:
            return

        def spawnv_passfds(*args: Any, **kwargs: Any) -> Any:
            if self.is_needed:
                self._wait("multiprocessing", ())
            return spawn(*args, **kwargs)

        util.spawnv_passfds = spawnv_passfds


_ours = False


@contextlib.contextmanager
def own_acts() -> Iterator[None]:
    """Acts in this block are the reloader's own; only while there is one thread."""
    global _ours  # noqa: PLW0603 - a process has one
    _ours = True
    try:
        yield
    finally:
        _ours = False


def is_own_act() -> bool:
    """Whether the reloader itself does what is being done."""
    return _ours


def _always(_args: tuple[Any, ...]) -> bool:
    return True


def _binds(args: tuple[Any, ...]) -> bool:
    """Whether a certain address is asked for, rather than any that is free."""
    bound, address = args
    family = getattr(bound, "family", None)
    if family in (socket.AF_INET, socket.AF_INET6):
        return not (isinstance(address, tuple) and len(address) > 1 and address[1] == 0)
    if family == getattr(socket, "AF_NETLINK", None):
        return False
    return bool(address)


def _locks(args: tuple[Any, ...]) -> bool:
    operation = args[1]
    return not (isinstance(operation, int) and operation & fcntl.LOCK_UN)


def _sets_lock(args: tuple[Any, ...]) -> bool:
    names = ("F_SETLK", "F_SETLKW", "F_OFD_SETLK", "F_OFD_SETLKW")
    return any(args[1] == getattr(fcntl, name, None) for name in names)


def _lockf(args: tuple[Any, ...]) -> bool:
    return args[1] in (os.F_LOCK, os.F_TLOCK)


def _makes_folder(args: tuple[Any, ...]) -> bool:
    """Whether it fails because the folder is there, and the caller cares."""
    if not _is_there(args[0]):
        return False
    frame = _caller()
    return not (frame is not None and frame.f_locals.get("exist_ok"))


def _makes_link(args: tuple[Any, ...]) -> bool:
    return _is_there(args[1])


def _runs(event: str) -> Callable[[tuple[Any, ...]], bool]:
    """What another program takes is not known, unless it only answers a question."""
    return lambda args: not is_query(event, args)


#: Audit events of acts that fail, or wait, while another process holds the same thing, each
#: with the question whether this one does. (``open`` is looked at by itself: it is frequent.)
_ACTS: dict[str, Callable[[tuple[Any, ...]], bool]] = {
    "socket.bind": _binds,
    "os.mkdir": _makes_folder,
    "os.link": _makes_link,
    "os.symlink": _makes_link,
    "sqlite3.connect": lambda args: bool(_database(args)),
    **{event: _runs(event) for event in ("subprocess.Popen", "os.posix_spawn", "os.system")},
    "os.fork": _always,
    "os.forkpty": _always,
    "msvcrt.locking": _always,
}
if fcntl is not None:
    _ACTS |= {
        "fcntl.flock": _locks,
        "fcntl.lockf": _locks,
        "fcntl.fcntl": _sets_lock,
        "os.lockf": _lockf,
    }


def _program(event: str, args: tuple[Any, ...]) -> str:
    """The name of the program that is about to be started; ``""``: none is, or by a shell."""
    is_named = event in ("subprocess.Popen", "os.posix_spawn")
    return os.path.basename(os.fsdecode(args[0])) if is_named else ""


def _is_there(path: Any) -> bool:
    try:
        return os.path.lexists(path)
    except (TypeError, ValueError):
        return False


def _database(args: tuple[Any, ...]) -> str:
    """The file of a SQLite database; ``""``: it has none, or is not there yet."""
    try:
        text = os.fsdecode(args[0])
    except (TypeError, ValueError):
        return ""
    if text.startswith("file:"):
        from urllib.parse import unquote, urlsplit

        text = unquote(urlsplit(text).path)
    return absolute(text) if text and os.path.isfile(text) else ""


def _caller() -> Any:
    """The frame that has caused the audit event."""
    frame: Any = sys._getframe(1)
    ours = (__name__, Tracker.__module__)
    while frame is not None and frame.f_globals.get("__name__") in ours:
        frame = frame.f_back
    return frame


def _is_temporary() -> bool:
    """Whether the name was made up at random, so that it stands for nothing."""
    frame = _caller()
    return frame is not None and frame.f_globals.get("__name__") == "tempfile"
