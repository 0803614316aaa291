"""Decides about events, as a pure function.

:func:`step` takes the state and an event and returns the new state and the
actions to carry out. It touches no process, file or clock, so that every order of
events can be tried in a test.
"""

from __future__ import annotations

from ..exhaustive import assert_never
from ..protocol.failure import Failure
from ..protocol.messages import RESTART_CODE
from ..records import replace
from . import events
from .actions import (
    Action,
    Admit,
    Announce,
    Clear,
    Defer,
    End,
    HideFailure,
    Inspect,
    Kill,
    Pause,
    RetireChild,
    ShowFailure,
    Start,
)
from .state import Phase, State

Step = tuple[State, tuple[Action, ...]]

#: A file that is written at every start would otherwise restart for ever.
_MOST_REPEATS = 3
#: Starts in a row that end in a fault of the reloader, before an edit is waited for.
_MOST_FAULTS = 3


def step(  # noqa: C901, PLR0911, PLR0912, RET503 - one case for each event; the last does not return
    state: State, event: events.Event
) -> Step:
    """The next state and what to do."""
    if state.phase is Phase.ENDING:
        return state, ()
    match event:
        case events.Begin():
            return _start(state)
        case events.SettingsRead():
            return replace(state, keep_serving=event.keep_serving), ()
        case events.FilesChanged():
            return _files_changed(replace(state, inspecting=True), event)
        case events.Inspected():
            return _decided(replace(state, inspecting=False), event)
        case events.PromptOpened():
            return replace(state, prompts=state.prompts | {event.generation}), ()
        case events.PromptLeft():
            return _prompt_left(state, event)
        case events.Live():
            return _live(state, event)
        case events.StartFailed():
            return _failed(state, event)
        case events.ClearanceAsked():
            return _clearance_asked(state, event)
        case events.Alone():
            return _start(state) if state.phase is Phase.CLEARING else (state, ())
        case events.RestartAsked():
            known = event.generation == state.newest and event.generation != state.ending
            return _start(state) if known else (state, ())
        case events.ProcessExited():
            return _exited(state, event)
        case events.Unreadable():
            return _unreadable(state, event)
        case events.ProgramFinished():
            return _ended(state, event)
        case events.StopAsked():
            return _end(state, event.status)
        case events.Replaced():
            return _replaced(state, event)
        case _:
            assert_never(event)


def _files_changed(state: State, event: events.FilesChanged) -> Step:
    inspect = Inspect(event.paths)
    if state.phase is Phase.RUNNING:
        return replace(state, phase=Phase.DECIDING), (Pause(), inspect)
    if state.answers:
        # A request sent after the save may be one for the fix.
        return state, (Pause(), inspect)
    return state, (inspect,)


def _decided(state: State, event: events.Inspected) -> Step:
    before = state.deferred
    if before is not None and event.verdict == "known":
        # What could not be compiled has been saved once more.
        event = before
    is_change = event.verdict not in ("same", "known", "taken")
    if is_change and state.is_debugged:
        return replace(state, deferred=event), () if before else (Defer(),)
    return _looked(replace(state, held=None, deferred=None), event, state.held)


def _prompt_left(state: State, event: events.PromptLeft) -> Step:
    state = replace(state, prompts=state.prompts - {event.generation})
    if state.deferred is None or state.inspecting or state.is_debugged:
        # What is inspected now will be decided about without the prompt.
        return state, ()
    return _decided(state, state.deferred)


def _looked(state: State, event: events.Inspected, held: events.StartFailed | None) -> Step:
    if state.phase is Phase.CLEARING:
        # The start that is due will find the disk as it is.
        return state, ()
    if state.phase is Phase.RUNNING and event.verdict in ("same", "known", "taken"):
        return state, ()
    if event.verdict in ("same", "taken") and state.live:
        return _back(state)
    if event.verdict in ("same", "known", "taken"):
        return _carry_on(state) if held is None else _not_started(state, held)
    if event.failure is not None:
        return _broken(state, event.failure)
    return _start(replace(state, faults=0))


def _carry_on(state: State) -> Step:
    if state.phase is Phase.DECIDING:
        return replace(state, phase=Phase.RUNNING), (Admit(state.live),)
    over = state.phase is not Phase.BROKEN
    return state, (Admit(state.live, over),) if state.answers else ()


def _back(state: State) -> Step:
    """The disk is again what the live child was made from."""
    if state.phase is Phase.STARTING and state.newest == state.live:
        return state, ()
    actions: list[Action] = []
    if state.newest != state.live:
        actions.append(Kill(state.newest))
    if state.phase is Phase.BROKEN:
        actions.append(HideFailure())
    actions.append(Admit(state.live))
    return replace(state, phase=Phase.RUNNING), tuple(actions)


def _start(state: State) -> Step:
    """Start the next child, as soon as it may begin."""
    state, actions = _end_sole(replace(state, deferred=None))
    if state.ending:
        return replace(state, phase=Phase.CLEARING), (Pause(), *actions)
    return _begin(state)


def _end_sole(state: State) -> Step:
    """End the child beside which no other one may run, if there is one."""
    sole = 0
    if not state.serves:
        sole = state.live
        if state.at_once and state.phase is Phase.STARTING:
            sole = state.newest
    if not sole:
        return state, ()
    return replace(state, live=0, ending=sole), (RetireChild(sole),)


def _begin(state: State) -> Step:
    """Start the next child now; what is under way was made from old files."""
    actions: list[Action] = [Pause()]
    if state.newest and state.newest != state.live:
        actions.append(Kill(state.newest))
    newest = state.newest + 1
    actions.append(Start(newest))
    state = replace(state, phase=Phase.STARTING, newest=newest, deferred=None)
    return state, tuple(actions)


def _broken(state: State, failure: Failure) -> Step:
    actions: list[Action] = []
    if not (state.live and state.keep_serving):
        # Old code that may not answer any more must not go on with work of its own, either.
        state, ended = _end_sole(state)
        actions += ended
    if state.newest not in (state.live, state.ending) and state.phase is Phase.STARTING:
        actions.append(Kill(state.newest))
    serving = bool(state.live) and state.keep_serving and state.serves
    actions.append(Admit(state.live, failure_over=False) if serving else Pause())
    actions.append(ShowFailure(failure, serving))
    return replace(state, phase=Phase.BROKEN, kept=serving), tuple(actions)


def _live(state: State, event: events.Live) -> Step:
    if event.generation == state.ending:
        return state, ()
    if event.generation == state.live:
        return _live_still(state, event)
    if event.generation != state.newest or state.phase is not Phase.STARTING:
        return state, (Kill(event.generation),)
    state = replace(state, restarts=event.restarts)
    return _live_outdated(state, event) if event.outdated else _admitted(state, event)


def _live_outdated(state: State, event: events.Live) -> Step:
    """Start again, unless a debugger's prompt is open there: as after any change, that waits."""
    if state.is_debugged:
        if state.inspecting or state.deferred is not None:
            return _admitted(state, event)
        after, actions = _admitted(replace(state, deferred=events.Inspected("new")), event)
        return after, (*actions, Defer())
    if state.repeated >= _MOST_REPEATS:
        return _admitted(state, event)
    again = replace(state, repeated=state.repeated + 1)
    if event.serves:
        return _start(again)
    after, actions = _start(replace(again, live=event.generation, serves=False))
    return after, (*([RetireChild(state.live)] if state.live else []), *actions)


def _admitted(state: State, event: events.Live) -> Step:
    actions: list[Action] = []
    is_undecided = state.inspecting or state.deferred is not None
    if event.serves and not is_undecided:
        actions.append(Admit(event.generation))
    if state.live and state.live != event.generation:
        actions.append(RetireChild(state.live))
    actions.append(Announce(event.generation))
    # The child may be older than a change that was noticed while it started.
    phase = Phase.DECIDING if is_undecided else Phase.RUNNING
    return replace(
        state, phase=phase, live=event.generation, serves=event.serves, announced=True, repeated=0
    ), tuple(actions)


def _live_still(state: State, event: events.Live) -> Step:
    """A program that has run for a while begins to serve, or to follow the convention."""
    state = replace(state, restarts=event.restarts)
    if not event.serves or state.serves:
        return state, ()
    admit = state.phase is Phase.RUNNING and not state.inspecting
    return replace(state, serves=True), (Admit(event.generation),) if admit else ()


def _failed(state: State, event: events.StartFailed) -> Step:
    if event.generation == state.ending:
        return state, ()
    if event.generation == state.live:
        return _live_failed(state, event)
    if event.generation != state.newest or state.phase is not Phase.STARTING:
        return state, ()
    if state.inspecting or state.deferred is not None:
        # The failure may be over already: half of a checkout, or of a save in two steps.
        return replace(state, held=event), ()
    return _not_started(state, event)


def _live_failed(state: State, event: events.StartFailed) -> Step:
    """It raised while it ran, or its checks failed after it was live: one cannot go back to it."""
    end: tuple[Action, ...] = (Kill(event.generation),)
    without = replace(state, live=0)
    if not state.serves:
        # It ends by itself, after its exit handlers.
        without, end = _end_sole(state)
    if state.phase is Phase.CLEARING:
        return without, end
    # What is being started, or inspected, may be the fix.
    if state.phase is Phase.STARTING and state.newest != state.live:
        return without, end
    if state.phase is Phase.DECIDING:
        return replace(without, held=event), end
    after, actions = _broken(without, event.failure)
    return after, (*end, *actions)


def _not_started(state: State, event: events.StartFailed) -> Step:
    if event.again:
        # The failure is shown only if it comes again without an older process.
        return replace(state, phase=Phase.CLEARING, live=0), (Clear(0),)
    return _broken(state, event.failure)


def _exited(state: State, event: events.ProcessExited) -> Step:
    is_start = state.phase is Phase.STARTING and event.generation == state.newest
    if is_start and event.failure is not None and not state.at_once:
        if event.refused and not state.announced:
            # No edit makes an address available: the command ends, as it does without us.
            return _end(state, event.status)
        return _failed(state, events.StartFailed(event.generation, event.failure, event.again))
    return _ended(state, event)


def _unreadable(state: State, event: events.Unreadable) -> Step:
    """Replace the child; never end the command."""
    kill = Kill(event.generation)
    is_start = event.generation == state.newest and state.phase is Phase.STARTING
    if event.generation not in (state.live, state.newest if is_start else state.live):
        return state, (kill,)
    without = state if is_start else replace(state, live=0)
    if not state.serves and (state.at_once or not is_start):
        without = replace(without, live=0, ending=event.generation)
    if not is_start and state.phase not in (Phase.RUNNING, Phase.DECIDING) and not state.answers:
        return without, (kill,)
    without = replace(without, faults=state.faults + 1 if event.soon else 1)
    after, actions = (
        _start(without) if without.faults < _MOST_FAULTS else _broken(without, event.failure)
    )
    return after, (kill, *actions)


def _clearance_asked(state: State, event: events.ClearanceAsked) -> Step:
    if event.generation == state.live:
        # The process that the live child has replaced may still be answering.
        return state, (Clear(event.generation),)
    if event.generation != state.newest or state.phase is not Phase.STARTING:
        return state, ()
    # From here on there is no way back to the child that was live.
    return replace(state, live=0), (Clear(event.generation),)


def _ended(state: State, event: events.ProcessExited | events.ProgramFinished) -> Step:
    if event.generation == state.ending:
        if isinstance(event, events.ProgramFinished):
            # It has been ordered to end, and its exit handlers may still run.
            return state, ()
        without = replace(state, ending=0)
        return _begin(without) if state.phase is Phase.CLEARING else (without, ())
    if event.generation == state.live:
        return _live_ended(state, event)
    if event.generation == state.newest:
        if isinstance(event, events.ProgramFinished):
            return _end(state, event.code)
        if state.at_once and state.phase is Phase.STARTING and state.held is None:
            return _end(state, event.status)
    return state, ()


def _replaced(state: State, event: events.Replaced) -> Step:
    """The next start has begun already, if it is that of the child that counts."""
    counts = state.newest if state.phase is Phase.STARTING else state.live
    if state.phase in (Phase.BROKEN, Phase.CLEARING) or event.generation != counts:
        return _ended(state, events.ProcessExited(event.generation, 0))
    return _begin(replace(state, live=0) if event.generation == state.live else state)


def _live_ended(state: State, event: events.ProcessExited | events.ProgramFinished) -> Step:
    status = event.code if isinstance(event, events.ProgramFinished) else event.status
    without = replace(state, live=0)
    if state.phase is Phase.CLEARING:
        return _start(without)
    if status == RESTART_CODE and state.restarts:
        # Its exit handlers may still run.
        is_there = isinstance(event, events.ProgramFinished) and not state.serves
        return _start(state if is_there else without)
    if state.phase in (Phase.RUNNING, Phase.DECIDING):
        return _end(state, status)
    if state.answers:
        # No process is left that could answer; a start will show why.
        return _start(without)
    return without, ()


def _end(state: State, status: int) -> Step:
    return replace(state, phase=Phase.ENDING), (End(status),)
