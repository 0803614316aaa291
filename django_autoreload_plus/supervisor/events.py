"""What happens to the command: :func:`.policy.step` decides about each event."""

from __future__ import annotations

from ..protocol.failure import Failure
from ..records import dataclass
from .code_state import Verdict


@dataclass(frozen=True)
class Begin:
    """The command begins."""


@dataclass(frozen=True)
class SettingsRead:
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
class ProcessExited:
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
    | SettingsRead
    | FilesChanged
    | Inspected
    | PromptOpened
    | PromptLeft
    | Live
    | StartFailed
    | ClearanceAsked
    | Alone
    | ProcessExited
    | Unreadable
    | ProgramFinished
    | RestartAsked
    | StopAsked
    | Replaced
)
