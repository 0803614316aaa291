"""Ends older processes before a child does what only one process may do at a time.

A port, a file lock, a pid file, a database held exclusively: what the old process has,
the new one cannot get. So a starting child asks before such an act (see
``child/clearance.py``), and goes on when nothing of the old process is left: neither
the process, nor its exit handlers, nor helpers that end with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..exhaustive import assert_never
from ..options import Options
from ..protocol import messages as m
from ..protocol.failure import Failure
from ..protocol.reasons import Reason
from . import events
from .checkpoints.line import Checkpoint
from .checkpoints.pool import CheckpointPool
from .child import Child
from .children import EXIT_TIME, Children
from .processes import (
    command_of,
    cpu_seconds,
    database_is_locked_by,
    descendants,
    is_alive,
    wants_to_run,
)

#: For answers under way, in seconds.
_GRACE = 0.5
#: For helpers that end by themselves when the process that started them is gone, in seconds;
#: and for those of which the same command has not, at an earlier reload.
_HELPERS_TIME = 1.0
_LASTING_TIME = 0.2
_PAUSE = 0.02
#: A start that has used the processor for less than this share of so many seconds hangs;
#: where nobody can tell, one that takes so many seconds may hang.
_IDLE_SHARE = 0.05
_IDLE_TIME = 3
_LONG_TIME = 10
_GLANCE = 1.0


class Clearing:
    """The children that wait, and the older processes whose end they wait for."""

    def __init__(
        self,
        children: Children,
        checkpoints: CheckpointPool,
        *,
        options: Callable[[], Options],
        handle: Callable[[events.Event], None],
        tell: Callable[[str, Reason], None],
    ) -> None:
        """``handle`` decides about an event, ``tell`` tells a reason after some words."""
        self._children = children
        self._checkpoints = checkpoints
        self._options = options
        self._handle = handle
        self._tell = tell
        #: The child that is to be alone; 0: nobody; ``None``: nothing is ending.
        self._keeps: int | None = None
        #: Children that wait, each as often as it has asked.
        self._asked: list[Child] = []
        self._ending: list[Child] = []
        self._copies: list[Checkpoint] = []
        self._helpers: set[int] = set()
        #: When the wait for helpers has begun, by the clock of the loop.
        self._helpers_since = 0.0
        #: Commands of helpers that were left alone.
        self._lasting: set[str] = set()

    def asked(self, child: Child, message: m.AskClearance) -> None:
        """A child is about to do something exclusive, and waits."""
        if message.database:
            others = {other.pid for other in self._older(child.generation)}
            if not database_is_locked_by(message.database, others):
                child.send(m.Cleared(alone=False))
                return
        self._asked.append(child)
        child.awaits_clearance = True
        if self._is_superseded(child):
            # The newer one will ask, too; to end it would bring older code back.
            self._hurry(self._older(child.generation))
            self.update()
            return
        self._tell_if_older(Reason("AP401", f"the old process ends first: {message.act}"), child)
        self._handle(events.ClearanceAsked(child.generation))

    def begin(self, generation: int) -> None:
        """End every process before this child, and tell it, or the policy, when it is done."""
        self._keeps = generation
        self._hurry(self._older(generation))
        copies = self._checkpoints.keep_only(generation)
        if copies:
            self._copies += copies
            asyncio.get_running_loop().call_later(EXIT_TIME, self._kill_copies, copies)
        self.update()

    def _hurry(self, children: list[Child]) -> None:
        for child in children:
            if child not in self._ending:
                self._helpers |= descendants(child.pid) if child.live else set()
                self._ending.append(child)
                self._children.hurry(child, min(_GRACE, self._options().grace_period))

    def update(self) -> None:
        """Something has ended, or is live: see whether it was the last one."""
        self._answer_superseded()
        self._ending = [child for child in self._ending if self._children.has(child)]
        self._copies = [copy for copy in self._copies if not copy.ended]
        if self._keeps is None:
            self._clear_alone()
        elif not (self._older(self._keeps) or self._copies or self._wait_for_helpers()):
            keeps, self._keeps = self._keeps, None
            self._done(keeps)

    def may_have_caused(self, failure: Failure, child: Child) -> bool:
        """Whether a start may have failed because of what an older process held.

        Where the last good code is to be kept the failure has to be a likely one.
        """
        if not (self._older(child.generation) and self._may_be_contention(failure)):
            return False
        text = f"tried again without the old process: {failure.summary}"
        self._tell_if_older(Reason("AP402", text), child)
        return True

    def is_ending(self, child: Child) -> bool:
        """Whether a child runs its exit handlers, for a bounded time."""
        return child in self._ending and not child.explained

    def watch(self, child: Child) -> None:
        """Notice when a start hangs that may be waiting for what an older process holds."""
        if self._older(child.generation):
            self._glance(child, child.pid, [])

    def _glance(self, child: Child, pid: int, used: list[float | None]) -> None:
        """``used``: the processor time of this process at each check, one a second."""
        if (
            child.live
            or child.explained
            or not self._children.has(child)
            or not self._older(child.generation)
            or self._keeps is not None
        ):
            return
        if child.pid != pid:
            # It has left a checkpoint behind, and goes on in another process.
            pid, used = child.pid, []
        if not child.pid_is_certain or wants_to_run(pid):
            # Before it has told its process id it runs nothing of the program's. And on a machine
            # that has no time for it, a process looks like one that waits.
            used = []
        used.append(cpu_seconds(pid))
        now, before = used[-1], used[-1 - _IDLE_TIME] if len(used) > _IDLE_TIME else None
        if now is None or before is None:
            hangs = len(used) > _LONG_TIME
        else:
            hangs = now - before < _IDLE_SHARE * _IDLE_TIME
        if hangs:
            text = "the old process ends: the start may be waiting for it"
            self._tell_if_older(Reason("AP403", text), child)
            self._handle(events.ClearanceAsked(child.generation))
        else:
            asyncio.get_running_loop().call_later(_GLANCE, self._glance, child, pid, used)

    def _done(self, keeps: int) -> None:
        self._answer(lambda child: child.generation == keeps)
        if not keeps:
            self._handle(events.Alone())

    def _may_be_contention(  # noqa: RET503 - the last case does not return
        self, failure: Failure
    ) -> bool:
        match failure.kind:
            case "check" | "command" | "syntax":
                # Their cause lies in the code, or in the command: no process can be it.
                return False
            case "exception" | "exit" | "signal" | "timeout":
                suspected = ("likely",) if self._options().keep_serving else ("likely", "possible")
                return failure.contention in suspected
            case _:
                assert_never(failure.kind)

    def _answer_superseded(self) -> None:
        """Answer those that are no longer the newest, and may be about to end by themselves."""
        self._answer(lambda child: self._is_superseded(child) and not self._older(child.generation))

    def _answer(self, may_go_on: Callable[[Child], bool]) -> None:
        waiting, self._asked = self._asked, []
        for child in waiting:
            if may_go_on(child):
                child.cleared, child.awaits_clearance = True, False
                child.send(m.Cleared())
            elif self._children.has(child):
                self._asked.append(child)

    def _clear_alone(self) -> None:
        """Tell the live child that it need not ask. One that starts reads only answers."""
        children = list(self._children)
        if len(children) == 1 and not self._checkpoints.is_ending:
            child = children[0]
            if child.live and not (child.cleared or child.explained or child.retired):
                child.cleared = True
                child.send(m.Cleared())

    def _older(self, generation: int) -> list[Child]:
        """The children before this generation; ``0``: all children."""
        return [
            child for child in self._children if child.generation < generation or not generation
        ]

    def _is_superseded(self, child: Child) -> bool:
        return any(other.generation > child.generation for other in self._children)

    def _kill_copies(self, copies: list[Checkpoint]) -> None:
        for copy in copies:
            copy.kill()

    def _wait_for_helpers(self) -> bool:
        """Whether to check again: helpers of a process that has gone are on their way."""
        self._helpers = {pid for pid in self._helpers if is_alive(pid)}
        loop = asyncio.get_running_loop()
        self._helpers_since = self._helpers_since or loop.time()
        commands = {command_of(pid) for pid in self._helpers}
        limit = _LASTING_TIME if commands <= self._lasting else _HELPERS_TIME
        if self._helpers and loop.time() < self._helpers_since + limit:
            loop.call_later(_PAUSE, self.update)
            return True
        # Those that are left outlive a reload, as they do with a plain restart.
        for command in sorted(commands - self._lasting):
            text = f"a helper goes on that does not end with the old process: {command}"
            self._tell("", Reason("AP405", text))
        self._lasting |= commands
        self._helpers.clear()
        self._helpers_since = 0.0
        return False

    def _tell_if_older(self, reason: Reason, child: Child) -> None:
        if self._older(child.generation):
            self._tell("", reason)
