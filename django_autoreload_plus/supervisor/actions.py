"""What the policy wants done; :class:`.supervisor.Supervisor` does it."""

from __future__ import annotations

from ..protocol.failure import Failure
from ..records import dataclass


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
    """End every process but this child, soon.

    0: every one, after which the event :class:`.events.Alone` follows.
    """

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
    """Print that a change waits until the debugger's prompt is left."""


@dataclass(frozen=True)
class Announce:
    """Print that a child is live, and prepare for the next change."""

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
