"""How children end, and what becomes of those that cannot be understood."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..protocol import messages as m
from ..protocol.breadcrumbs import Breadcrumbs
from ..protocol.channel import Channel
from ..protocol.failure import Failure
from ..protocol.reasons import Reason
from . import events, postmortem
from .child import Child
from .children import Children
from .clearing import Clearing
from .code_state import CodeState
from .launcher import Launcher
from .loads import Loads
from .open_prompts import OpenPrompts
from .reload_log import ReloadLog
from .state import State

#: A child that was live for longer does not suggest that the next one fails at once; seconds.
_LONG = 10.0


class Ends:
    """The ends of children, for the policy to decide about."""

    def __init__(  # noqa: PLR0913 - all that learns of an end
        self,
        trail: Breadcrumbs,
        children: Children,
        *,
        code: CodeState,
        loads: Loads,
        clearing: Clearing,
        launcher: Launcher,
        prompts: OpenPrompts,
        log: ReloadLog,
        state: Callable[[], State],
        handle: Callable[[events.Event], None],
    ) -> None:
        self._trail = trail
        self._children = children
        self._code = code
        self._loads = loads
        self._clearing = clearing
        self._launcher = launcher
        self._prompts = prompts
        self._log = log
        self._state = state
        self._handle = handle

    def exited(self, child: Child, status: int) -> None:
        """A child has ended."""
        state = self._state()
        # Otherwise another child may be the one that shows a debugger's prompt.
        is_left = self._children.get(state.live) is None or child.generation == state.live
        had_prompt = child.generation in state.prompts
        if (is_left or had_prompt) and not state.prompts - {child.generation}:
            self._log.terminal.restore_modes()
        failure: Failure | None = None
        again = False
        if not (child.live or child.explained):
            traces = self._trail.read()
            self._loads.add(child, postmortem.begun_files(traces))
            failure = postmortem.of_dead(child, status, traces, self._code.is_own)
            self._loads.compare_failed(child)
            again = self._clearing.may_have_caused(failure, child)
        refused = bool(child.refused)
        self._prompts.end(child)
        if status == m.RESTART_CODE and child.live and not child.explained:
            self._log.restart_asked()
        self._handle(
            events.ProcessExited(child.generation, status, failure, refused=refused, again=again)
        )

    def replaced(self, child: Child, channel: Channel) -> None:
        """A child has become another image (``exec``) in the same process."""
        gate_generation = child.gate_generation or child.generation
        self._launcher.next_image = Child(0, child.pid, channel, gate_generation=gate_generation)
        self._log.explain(Reason("AP315", "the program has begun again by itself"))
        self._handle(events.Replaced(child.generation))
        self._launcher.drop_next_image()

    def unreadable(self, child: Child, problem: str) -> None:
        """A child has sent what cannot be understood."""
        self._log.terminal.message(f"a process sent what cannot be read; it is replaced: {problem}")
        self._log.explain(Reason("AP314", "a process sent what cannot be read"))
        self._give_up(child, postmortem.of_unreadable(problem))

    def unresponsive(self, child: Child) -> None:
        """A child reads nothing any more."""
        self._log.terminal.message("a process reads nothing, as if it were stopped; it is replaced")
        self._give_up(child, postmortem.of_unresponsive())

    def _give_up(self, child: Child, failure: Failure) -> None:
        if child.explained or not self._children.has(child):
            child.kill()
            return
        lived = time.monotonic() - child.live_since if child.live else 0.0
        if not child.live:
            # The files are watched for an edit, in case the failure is shown.
            self._loads.add(child, postmortem.begun_files(self._trail.read()))
            self._loads.compare_failed(child)
        soon = lived < _LONG
        self._handle(events.Unreadable(child.generation, failure, soon))
