"""How the command ends: Ctrl-C, a signal, or the program's own end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from ..protocol.foreground import is_in_foreground
from ..protocol.messages import INTERRUPTED
from .checkpoints.line import Checkpoint
from .checkpoints.pool import CheckpointPool
from .child import Child
from .children import Children
from .parent import Parent
from .processes import descendants_in_group, go_on, handles

#: How long the children of a server may clean up after Ctrl-C or SIGTERM, in seconds.
PATIENCE = 5.0
#: A lone SIGINT (not from the terminal) is passed on after this time.
_PASS_ON = 0.3
#: Time for killed processes to be gone, in seconds; those that hang in the kernel never are.
_LAST_WAIT = 2.0
#: Time for the same Ctrl-C to reach this process, too, if it came from the terminal; in
#: seconds.
_SAME_KEY = 0.1
#: What these mean says the program; they end the command if it does not handle them.
_OF_THE_PROGRAM = (signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


class Shutdown:
    """Waits for all children, bounded, and then lets the supervisor return."""

    def __init__(  # noqa: PLR0913 - whom it tells, and whom it asks
        self,
        loop: asyncio.AbstractEventLoop,
        children: Children,
        checkpoints: CheckpointPool,
        parent: Parent,
        *,
        patience: Callable[[], float],
        asked: Callable[[int], None],
        needed: Callable[[Child], bool],
        finished: Callable[[int], None],
    ) -> None:
        """``asked`` is told the exit status that a signal asks for, ``finished`` the last one.

        ``patience``: how long children may clean up, in seconds. ``needed``: whether a child
        may end by itself.
        """
        self._loop = loop
        self._children = children
        self._checkpoints = checkpoints
        self._parent = parent
        self._patience = patience
        self._ask = asked
        self._needed = needed
        self._finished = finished
        self._status: int | None = None
        #: A signal has asked for the end; a second one does not wait.
        self._asked = False
        self._dissolving = False
        self._copies: list[Checkpoint] = []
        self._heard: list[int] = []

    def install(self) -> None:
        """Handle the signals that end a command, or may."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, *_OF_THE_PROGRAM):
            self._listen(number)

    def uninstall(self) -> None:
        """Handle no more signals: a closing loop would print what comes meanwhile as an error."""
        for number in self._heard:
            self._loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)

    def _listen(self, number: int) -> None:
        if signal.getsignal(number) is signal.SIG_IGN:
            # Started by nohup or in the background: what is ignored stays ignored.
            return
        self._heard.append(number)
        self._loop.add_signal_handler(number, self._received, number)

    def _received(self, number: int) -> None:
        if number == signal.SIGINT and any(child.prompts_main for child in self._children):
            # The debugger has got the same SIGINT, and prompts again.
            return
        if number in _OF_THE_PROGRAM and any(handles(each.pid, number) for each in self._children):
            if number != signal.SIGQUIT or not is_in_foreground():
                self._pass_on(number)
            return
        if self._asked:
            self._kill_all()
            return
        self._asked = True
        self._loop.call_later(self._patience(), self._kill_all)
        if number == signal.SIGINT:
            if self._status == INTERRUPTED:
                # The program has handled the same SIGINT first.
                self._status = 0
            self._ask(0)
            if not is_in_foreground():
                self._loop.call_later(_PASS_ON, self._pass_on, number)
        else:
            self._ask(-number if number != signal.SIGTERM else 0)
            self._pass_on(number)

    def terminate(self) -> None:
        """End as by SIGTERM, unless the end has been asked for."""
        if not self._asked:
            self._received(signal.SIGTERM)

    def end(self, status: int) -> None:
        """End with this status once every child is gone.

        A program that ended by itself has all the time it wants: threads that it
        waits for, exit handlers.
        """
        if self._status is not None:
            return
        self._status = status
        for child in self._children:
            if not self._needed(child):
                child.kill()
        self.process_ended()

    def process_ended(self) -> None:
        """The children end first, then their checkpoints, then the parent, then this process."""
        if self._status is None or self._children:
            return
        self._copies = [copy for copy in self._copies if not copy.ended]
        if not self._dissolving:
            self._dissolving = True
            late = self._checkpoints.leaving
            self._copies = [*dict.fromkeys((*late, *self._checkpoints.all()))]
            self._checkpoints.dissolve_all()
            # Nobody waited for them when they were let go.
            self._loop.call_later(self._patience(), self._kill_copies, late)
        if not self._copies and self._parent.end():
            heard_first = self._status == INTERRUPTED and not self._asked
            self._loop.call_later(_SAME_KEY if heard_first else 0, self._finish)

    def _pass_on(self, number: int) -> None:
        for child in self._children:
            child.note_helpers()
            child.signal(number)

    def _kill_all(self) -> None:
        for child in self._children:
            child.note_helpers()
            child.kill()
        self._parent.kill()
        self._kill_copies(self._copies)
        # A process that not even SIGKILL ends (it may hang in a network mount) must not
        # keep the terminal.
        self._loop.call_later(_LAST_WAIT, self._finish)

    def _kill_copies(self, copies: list[Checkpoint]) -> None:
        for copy in copies:
            if not copy.ended:
                copy.kill()
                self._checkpoints.lost(copy)
        self.process_ended()

    def _finish(self) -> None:
        if self._status is not None:
            # One that is stopped would not notice that the command has ended. (The kernel does
            # the same for the processes that a shell's command leaves behind.)
            for pid in descendants_in_group(os.getpid()):
                go_on(pid)
            self._finished(self._status)
