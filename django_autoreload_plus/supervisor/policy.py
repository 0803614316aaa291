"""What to do about an event, as a pure function.

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
from dataclasses import dataclass, replace

from ..protocol.failure import Failure


class Phase(enum.Enum):
    """Where the supervisor stands."""

    STARTING = "starting"
    RUNNING = "running"
    DECIDING = "deciding"
    #: An old program that must not overlap with its successor is ending.
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
    #: A change has been noticed and is not decided about.
    looking: bool = False
    #: Starts in a row that met a file edited meanwhile.
    repeated: int = 0
    keep_serving: bool = False
    #: While the code is broken, the live child answers nevertheless.
    kept: bool = False
    #: Why the newest child could not start, while a change is looked at that may mend it.
    held: Failure | None = None

    @property
    def answers(self) -> bool:
        """Whether the live child is the one that answers."""
        return self.phase is Phase.RUNNING or (self.phase is Phase.BROKEN and self.kept)


# -- events ---------------------------------------------------------------


@dataclass(frozen=True)
class FilesChanged:
    """The watcher saw something; nothing has been compared yet."""

    paths: frozenset[str]


@dataclass(frozen=True)
class Looked:
    """The files have been compared with what is loaded.

    ``verdict``: ``"same"`` (disk is what the live child runs), ``"known"`` (disk is
    what the last attempt loaded), ``"taken"`` (it was not, but the live child has taken
    every change, so that now it is), ``"new"``, or ``"syntax"`` (new, and does not
    compile).
    """

    verdict: str
    failure: Failure | None = None


@dataclass(frozen=True)
class Live:
    """A child runs (``serves=False``) or accepts connections (``serves=True``)."""

    generation: int
    serves: bool
    #: Files were edited between being loaded and now.
    outdated: bool = False


@dataclass(frozen=True)
class Failed:
    """A child could not start."""

    generation: int
    failure: Failure


@dataclass(frozen=True)
class Gone:
    """A child has ended without having said why."""

    generation: int
    status: int


@dataclass(frozen=True)
class Finished:
    """The program ended by itself with an exit code."""

    generation: int
    code: int


@dataclass(frozen=True)
class RestartAsked:
    """The program wants a fresh start."""

    generation: int


Event = FilesChanged | Looked | Live | Failed | Gone | Finished | RestartAsked

# -- actions --------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """Compare the changed files with what is loaded."""

    paths: frozenset[str]


@dataclass(frozen=True)
class Pause:
    """Let nobody accept connections."""


@dataclass(frozen=True)
class Admit:
    """Let this child accept connections (again)."""

    generation: int


@dataclass(frozen=True)
class Start:
    """Start a child of this generation."""

    generation: int


@dataclass(frozen=True)
class Retire:
    """Let a child finish what it answers, then end it."""

    generation: int


@dataclass(frozen=True)
class Kill:
    """End a child that nobody needs at once."""

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
class Announce:
    """A child is live: say so."""

    generation: int


@dataclass(frozen=True)
class End:
    """End the command with this exit code (negative: by this signal)."""

    status: int


Action = Look | Pause | Admit | Start | Retire | Kill | ShowFailure | HideFailure | Announce | End
Step = tuple[State, tuple[Action, ...]]

#: A child's request for a restart, see :data:`django_autoreload_plus.autoreload.RESTART_CODE`.
RESTART_CODE = 3
#: A file that is written at every start would otherwise restart for ever.
_MOST_REPEATS = 3


def begin(state: State) -> Step:
    """The first start."""
    return _start(state)


def step(state: State, event: Event) -> Step:  # noqa: PLR0911 - one for each kind of event
    """The next state and what to do."""
    if state.phase is Phase.ENDING:
        return state, ()
    if isinstance(event, FilesChanged):
        return _files_changed(replace(state, looking=True), event)
    if isinstance(event, Looked):
        return _looked(replace(state, looking=False, held=None), event, state.held)
    if isinstance(event, Live):
        return _live(state, event)
    if isinstance(event, Failed):
        return _failed(state, event)
    if isinstance(event, RestartAsked):
        return _start(state) if event.generation == state.newest else (state, ())
    return _ended(state, event)


def _files_changed(state: State, event: FilesChanged) -> Step:
    look = Look(event.paths)
    if state.phase is Phase.RUNNING:
        return replace(state, phase=Phase.DECIDING), (Pause(), look)
    if state.answers:
        # A request sent after the save may be one for the fix.
        return state, (Pause(), look)
    return state, (look,)


def _looked(state: State, event: Looked, held: Failure | None) -> Step:
    if state.phase is Phase.CLEARING:
        # The start that is due will find the disk as it is.
        return state, ()
    if state.phase is Phase.RUNNING and event.verdict in ("same", "known", "taken"):
        return state, ()
    if event.verdict in ("same", "taken") and state.live:
        return _back(state)
    if event.verdict in ("same", "known", "taken"):
        return _carry_on(state) if held is None else _broken(state, held)
    if event.failure is not None:
        return _broken(state, event.failure)
    return _start(state)


def _carry_on(state: State) -> Step:
    if state.phase is Phase.DECIDING:
        return replace(state, phase=Phase.RUNNING), (Admit(state.live),)
    return state, (Admit(state.live),) if state.answers else ()


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
    return replace(state, phase=Phase.RUNNING, newest=state.newest), tuple(actions)


def _start(state: State) -> Step:
    """Start the next child; what is under way was made from old files."""
    if state.live and not state.serves:
        return replace(state, phase=Phase.CLEARING), (Retire(state.live),)
    actions: list[Action] = [Pause()]
    if state.newest and state.newest != state.live:
        actions.append(Kill(state.newest))
    newest = state.newest + 1
    actions.append(Start(newest))
    return replace(state, phase=Phase.STARTING, newest=newest), tuple(actions)


def _broken(state: State, failure: Failure) -> Step:
    actions: list[Action] = []
    if state.newest != state.live and state.phase is Phase.STARTING:
        actions.append(Kill(state.newest))
    serving = bool(state.live) and state.keep_serving and state.serves
    actions.append(Admit(state.live) if serving else Pause())
    actions.append(ShowFailure(failure, serving))
    return replace(state, phase=Phase.BROKEN, kept=serving), tuple(actions)


def _live(state: State, event: Live) -> Step:
    if event.generation != state.newest or state.phase is not Phase.STARTING:
        return state, (Kill(event.generation),) if event.generation != state.live else ()
    if event.outdated and state.repeated < _MOST_REPEATS:
        again = replace(state, repeated=state.repeated + 1)
        if not event.serves:
            again = replace(again, live=event.generation, serves=False)
        return _start(again)
    actions: list[Action] = []
    if event.serves and not state.looking:
        actions.append(Admit(event.generation))
    if state.live and state.live != event.generation:
        actions.append(Retire(state.live))
    actions.append(Announce(event.generation))
    # It may be older than a change that was noticed while it started.
    phase = Phase.DECIDING if state.looking else Phase.RUNNING
    return replace(
        state, phase=phase, live=event.generation, serves=event.serves, repeated=0
    ), tuple(actions)


def _failed(state: State, event: Failed) -> Step:
    if event.generation == state.live:
        # It raised while it ran, or its checks failed after it was live: nothing
        # of it is left to go back to.
        after, actions = _broken(replace(state, live=0), event.failure)
        return after, (Kill(event.generation), *actions)
    if event.generation != state.newest or state.phase is not Phase.STARTING:
        return state, ()
    if state.looking:
        # It may be over already: half of a checkout, or of a save in two steps.
        return replace(state, held=event.failure), ()
    return _broken(state, event.failure)


def _ended(state: State, event: Gone | Finished) -> Step:
    if event.generation == state.live:
        return _live_ended(state, event)
    if event.generation == state.newest and isinstance(event, Finished):
        return _end(state, event.code)
    return state, ()


def _live_ended(state: State, event: Gone | Finished) -> Step:
    status = event.code if isinstance(event, Finished) else event.status
    without = replace(state, live=0)
    if state.phase is Phase.CLEARING or status == RESTART_CODE:
        return _start(without)
    if state.phase in (Phase.RUNNING, Phase.DECIDING):
        return _end(state, status)
    if state.answers:
        # Nobody is left who could answer; this way it is told why.
        return _start(without)
    return without, ()


def _end(state: State, status: int) -> Step:
    return replace(state, phase=Phase.ENDING), (End(status),)
