"""This process plays the parent of the one that serves, to the end of the command.

By convention the first process of a reloader has run the program, too, up to the
point where it starts the one that serves; then it waits. What the program starts in
it outlives every reload. Here this is either the process that the user started, with
the supervisor as its child (where what it had run until then asks for the role), or a
process that the supervisor starts for it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import NoReturn

from ..own_code import looks_own
from ..paths import absolute
from ..protocol import messages as m
from ..protocol import standard_streams
from ..protocol.channel import Channel, ChannelClosed
from ..protocol.foreground import is_in_foreground
from ..protocol.launch import ENVIRONMENT, Launch
from ..protocol.parent_code import has_parent_code
from ..records import asdict, replace

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

#: How long this process may clean up at the end of the command, in seconds.
_PATIENCE = 5.0
_PASSED_ON = ("SIGINT", "SIGTERM", "SIGHUP")


class ParentRole:
    """The parent's side of the channel to the supervisor."""

    def __init__(self, channel: Channel, supervisor: subprocess.Popen[bytes] | None = None) -> None:
        self._channel = channel
        #: The supervisor, where this is the process that the user started.
        self._supervisor = supervisor
        self._may_go_on = supervisor is None
        #: Exit handlers run, or are about to: nothing may interrupt them any more.
        self._leaving = False

    def begin(self) -> None:
        """Notice the supervisor's end from now on, whatever the program is doing."""
        if self._supervisor is not None:
            for name in _PASSED_ON:
                number = getattr(signal, name)
                if signal.getsignal(number) is not signal.SIG_IGN:
                    signal.signal(number, self._pass_on)
        if hasattr(os, "O_ASYNC"):
            signal.signal(signal.SIGIO, self._received_signal)
            descriptor = self._channel.fileno()
            fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
            flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
            fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
        self._receive()

    def wait_for_turn(self) -> None:
        """When the code that serves is live: this process has the processor then."""
        while not self._may_go_on:
            self._wait()

    def wait(self) -> NoReturn:
        """Wait for the end of the command, and leave."""
        if self._supervisor is None:
            signal.signal(signal.SIGTERM, self._terminated)
        try:
            while True:
                self._wait()
        except KeyboardInterrupt:
            self.leave()
            sys.exit(0)

    def leave(self) -> None:
        """The process is about to end by itself."""
        self._leaving = True
        if self._supervisor is None:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def _wait(self) -> None:
        select.select([self._channel], [], [])
        self._receive()

    def _received_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._receive()

    def _receive(self) -> None:
        try:
            for message, _ in self._channel.drain():
                self._may_go_on |= isinstance(message, m.Resume)
        except ChannelClosed:
            self._end()

    def _end(self) -> None:
        if self._supervisor is None:
            # No other process may be left that could end this one.
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
        if self._leaving:
            return
        self.leave()
        if self._supervisor is None:
            sys.exit(0)
        status = self._supervisor.wait()
        for name in _PASSED_ON:
            number = getattr(signal, name)
            if signal.getsignal(number) == self._pass_on:
                # From now on a key ends what hangs here.
                signal.signal(
                    number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL
                )
        if status < 0:
            _die_by(-status)
        sys.exit(status)

    def _terminated(self, _number: int, _frame: FrameType | None) -> None:
        self.leave()
        sys.exit(0)

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        assert self._supervisor is not None
        if not (number == signal.SIGINT and is_in_foreground()):
            self._supervisor.send_signal(number)


def is_asked_for(launch: Launch) -> bool:
    """Whether code of the project that has run in this process has something for the parent."""
    libraries = (__name__.partition(".")[0], launch.plugin_after.partition(".")[0])
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if (
            isinstance(path, str)
            and name.partition(".")[0] not in libraries
            and path.endswith(".py")
            and looks_own(absolute(path))
            and has_parent_code(_content(path), launch.role_variables, launch.entry.arguments)
        ):
            return True
    return False


def supervise(
    command: Sequence[str], launch: Launch, environment: Mapping[bytes, bytes]
) -> ParentRole:
    """Start the supervisor as a child of this process, which plays the parent from now on."""
    global _current  # noqa: PLW0603 - a process has one role
    # The supervisor inherits the numbers, too.
    standard_streams.complete()
    ours, theirs = Channel.pair()
    text = json.dumps(asdict(replace(launch, parent=theirs.fileno())))
    environment = {**environment, ENVIRONMENT.encode(): text.encode()}
    os.set_inheritable(theirs.fileno(), True)
    try:
        # Descriptors that the user passed to the command reach the program.
        process = subprocess.Popen(command, env=environment, close_fds=False)
    finally:
        theirs.close()
    _current = ParentRole(ours, process)
    _current.begin()
    return _current


def play(descriptor: int) -> ParentRole:
    """Take the role in a process that the supervisor has started for it."""
    global _current  # noqa: PLW0603 - a process has one role
    os.set_inheritable(descriptor, False)
    _current = ParentRole(Channel(socket.socket(fileno=descriptor)))
    _current.begin()
    return _current


def current() -> ParentRole | None:
    """The role of this process, if it plays the parent."""
    return _current


_current: ParentRole | None = None


def _die_by(number: int) -> None:
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
    with contextlib.suppress(OSError):
        # SIGKILL cannot be handled in any way, and need not be.
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError):
        return b""
