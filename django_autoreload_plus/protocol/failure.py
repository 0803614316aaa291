"""Why code could not start, as data.

A child builds a :class:`Failure` from an exception, the supervisor from a
process that died or hung or from a file that does not compile. The terminal
and the error page are two views of the same value.
"""

from __future__ import annotations

from typing import Literal

from ..records import dataclass

#: ``"signal"``: the kernel or another process ended it; ``"command"``: the command itself
#: could not do its part.
FailureKind = Literal["exception", "syntax", "check", "exit", "signal", "timeout", "command"]
#: ``raise … from``, an exception that was raised while another one was handled, one of the
#: exceptions of a group, or ``""`` for the first one.
Relation = Literal["cause", "context", "part", ""]
#: Whether another process that held what this one needed may be the cause.
Contention = Literal["impossible", "possible", "likely"]


@dataclass(frozen=True)
class Frame:
    """One line of a traceback."""

    path: str
    line: int
    function: str
    #: ``(line number, text)`` around ``line``, without line ends.
    source: tuple[tuple[int, str], ...] = ()
    #: The frame lies in the user's project, not in a library.
    own: bool = False
    #: First and last column (0-based, end exclusive) to mark in ``line``.
    columns: tuple[int, int] | None = None


@dataclass(frozen=True)
class ChainLink:
    """One exception of a chain."""

    #: The qualified type, builtins without their module.
    type: str
    message: str
    frames: tuple[Frame, ...] = ()
    #: Its relation to the one before it in the chain.
    relation: Relation = ""
    #: Calls left out in the middle of ``frames``, as in an endless recursion.
    omitted: int = 0


@dataclass(frozen=True)
class Failure:
    """A start that did not work."""

    kind: FailureKind
    #: One line that names the mistake: ``"SyntaxError: '(' was never closed"``.
    summary: str
    #: The whole text for the terminal, ending in a newline.
    text: str
    #: Oldest exception first, as in a printed traceback.
    chain: tuple[ChainLink, ...] = ()
    #: The place to open in an editor, when one is known.
    path: str = ""
    line: int = 0
    #: The same place with its source lines; it may lie outside of all frames,
    #: as a wrong name in a list that a library has read.
    spot: Frame | None = None
    contention: Contention = "possible"
