"""Data from outside that cannot be compared later: no checkpoint is taken after its first use.

A row, or the answer of another program, may be another one at the next reload; a checkpoint would
bring the old one back.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Collection, Iterator
from functools import partial
from itertools import islice
from types import FrameType
from typing import Any

from ...own_code import is_installed, looks_own
from ...paths import absolute, working_directory
from ...protocol.probes import STATUS
from ...protocol.reasons import Reason
from ...records import dataclass, field
from .. import queries
from ..probes import Probes

_PACKAGE = __name__.partition(".")[0]
_IN_MEMORY = ("", ":memory:")
#: Modules that run programs to ask the system (``ldconfig``, ``gcc``, ``ip``, ``uname``), which
#: stays as it is.
_ASK_THE_SYSTEM = ("ctypes.util", "platform", "uuid", "sysconfig", "_aix_support")
_RUN_PROGRAMS = ("os", "subprocess", "pty", "contextlib")
_UNIX = getattr(socket, "AF_UNIX", None)
_SHELLS = ("sh", "bash", "dash", "zsh")


@dataclass
class Outside:
    """The first use of each source."""

    #: The package of the framework, which reads only for others, and tells of that itself.
    framework: str = ""
    _uses: dict[str, Reason] = field(default_factory=dict)

    def note(self, code: str, source: str, sentence: str) -> None:
        """Something was taken from ``source``, by the code that runs now."""
        if source not in self._uses:
            self._uses[source] = Reason(code, f"{sentence} while starting ({self._where()})")

    def reason(self, except_for: Collection[str]) -> Reason | None:
        """The source that was used first, except for these."""
        return next((it for key, it in self._uses.items() if key not in except_for), None)

    def _where(self) -> str:
        """The line that is responsible: the nearest of the user's own, else a library's."""
        frames = [*_clients()]
        own = (
            frame
            for frame in frames
            if looks_own(frame.f_code.co_filename) and module_of(frame) != "__main__"
        )
        others = (frame for frame in frames if package_of(frame) != self.framework)
        frame = next(own, None) or next(others, None)
        if frame is None:
            return "by the framework itself"
        return f"{_short(frame.f_code.co_filename)}, line {frame.f_lineno}"


@dataclass
class Data(Outside):
    """Databases and other programs, with listeners to audit events."""

    #: Where answers are noted that can be compared later.
    probes: Probes = field(default_factory=Probes)

    def database(self, alias: str) -> None:
        """The framework connects to its database of this name."""
        self.note("AP230", alias, f'the database "{alias}" was read')

    def sqlite(self, args: tuple[Any, ...]) -> None:
        """Audit listener for ``sqlite3.connect``."""
        name = os.fsdecode(args[0]) if isinstance(args[0], (str, bytes, os.PathLike)) else ""
        is_told = self.framework in map(package_of, islice(callers(), 1))
        if not is_told and name not in _IN_MEMORY and "mode=memory" not in name:
            base = os.path.basename(name.partition("?")[0])
            self.note("AP230", base, f"the SQLite database {base} was read")

    def connecting(self, args: tuple[Any, ...]) -> None:
        """Audit listener for ``socket.connect``: who is connected to will answer.

        Datagrams are mostly sent without asking for anything (logging, statistics). Where
        no socket is in the file system, nobody answers.
        """
        path = _path(args[1]) if getattr(args[0], "family", None) == _UNIX else ""
        is_stream = getattr(args[0], "type", None) == socket.SOCK_STREAM
        if path and not (is_stream and os.path.exists(path)):
            # Whether it is there is all that the program can learn.
            self.probes.add(path, STATUS)
        elif is_stream:
            client = next(filter(None, map(package_of, _clients())), "the program")
            self.note("AP231", client, f"{client} connected to {_address(args[1])}")

    def program(self, event: str, args: tuple[Any, ...]) -> None:
        """Audit listener for ``subprocess.Popen``, ``os.posix_spawn`` and ``os.system``."""
        known = queries.inputs(event, args)
        if known is not None:
            for path, how in known:
                self.probes.add(path, how)
            return
        words = [args[0], *args[1]] if len(args) > 1 and args[1] else ["sh", "-c", args[0]]
        name = _program_name([_text(word) for word in words])
        asking = next((f for f in callers() if module_of(f) not in _RUN_PROGRAMS), None)
        if asking is None or module_of(asking) not in _ASK_THE_SYSTEM:
            self.note("AP231", name, f"the program {name} was run")

    def forked(self, _args: tuple[Any, ...]) -> None:
        """Audit listener for ``os.fork``: what the other process has found out comes back."""
        if package_of(sys._getframe(2)) != _PACKAGE:
            client = next(filter(None, map(package_of, _clients())), "the program")
            self.note("AP231", client, f"{client} forked a process")

    def inputs(self) -> dict[str, Callable[[tuple[Any, ...]], None]]:
        """The listeners for other processes, by audit event."""
        events = ("subprocess.Popen", "os.posix_spawn", "os.system")
        run = {event: partial(self.program, event) for event in events}
        return {**run, "os.fork": self.forked, "os.forkpty": self.forked}


def _program_name(words: list[str]) -> str:
    """The program's own name, also of one that is run by a shell."""
    if os.path.basename(words[0]) in _SHELLS and "-c" in words[:-1]:
        command = words[words.index("-c") + 1].split()
        words = [word for word in command if "=" not in word] or words
    return os.path.basename(words[0])


def _text(word: Any) -> str:
    return os.fsdecode(word) if isinstance(word, (str, bytes, os.PathLike)) else str(word)


def _clients() -> Iterator[FrameType]:
    """The frames that run now, without ours and those of Python's own library."""
    for frame in callers():
        path = frame.f_code.co_filename
        if "<" not in path and (looks_own(path) or is_installed(path)):
            yield frame


def callers() -> Iterator[FrameType]:
    """The frames that run now, without ours."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if package_of(frame) != _PACKAGE:
            yield frame
        frame = frame.f_back


def package_of(frame: FrameType) -> str:
    """The package whose code a frame runs."""
    return module_of(frame).partition(".")[0]


def module_of(frame: FrameType) -> str:
    """The module whose code a frame runs; ``""``: its namespace has no name."""
    return str(frame.f_globals.get("__name__", ""))


def _short(path: str) -> str:
    """A path as it is best known: below the working directory, or below the library's folder."""
    for folder in ("site-packages", "dist-packages"):
        if f"{os.sep}{folder}{os.sep}" in path:
            return path.rpartition(f"{os.sep}{folder}{os.sep}")[2]
    here = os.path.join(working_directory(), "")
    return path.removeprefix(here)


def _path(address: Any) -> str:
    """The path of a socket; ``""``: it has none."""
    path = os.fsdecode(address) if isinstance(address, (str, bytes, os.PathLike)) else ""
    return absolute(path) if path and "\0" not in path else ""


def _address(address: Any) -> str:
    if isinstance(address, tuple) and len(address) > 1:
        return f"{address[0]}:{address[1]}"
    return os.fsdecode(address) if isinstance(address, (str, bytes)) else str(address)
