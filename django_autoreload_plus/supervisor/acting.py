"""Carries out the actions of the policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..protocol import messages as m
from ..protocol.failure import Failure
from . import policy
from .error_page import PageContext
from .journey import Journey
from .process import START, Child

if TYPE_CHECKING:
    from .core import Supervisor


class Acting:
    """One method for each kind of action."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._watched = ""
        self._methods: Mapping[type, Callable[[Any], None]] = {
            policy.Look: lambda action: supervisor.inspection.begin(action.paths),
            policy.Pause: lambda _: supervisor.reception.pause(),
            policy.Admit: self._admit,
            policy.Start: self._start,
            policy.Retire: self._retire,
            policy.Kill: self._kill,
            policy.ShowFailure: self._show_failure,
            policy.HideFailure: self._hide_failure,
            policy.Announce: self._announce,
            policy.End: lambda action: supervisor.shutdown.end(action.status),
        }

    def perform(self, action: policy.Action) -> None:
        """Do what was decided."""
        self._methods[type(action)](action)

    def _admit(self, action: policy.Admit) -> None:
        supervisor = self._supervisor
        child = supervisor.children.get(action.generation)
        if child is not None:
            over = supervisor.state.phase is not policy.Phase.BROKEN
            supervisor.reception.admit(child, failure_over=over)

    def _start(self, action: policy.Start) -> None:
        supervisor = self._supervisor
        if not supervisor.changed:
            # Not for a change: the program asked for it.
            supervisor.journey = Journey()
        # Each start has a way of its own; the first part they may share.
        del supervisor.journey.marks[1:]
        supervisor.journey.mark("decided")
        supervisor.starter.attempt(supervisor.code.since_start())
        supervisor.code.start()
        supervisor.starter.start(action.generation)
        child = supervisor.children[action.generation]
        supervisor.journey.mark("spawned" if child.origin == START else "forked")

    def _retire(self, action: policy.Retire) -> None:
        supervisor = self._supervisor
        child = supervisor.children.get(action.generation)
        if child is None or child.retired:
            return
        child.retired = True
        grace = supervisor.options.grace_period
        child.tell(m.Retire(grace))
        supervisor.loop.call_later(grace, self._expire, child)

    def _expire(self, child: Child) -> None:
        if self._supervisor.children.get(child.generation) is child:
            child.kill()

    def _kill(self, action: policy.Kill) -> None:
        child = self._supervisor.children.get(action.generation)
        if child is not None:
            child.explained = True
            child.kill()

    def _show_failure(self, action: policy.ShowFailure) -> None:
        supervisor = self._supervisor
        supervisor.changed.clear()
        supervisor.terminal.mend_echo()
        # The page first: who reads the line may ask for it at once.
        problem = None if action.serving else self._show_page(action.failure)
        supervisor.terminal.waiting(action.failure, serving=action.serving)
        if problem is not None:
            supervisor.terminal.note(f"no page for the browser: {problem}")

    def _show_page(self, failure: Failure) -> str | None:
        supervisor = self._supervisor
        facts = supervisor.facts
        context = PageContext(debug=facts.debug, allowed_hosts=facts.allowed_hosts)
        standby = supervisor.children.get(supervisor.state.live)
        return supervisor.reception.show(failure, context, standby)

    def _hide_failure(self, _action: policy.HideFailure) -> None:
        self._supervisor.terminal.note("the change was undone · the running code is live again")

    def _announce(self, action: policy.Announce) -> None:
        supervisor = self._supervisor
        child = supervisor.children[action.generation]
        supervisor.journey.mark("accepting")
        # What was only touched has no part in it.
        changed = sorted(supervisor.changed & supervisor.code.attempted or supervisor.changed)
        supervisor.changed.clear()
        supervisor.code.settle(swapped=child.swapped)
        supervisor.starter.live(child)
        if supervisor.announced or child.generation != 1:
            supervisor.terminal.mend_echo()
            supervisor.terminal.live(changed, supervisor.journey.seconds)
        note = f"  from {child.origin}; {supervisor.journey} ms"
        supervisor.terminal.note(note, verbosity=2)
        self._tell_watched()
        supervisor.announced = True

    def _tell_watched(self) -> None:
        """What noticing takes, where that is asked for and another than before."""
        supervisor = self._supervisor
        # Counting takes a millisecond in a large project.
        watched = supervisor.terminal.verbosity > 1 and str(supervisor.watcher.diagnostics())
        if watched and watched != self._watched:
            self._watched = watched
            supervisor.terminal.note(f"  {watched}", verbosity=2)
