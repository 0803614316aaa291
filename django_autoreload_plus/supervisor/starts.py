"""Starts children, again where a start could not be made."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..protocol.reasons import Reason
from . import events, postmortem
from .checkpoints.line import Checkpoint
from .child import Child
from .children import Children
from .clearing import Clearing
from .code_state import CodeState
from .interpreter import InterpreterReturn
from .launcher import Launcher
from .progress import Progress
from .reload_log import ReloadLog
from .state import Phase, State


class Starts:
    """Carries out :class:`.actions.Start`."""

    def __init__(  # noqa: PLR0913 - all that learns of a new child
        self,
        launcher: Launcher,
        *,
        children: Children,
        code: CodeState,
        clearing: Clearing,
        progress: Progress,
        log: ReloadLog,
        at_once: bool,
        state: Callable[[], State],
        handle: Callable[[events.Event], None],
    ) -> None:
        """``at_once``: the program runs from its first line."""
        self._launcher = launcher
        self._children = children
        self._code = code
        self._clearing = clearing
        self._progress = progress
        self._log = log
        self._at_once = at_once
        self._state = state
        self._handle = handle
        self._interpreter = InterpreterReturn(
            lambda: launcher.executable,
            is_awaited=self._has_failed,
            returned=lambda generation: handle(events.RestartAsked(generation)),
        )

    def start(self, generation: int) -> None:
        """Start a child of this generation with the files as they are now."""
        log, code = self._log, self._code
        log.starting()
        self._launcher.note_changes(code.since_start())
        written = code.start()
        if written:
            names = log.terminal.names(sorted(written))
            log.tell("", Reason("AP318", f"{names} is written anew by each start"))
        child = self._launch(generation)
        if child is not None:
            log.launched(child)

    def without_swap(self, child: Child, reason: Reason) -> None:
        """The bodies cannot be exchanged after all: import what changed."""
        if self._children.has(child):
            self._log.tell("imported again: ", reason)
            self._children.remove(child)
            self._launcher.swap_refused(child.generation, reason)
            self._launch(child.generation, swap=False)

    def checkpoint_lost(self, copy: Checkpoint) -> None:
        """A checkpoint has ended, perhaps before it made the child that it was told to make."""
        child = self._launcher.ordered_from(copy)
        if child is not None and self._children.has(child):
            self._children.read(child)
            if not (child.pid or child.explained):
                self._children.remove(child)
                self._launch(child.generation)

    def _launch(self, generation: int, *, swap: bool = True) -> Child | None:
        first = not self._state().announced
        try:
            alone = self._at_once and not len(self._children)
            child = self._launcher.start(generation, first=first, alone=alone, swap=swap)
            # It need not ask for clearance, and reads nothing before it has started.
            child.cleared = alone
        except OSError as error:
            # In the loop's next round: the other actions of this step come first.
            asyncio.get_running_loop().call_soon(self._not_launched, generation, error)
            return None
        self._log.history.started(child)
        self._children.add(child)
        self._clearing.watch(child)
        self._progress.watch(child)
        return child

    def _not_launched(self, generation: int, error: OSError) -> None:
        failure = postmortem.of_unstarted(error, self._launcher.executable)
        self._handle(events.StartFailed(generation, failure))
        self._interpreter.begin(generation)

    def _has_failed(self, generation: int) -> bool:
        """Whether the start of this generation is the latest, and has failed."""
        state = self._state()
        return state.phase is Phase.BROKEN and state.newest == generation
