"""Decides about events, as a pure function.

:func:`step` takes the state and an event and returns the new state and the
actions to carry out. It touches no process, file or clock, so that every order of
events can be tried in a test.

Phases::

    starting ──live──▶ running ──files changed──▶ deciding ──nothing new──▶ running
       │  ▲                                         │
       │  └───────────────── new code ──────────────┤
       ▼                                            ▼
     broken ◀──────────── does not compile ─────────┘
"""

from __future__ import annotations

import enum

from ..exhaustive import assert_never
from ..protocol.failure import Failure
from ..protocol.messages import RESTART_CODE
from ..records import dataclass, replace
from .code_state import Verdict


class Phase(enum.Enum):
    """Where the supervisor stands."""

    STARTING = "starting"
    RUNNING = "running"
    DECIDING = "deciding"
    #: An old process that must not overlap with its successor is ending.
    CLEARING = "clearing"
    BROKEN = "broken"
    ENDING = "ending"


@dataclass(frozen=True)
class State:
    """All the policy knows. Children are known by their generation."""

    phase: Phase = Phase.STARTING
    #: The newest child; 0 before the first one.
    newest: int = 0
    #: The last child that was live and still is there, or 0.
    live: int = 0
    #: Children that answer requests may overlap, other programs must not.
    serves: bool = False
    #: The program runs from its first line: a start under way is ended like one that is live.
    at_once: bool = False
    #: A child whose end has to be awaited before the next one may begin, or 0.
    ending: int = 0
    #: The exit code 3 asks for a restart.
    restarts: bool = True
    #: Some child has been live: what a start prints has been printed.
    announced: bool = False
    #: A change has been noticed and is not decided about.
    inspecting: bool = False
    #: Starts in a row that met a file edited meanwhile.
    repeated: int = 0
    #: Children in a row that were replaced because they could not be understood.
    faults: int = 0
    keep_serving: bool = False
    #: While the code is broken, the live child answers nevertheless.
    kept: bool = False
    #: Why the newest child could not start, while a change is inspected that may fix it.
    held: StartFailed | None = None
    #: Children with an open prompt of a debugger.
    prompts: frozenset[int] = frozenset()
    #: A change that waits until the prompt is left.
    deferred: Inspected | None = None

    @property
    def is_debugged(self) -> bool:
        """Whether the child that a change would end has an open prompt."""
        return (self.newest if self.phase is Phase.STARTING else self.live) in self.prompts

    @property
    def answers(self) -> bool:
        """Whether the live child is the one that answers."""
        return self.phase is Phase.RUNNING or (self.phase is Phase.BROKEN and self.kept)


# -- events ---------------------------------------------------------------


@dataclass(frozen=True)
class Begin:
    """The command begins."""


@dataclass(frozen=True)
class Configured:
    """The program's configuration has been read."""

    keep_serving: bool


@dataclass(frozen=True)
class FilesChanged:
    """The watcher saw something; nothing has been compared yet."""

    paths: frozenset[str]


@dataclass(frozen=True)
class Inspected:
    """The files have been compared with what is loaded.

    ``verdict``: ``"same"`` (disk is what the live child runs), ``"known"`` (disk is
    what the last attempt loaded), ``"taken"`` (it was not, but the live child has taken
    every change, so that now it is), ``"new"``, or ``"syntax"`` (new, and does not
    compile).
    """

    verdict: Verdict
    failure: Failure | None = None


@dataclass(frozen=True)
class PromptOpened:
    """A debugger asks what to do next, in this child."""

    generation: int


@dataclass(frozen=True)
class PromptLeft:
    """It is answered, for good, or the child is gone."""

    generation: int


@dataclass(frozen=True)
class Live:
    """A child runs (``serves=False``) or accepts connections (``serves=True``)."""

    generation: int
    serves: bool
    #: Files were edited between being loaded and now.
    outdated: bool = False
    #: It follows the convention of the exit code 3.
    restarts: bool = True


@dataclass(frozen=True)
class StartFailed:
    """A child could not start."""

    generation: int
    failure: Failure
    #: Another process was there, and may have held what this one needed.
    again: bool = False


@dataclass(frozen=True)
class ClearanceAsked:
    """A child waits to do what only one process may do at a time, or hangs."""

    generation: int


@dataclass(frozen=True)
class Alone:
    """No process of the program is left, as ``Clear(0)`` has ordered."""


@dataclass(frozen=True)
class Gone:
    """A child has ended without having said why."""

    generation: int
    status: int
    #: The reason, as far as it is known, if the child ended before it was live.
    failure: Failure | None = None
    #: The child did not get the address that it asked for.
    refused: bool = False
    #: As :attr:`StartFailed.again`.
    again: bool = False


@dataclass(frozen=True)
class Unreadable:
    """A message of a child could not be read: a fault of the reloader, not of the program."""

    generation: int
    failure: Failure
    #: The child had not been live for long: the next one may do the same.
    soon: bool = True


@dataclass(frozen=True)
class ProgramFinished:
    """The program ended by itself with an exit code."""

    generation: int
    code: int


@dataclass(frozen=True)
class RestartAsked:
    """The program wants a fresh start."""

    generation: int


@dataclass(frozen=True)
class StopAsked:
    """A signal asks for the end of the command, with this exit code."""

    status: int


@dataclass(frozen=True)
class Replaced:
    """A child has become another image in the same process; it starts from its first line."""

    generation: int


Event = (
    Begin
    | Configured
    | FilesChanged
    | Inspected
    | PromptOpened
    | PromptLeft
    | Live
    | StartFailed
    | ClearanceAsked
    | Alone
    | Gone
    | Unreadable
    | ProgramFinished
    | RestartAsked
    | StopAsked
    | Replaced
)

# -- actions --------------------------------------------------------------


@dataclass(frozen=True)
class Inspect:
    """Compare the changed files with what is loaded."""

    paths: frozenset[str]


@dataclass(frozen=True)
class Pause:
    """Let nobody accept connections."""


@dataclass(frozen=True)
class Admit:
    """Let this child accept connections (again)."""

    generation: int
    #: False where an old child answers although the code on disk cannot start.
    failure_over: bool = True


@dataclass(frozen=True)
class Start:
    """Start a child of this generation."""

    generation: int


@dataclass(frozen=True)
class RetireChild:
    """Let a child finish what it answers, then end it."""

    generation: int


@dataclass(frozen=True)
class Kill:
    """End a child that nobody needs at once."""

    generation: int


@dataclass(frozen=True)
class Clear:
    """End every process but this child, soon; 0: every one, then tell by :class:`Alone`."""

    generation: int


@dataclass(frozen=True)
class ShowFailure:
    """Tell the terminal and the browsers; ``serving``: an old child still answers."""

    failure: Failure
    serving: bool = False


@dataclass(frozen=True)
class HideFailure:
    """The failure is over without a new child."""


@dataclass(frozen=True)
class Defer:
    """A change waits until the debugger's prompt is left: say so."""


@dataclass(frozen=True)
class Announce:
    """A child is live: say so."""

    generation: int


@dataclass(frozen=True)
class End:
    """End the command with this exit code (negative: by this signal)."""

    status: int


Action = (
    Inspect
    | Pause
    | Admit
    | Start
    | RetireChild
    | Kill
    | Clear
    | ShowFailure
    | HideFailure
    | Defer
    | Announce
    | End
)
Step = tuple[State, tuple[Action, ...]]

#: A file that is written at every start would otherwise restart for ever.
_MOST_REPEATS = 3
#: Starts in a row that end in a fault of the reloader, before an edit is waited for.
_MOST_FAULTS = 3


def step(  # noqa: C901, PLR0911, PLR0912, RET503 - one case for each event; the last does not return
    state: State, event: Event
) -> Step:
    """The next state and what to do."""
    if state.phase is Phase.ENDING:
        return state, ()
    match event:
        case Begin():
            return _start(state)
        case Configured():
            return replace(state, keep_serving=event.keep_serving), ()
        case FilesChanged():
            return _files_changed(replace(state, inspecting=True), event)
        case Inspected():
            return _decided(replace(state, inspecting=False), event)
        case PromptOpened():
            return replace(state, prompts=state.prompts | {event.generation}), ()
        case PromptLeft():
            return _prompt_left(state, event)
        case Live():
            return _live(state, event)
        case StartFailed():
            return _failed(state, event)
        case ClearanceAsked():
            return _clearance_asked(state, event)
        case Alone():
            return _start(state) if state.phase is Phase.CLEARING else (state, ())
        case RestartAsked():
            known = event.generation == state.newest and event.generation != state.ending
            return _start(state) if known else (state, ())
        case Gone():
            return _gone(state, event)
        case Unreadable():
            return _unreadable(state, event)
        case ProgramFinished():
            return _ended(state, event)
        case StopAsked():
            return _end(state, event.status)
        case Replaced():
            return _replaced(state, event)
        case _:
            assert_never(event)


def _files_changed(state: State, event: FilesChanged) -> Step:
    inspect = Inspect(event.paths)
    if state.phase is Phase.RUNNING:
        return replace(state, phase=Phase.DECIDING), (Pause(), inspect)
    if state.answers:
        # A request sent after the save may be one for the fix.
        return state, (Pause(), inspect)
    return state, (inspect,)


def _decided(state: State, event: Inspected) -> Step:
    before = state.deferred
    if before is not None and event.verdict == "known":
        # What could not be compiled has been saved once more.
        event = before
    is_change = event.verdict not in ("same", "known", "taken")
    if is_change and state.is_debugged:
        return replace(state, deferred=event), () if before else (Defer(),)
    return _looked(replace(state, held=None, deferred=None), event, state.held)


def _prompt_left(state: State, event: PromptLeft) -> Step:
    state = replace(state, prompts=state.prompts - {event.generation})
    if state.deferred is None or state.inspecting or state.is_debugged:
        # What is looked at now will be decided about without the prompt.
        return state, ()
    return _decided(state, state.deferred)


def _looked(state: State, event: Inspected, held: StartFailed | None) -> Step:
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
        return replace(state, phase=Phase.CLEARING), actions
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
        # What old code must not answer, it must not work on either.
        state, ended = _end_sole(state)
        actions += ended
    if state.newest not in (state.live, state.ending) and state.phase is Phase.STARTING:
        actions.append(Kill(state.newest))
    serving = bool(state.live) and state.keep_serving and state.serves
    actions.append(Admit(state.live, failure_over=False) if serving else Pause())
    actions.append(ShowFailure(failure, serving))
    return replace(state, phase=Phase.BROKEN, kept=serving), tuple(actions)


def _live(state: State, event: Live) -> Step:
    if event.generation == state.ending:
        return state, ()
    if event.generation == state.live:
        return _live_still(state, event)
    if event.generation != state.newest or state.phase is not Phase.STARTING:
        return state, (Kill(event.generation),)
    state = replace(state, restarts=event.restarts)
    if event.outdated and state.repeated < _MOST_REPEATS:
        again = replace(state, repeated=state.repeated + 1)
        if event.serves:
            return _start(again)
        after, actions = _start(replace(again, live=event.generation, serves=False))
        return after, (*([RetireChild(state.live)] if state.live else []), *actions)
    return _admitted(state, event)


def _admitted(state: State, event: Live) -> Step:
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


def _live_still(state: State, event: Live) -> Step:
    """A program that has run for a while begins to serve, or to follow the convention."""
    state = replace(state, restarts=event.restarts)
    if not event.serves or state.serves:
        return state, ()
    admit = state.phase is Phase.RUNNING and not state.inspecting
    return replace(state, serves=True), (Admit(event.generation),) if admit else ()


def _failed(state: State, event: StartFailed) -> Step:
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


def _live_failed(state: State, event: StartFailed) -> Step:
    """It raised while it ran, or its checks failed after it was live: it is no way back."""
    end: tuple[Action, ...] = (Kill(event.generation),)
    without = replace(state, live=0)
    if not state.serves:
        # It ends by itself, after its exit handlers.
        without, end = _end_sole(state)
    if state.phase is Phase.CLEARING:
        return without, end
    # What is being started, or looked at, may be the fix.
    if state.phase is Phase.STARTING and state.newest != state.live:
        return without, end
    if state.phase is Phase.DECIDING:
        return replace(without, held=event), end
    after, actions = _broken(without, event.failure)
    return after, (*end, *actions)


def _not_started(state: State, event: StartFailed) -> Step:
    if event.again:
        # The failure is shown only if it comes again without an older process.
        return replace(state, phase=Phase.CLEARING, live=0), (Clear(0),)
    return _broken(state, event.failure)


def _gone(state: State, event: Gone) -> Step:
    is_start = state.phase is Phase.STARTING and event.generation == state.newest
    if is_start and event.failure is not None and not state.at_once:
        if event.refused and not state.announced:
            # No edit makes an address available: the command ends, as it does without us.
            return _end(state, event.status)
        return _failed(state, StartFailed(event.generation, event.failure, event.again))
    return _ended(state, event)


def _unreadable(state: State, event: Unreadable) -> Step:
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


def _clearance_asked(state: State, event: ClearanceAsked) -> Step:
    if event.generation == state.live:
        # The process that the live child has replaced may still be answering.
        return state, (Clear(event.generation),)
    if event.generation != state.newest or state.phase is not Phase.STARTING:
        return state, ()
    # From here on there is no way back to the child that was live.
    return replace(state, live=0), (Clear(event.generation),)


def _ended(state: State, event: Gone | ProgramFinished) -> Step:
    if event.generation == state.ending:
        if isinstance(event, ProgramFinished):
            # It was told to end, and its exit handlers may still run.
            return state, ()
        without = replace(state, ending=0)
        return _begin(without) if state.phase is Phase.CLEARING else (without, ())
    if event.generation == state.live:
        return _live_ended(state, event)
    if event.generation == state.newest:
        if isinstance(event, ProgramFinished):
            return _end(state, event.code)
        if state.at_once and state.phase is Phase.STARTING and state.held is None:
            return _end(state, event.status)
    return state, ()


def _replaced(state: State, event: Replaced) -> Step:
    """The next start has begun already, if it is that of the child that counts."""
    counts = state.newest if state.phase is Phase.STARTING else state.live
    if state.phase in (Phase.BROKEN, Phase.CLEARING) or event.generation != counts:
        return _ended(state, Gone(event.generation, 0))
    return _begin(replace(state, live=0) if event.generation == state.live else state)


def _live_ended(state: State, event: Gone | ProgramFinished) -> Step:
    status = event.code if isinstance(event, ProgramFinished) else event.status
    without = replace(state, live=0)
    if state.phase is Phase.CLEARING:
        return _start(without)
    if status == RESTART_CODE and state.restarts:
        # Its exit handlers may still run.
        is_there = isinstance(event, ProgramFinished) and not state.serves
        return _start(state if is_there else without)
    if state.phase in (Phase.RUNNING, Phase.DECIDING):
        return _end(state, status)
    if state.answers:
        # No process is left that could answer; a start will show why.
        return _start(without)
    return without, ()


def _end(state: State, status: int) -> Step:
    return replace(state, phase=Phase.ENDING), (End(status),)
