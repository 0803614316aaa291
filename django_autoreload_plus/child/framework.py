"""The contract between a child and what a framework's adapter adds to it.

A program without a framework runs with the defaults. An adapter changes the attributes of
:attr:`.Connection.framework` when it is loaded (``adapter/child_setup.py``) and when its command
begins (``adapter/command.py``); the child calls them at the moments that are given here.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ..failure.landmarks import NO_LANDMARKS, Landmarks
from ..protocol.messages import Handled
from ..protocol.reasons import Reason
from ..records import dataclass, field
from ..swap.mirrors import Mirror
from .changes import take_changes
from .fork.outside import Data

if TYPE_CHECKING:
    from .fork.private_handles import Handle


class Server(Protocol):
    """A server of this process that follows the gate.

    Its methods are called from the thread that listens to the supervisor.
    """

    def resume(self) -> None:
        """The gate may have opened."""

    def release(self) -> None:
        """Give back the requests that wait for the gate."""

    def retire(self) -> None:
        """Accept nothing more; finish what is under way, then return."""

    def end(self) -> None:
        """Return although something is still under way."""

    def adopt(self, connection: socket.socket) -> None:
        """Serve a connection that another process accepted."""


class Checkpoints(Protocol):
    """Where a framework has checkpoints taken; see :class:`.checkpointer.Checkpointer`."""

    #: Data that was read from databases and other programs.
    data: Data
    #: Called when no checkpoint is taken any more.
    at_stop: list[Callable[[], None]]

    def take(self, label: str, *, renewed: Handle | None = None) -> None:
        """Leave a checkpoint behind; returns in every process that goes on from here.

        ``renewed``: a handle that may be open, as each process gets one of its own.
        """

    def when(self, label: str, condition: Callable[[], bool], *, dispensable: bool = False) -> None:
        """Take a checkpoint at the first import at which the condition holds.

        ``dispensable``: not if it would be no better than one just before.
        """

    def mirror(self, mirror: Mirror) -> None:
        """Values of a module are kept in these objects, too; none of them has been made so far."""

    def stop(self) -> None:
        """No further checkpoints."""


@dataclass
class Framework:
    """Hooks of an adapter; the defaults are those of a program without a framework."""

    #: The command line is being read: an exit is about it, not about code.
    reads_command_line: bool = False
    #: Whether an exception because of which a program has ended lies in its code for certain.
    lies_in_code: Callable[[BaseException | None], bool] = lambda _error: False
    #: Takes those of the changed files that need no new process.
    take_changes: Callable[[tuple[str, ...]], Handled] = take_changes
    #: Called when a request has been answered.
    after_request: Callable[[], None] = lambda: None
    #: Close what the framework manages before a checkpoint is taken, or say why it cannot be.
    before_checkpoint: list[Callable[[], Reason | None]] = field(default_factory=list)
    #: Called in a process that goes on from a checkpoint.
    after_resume: list[Callable[[], None]] = field(default_factory=list)
    #: Computes what requests with these keys would compute first; never raises.
    warm_up: Callable[[tuple[str, ...]], None] = lambda _keys: None
    #: What leads to the place of a mistake in the user's code.
    landmarks: Landmarks = NO_LANDMARKS
    #: Modules whose finalizers (``weakref.finalize``) do nothing but forget an object.
    memory_finalizers: tuple[str, ...] = ()
    #: Files besides our own whose frames tell nothing about a mistake.
    carriers: list[str] = field(default_factory=list)
