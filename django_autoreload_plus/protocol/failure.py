"""Why code could not start, as data.

A child builds a :class:`Failure` from an exception, the supervisor from a
process that died or hung or from a file that does not compile. The terminal
and the error page are two views of the same value.
"""

from __future__ import annotations

from ..records import dataclass


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
    #: Its relation to the one before it in the chain: ``"cause"``
    #: (``raise … from``), ``"context"``, ``"part"`` for one of the exceptions
    #: of a group, or ``""`` for the first one.
    relation: str = ""
    #: Calls left out in the middle of ``frames``, as in an endless recursion.
    omitted: int = 0


@dataclass(frozen=True)
class Failure:
    """A start that did not work."""

    #: ``"exception"``, ``"syntax"``, ``"check"``, ``"exit"``, ``"signal"``,
    #: ``"timeout"``, ``"command"``.
    kind: str
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
    #: Whether another process that held what this one needed may be the cause:
    #: ``"impossible"``, ``"possible"`` or ``"likely"``.
    contention: str = "possible"
