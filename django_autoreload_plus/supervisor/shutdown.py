"""How the command ends: Ctrl-C, a signal, or the program's own end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING

from ..protocol.messages import INTERRUPTED

if TYPE_CHECKING:
    from .checkpoints import Frozen
    from .core import Supervisor

#: How long children may clean up after Ctrl-C or SIGTERM, in seconds.
_PATIENCE = 5.0
#: A lone SIGINT (not from the terminal) is passed on after this time.
_PASS_ON = 0.3
#: What has been killed is gone by then, or never; seconds.
_LAST_WAIT = 2.0
#: By then the same Ctrl-C has reached us, too, if it came from the terminal; seconds.
_SAME_KEY = 0.1


class Shutdown:
    """Waits for all children, bounded, and then lets the supervisor return."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._status: int | None = None
        #: A signal has asked for the end; a second one does not wait.
        self._asked = False
        self._dissolving = False
        self._copies: list[Frozen] = []
        self._heard: list[int] = []

    def install(self) -> None:
        """Hear the signals that end a command."""
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
            number = getattr(signal, name, None)
            if number is not None:
                self._listen(number)

    def uninstall(self) -> None:
        """Hear nothing more: a loop that closes would print what comes meanwhile as an error."""
        for number in self._heard:
            with contextlib.suppress(NotImplementedError):
                self._supervisor.loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    def _listen(self, number: int) -> None:
        loop = self._supervisor.loop
        if signal.getsignal(number) is signal.SIG_IGN:
            # Started by nohup or in the background: what is ignored stays ignored.
            return
        self._heard.append(number)
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, self._received, number)
            return
        signal.signal(number, lambda *_: loop.call_soon_threadsafe(self._received, number))

    def _received(self, number: int) -> None:
        supervisor = self._supervisor
        if self._asked:
            self._kill_all()
            return
        self._asked = True
        supervisor.loop.call_later(_PATIENCE, self._kill_all)
        if number == signal.SIGINT:
            if self._status == INTERRUPTED:
                # The program was quicker to hear of the same Ctrl-C.
                self._status = 0
            self.end(0)
            if not _reached_everybody():
                supervisor.loop.call_later(_PASS_ON, self._pass_on, number)
        else:
            self.end(-number if number != signal.SIGTERM else 0)
            self._pass_on(number)

    def end(self, status: int) -> None:
        """End with this status once every child is gone.

        A program that ended by itself has all the time it wants: threads that it
        waits for, exit handlers.
        """
        if self._status is not None:
            return
        supervisor = self._supervisor
        supervisor.end_policy()
        self._status = status
        supervisor.reception.gate.close()
        for child in supervisor.children.values():
            if child.generation not in (supervisor.state.live, supervisor.state.newest):
                child.kill()
        self.process_gone()

    def process_gone(self) -> None:
        """First the children end, then the copies they came from, then we."""
        supervisor = self._supervisor
        if self._status is None or supervisor.children or supervisor.done.done():
            return
        self._copies = [copy for copy in self._copies if not copy.gone]
        if not self._dissolving:
            self._dissolving = True
            self._copies = supervisor.starter.checkpoints.all()
            supervisor.starter.checkpoints.dissolve_all()
        if not self._copies:
            heard_first = self._status == INTERRUPTED and not self._asked
            supervisor.loop.call_later(_SAME_KEY if heard_first else 0, self._finish)

    def _pass_on(self, number: int) -> None:
        for child in self._supervisor.children.values():
            child.signal(number)

    def _kill_all(self) -> None:
        for child in self._supervisor.children.values():
            child.kill()
        for copy in self._copies:
            # It takes the end of its channel as the end of everything.
            self._supervisor.starter.checkpoints.lost(copy)
        if self._dissolving:
            self.process_gone()
        # A process that not even SIGKILL ends (it may hang in a network mount) must not
        # keep the terminal.
        self._supervisor.loop.call_later(_LAST_WAIT, self._finish)

    def _finish(self) -> None:
        if self._status is not None and not self._supervisor.done.done():
            self._supervisor.done.set_result(self._status)


def _reached_everybody() -> bool:
    """Whether Ctrl-C came from the terminal, which sends it to every process.

    A second SIGINT would cut short the clean-up that the first one began.
    """
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if os.tcgetpgrp(stream.fileno()) == os.getpgrp():
                return True
    return False
