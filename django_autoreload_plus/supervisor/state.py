"""The state of the command, which only :func:`.policy.step` changes.

Phases::

    starting ──live──▶ running ──files changed──▶ deciding ──nothing new──▶ running
       │  ▲                                         │
       │  └───────────────── new code ──────────────┤
       ▼                                            ▼
     broken ◀──────────── does not compile ─────────┘
"""

from __future__ import annotations

import enum

from ..records import dataclass
from .events import Inspected, StartFailed


class Phase(enum.Enum):
    """What the command is doing."""

    STARTING = "starting"
    RUNNING = "running"
    DECIDING = "deciding"
    #: An old process that must not overlap with the next one is ending.
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
    def can_go_back(self) -> bool:
        """Whether a start or a failure is over, if the disk is what the live child runs."""
        starting = self.phase is Phase.STARTING and self.newest != self.live
        return bool(self.live) and (starting or self.phase is Phase.BROKEN)

    @property
    def answers(self) -> bool:
        """Whether the live child is the one that answers."""
        return self.phase is Phase.RUNNING or (self.phase is Phase.BROKEN and self.kept)
